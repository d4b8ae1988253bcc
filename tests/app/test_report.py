"""Reports: one file that asks nobody for anything, says what was found, and is made again by the command in it."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import io
import json
import re
import shlex
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

import explain
import models
from dashboard import cache, checks, cli, export, samples
from dashboard.answers import Choice
from dashboard.classes import Question
from dashboard.commands import report as command
from dashboard.mistakes import reporting
from dashboard.mistakes.place import Place
from dashboard.mistakes.source import Album
from dashboard.report import contents, pictures, repeating
from dashboard.report.markup import sentence, tag
from dashboard.report.matrix import matrix, painted
from dashboard.report.of_one import of_one
from dashboard.report.of_run import Asked, numbered, of_run
from dashboard.report.summary import in_percent
from dashboard.report.writing import write
from dashboard.show import Shown
from dashboard.uploads import read_picture
from explain import metric, sources
from explain.method import kebab
from explain.mistakes import Confusion, Filter, confuse, rows, summarise, worst_pairs
from explain.pictures import colour_table
from explain.results import Heatmap
from explain.runs import Run, evaluate, read_run

NASTY = "<img src=x onerror=alert(1)>.png"
TURNED = "a\N{RIGHT-TO-LEFT OVERRIDE}gnp.png"
#: What may load or run something.
ACTIVE = {"script", "iframe", "object", "embed", "link", "base", "form", "input", "button", "video", "audio"}
VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Reads a report as a browser would: its elements, and the text of each."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.code: dict[str, str] = {}
        self.style = ""
        self.feed(data.decode())
        assert self._open == [], "an element is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, "elements are closed in another order than opened"

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "style":
            self.style += data
        elif self._open and self._open[-1] == "code":
            kind = self.elements[-1][1]["class"]
            self.code[kind] = self.code.get(kind, "") + data
        else:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"[ \n]+", " ", "".join(self.texts))

    @property
    def cases(self) -> list[int]:
        ids = [given.get("id", "") for name, given in self.elements if name == "section"]
        return [int(one.removeprefix("case-")) for one in ids if one.startswith("case-")]

    @property
    def images(self) -> list[dict[str, str]]:
        return [given for name, given in self.elements if name == "img"]


def do(*arguments: object) -> int:
    return cli.main([str(argument) for argument in arguments])


def bitmap(seed: int) -> bytes:
    """Draw a picture whose file has the same size as every other."""
    levels = np.random.default_rng(seed).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(levels).save(buffer, "BMP")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds `data`, named right and wrong, and `run`, what a network said of it."""
    place = tmp_path_factory.mktemp("report")
    sample = {name: (samples.FOLDER / f"{name}.jpg").read_bytes() for name in ("lemon", "orange", "basketball")}
    lemon = io.BytesIO()
    Image.open(io.BytesIO(sample["lemon"])).save(lemon, "PNG")
    files = {
        "lemon/a.jpg": sample["lemon"],
        "orange/b.jpg": sample["orange"],
        "orange/broken.jpg": b"",
        f"orange/{NASTY}": lemon.getvalue(),
        f"teapot/{TURNED}": lemon.getvalue(),
        "teapot/noise.bmp": bitmap(0),
        "<b>bold</b>/c.jpg": sample["basketball"],
    }
    for name, data in files.items():
        path = place / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    listed = sources.read(place / "data", read_picture)
    evaluate(models.load("everyday_resnet", device="cpu"), listed.sources, place / "run")
    return place


@pytest.fixture
def there(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a copy of that folder."""
    shutil.copytree(made, tmp_path / "there")
    monkeypatch.chdir(tmp_path / "there")
    return tmp_path / "there"


def run_of(place: Path) -> Run:
    return read_run(place / "run")


def number_of(run: Run, part: str) -> int:
    (found,) = (int(number) for number, name in zip(run.cases.number, run.cases.name, strict=True) if part in name)
    return found


def reported(place: Path, *arguments: object) -> Page:
    assert do("report", "run", "--data", "data", *arguments, "--out", "out.html") == 0
    return Page((place / "out.html").read_bytes())


def shown(method: str = "GradCAM", **changed: Any) -> Shown:
    picture = samples.SAMPLES["lemon"].picture()
    choice = dataclasses.replace(Choice("everyday_resnet", picture, method), **changed)
    params = dict(choice.parameters)
    entry = cache.catalogue().methods[method].params
    choice = dataclasses.replace(choice, parameters=tuple((p.name, params.get(p.name, p.default)) for p in entry))
    answer = cache.compute(cache.Shelf(), cache.load("everyday_resnet"), choice)
    names = cache.catalogue().models["everyday_resnet"].classes
    question = Question.of(choice, answer.prediction, names)
    return Shown(choice, answer, question, "", samples.SAMPLES["lemon"].alt)


def test_a_report_asks_nobody_for_anything(there: Path) -> None:
    page = reported(there, "--worst", 2)
    assert not {name for name, _ in page.elements} & ACTIVE
    for name, given in page.elements:
        assert not [key for key in given if key.startswith("on") or key == "style"]
        if name == "img":
            assert re.match(r"data:image/(webp|png);base64,", given["src"]) and given["alt"]
        assert given.get("href", "#").startswith(("#", "data:image/png;base64,"))
    assert not re.search(r"https?:|url\(|@import|//", page.style)
    (policy,) = (given["content"] for _, given in page.elements if given.get("http-equiv") == "Content-Security-Policy")
    checksum = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
    rules = ["default-src 'none'", "img-src data:", f"style-src 'sha256-{checksum}'"]
    assert policy.split("; ") == [*rules, "base-uri 'none'", "form-action 'none'"]


def test_pictures_in_a_report_are_whole_and_hold_nothing_but_pixels(there: Path) -> None:
    page = reported(there, "--worst", 1)
    for given in page.images:
        with Image.open(io.BytesIO(base64.b64decode(given["src"].partition(",")[2]))) as image:
            image.load()
            assert not image.getexif() and not {"icc_profile", "xmp", "exif", "comment"} & set(image.info)


def test_names_are_shown_as_text_whatever_is_in_them(there: Path) -> None:
    run = run_of(there)
    numbers = [number_of(run, part) for part in (NASTY, "gnp", "<b>")]
    page = reported(there, "--cases", ",".join(map(str, numbers)))
    assert f"orange/{NASTY}" in page.text and "<b>bold</b>/c.jpg" in page.text
    assert "teapot/agnp.png" in page.text and "\N{RIGHT-TO-LEFT OVERRIDE}" not in page.text
    assert not [given for name, given in page.elements if name == "b" or given.get("src") == "x"]


@pytest.mark.parametrize(
    "asked",
    [
        ("run", "--data", "data", "--worst", "2", "--date", "the 1st of May"),
        ("run", "--data", "data", "--cases", "0,1,3", "--method", "occlusion", "--window", "32", "--stride", "32"),
        ("--samples", "--worst", "1"),
        ("--image", f"data/orange/{NASTY}", "--model", "everyday_resnet", "--target", "orange", "--against", "lemon"),
        ("--sample", "lemon", "--model", "everyday_resnet", "--weights", "random", "--ask", "probability"),
    ],
)
def test_the_command_in_a_report_makes_the_same_bytes(asked: tuple[str, ...], there: Path) -> None:
    assert do("report", *asked, "--out", "a b.html") == 0
    first = (there / "a b.html").read_bytes()
    (there / "a b.html").unlink()
    cache.shelf.clear()
    for line in Page(first).code["command"].splitlines():
        program, *arguments = shlex.split(line)
        assert program == "convlens" and cli.main(arguments) == 0
    assert (there / "a b.html").read_bytes() == first
    assert ("the 1st of May" in Page(first).text) == ("--date" in asked)


def test_the_pictures_that_were_chosen_are_those_in_the_report(there: Path) -> None:
    run = run_of(there)
    assert reported(there, "--cases", "3,1,3").cases == [3, 1]
    worst = [int(run.cases.number[row]) for row in rows(run.cases, Filter(show="wrong"), "surest")]
    assert len(worst) == 3
    assert reported(there, "--worst", 2).cases == worst[:2]
    assert reported(there).cases == worst


def test_the_figures_of_a_report_are_those_of_the_run(there: Path) -> None:
    cases = run_of(there).cases
    page, found = reported(there, "--worst", 1), summarise(cases)
    assert found.interval is not None and found.calibration_error is not None
    assert found.accuracy is not None and found.top5_accuracy is not None and found.confidence is not None
    assert f"First guess right{in_percent(found.accuracy)}{found.right} of {found.counted} pictures" in page.text
    low, high = found.interval
    assert f"{100 * low:.1f} to {100 * high:.1f}" in page.text
    assert f"Among the first five{in_percent(found.top5_accuracy)}" in page.text
    assert f"How sure on average{in_percent(found.confidence)}" in page.text
    assert f"Calibration error{100 * found.calibration_error:.1f} points" in page.text
    counted = "7 pictures: 5 with a class and an answer, 1 without a class that the network knows"
    assert f"{counted}, 1 without an answer." in page.text
    pair, names = worst_pairs(confuse(cases))[0], run_of(there).classes
    assert f"{names[pair.true]}{names[pair.predicted]}{pair.count}{in_percent(pair.count / pair.of)}" in page.text


def test_a_picture_without_an_answer_stands_there_with_its_reason(there: Path) -> None:
    run = run_of(there)
    page = reported(there, "--cases", number_of(run, "broken"))
    assert "Why is there no answer?" in page.text and "The file is empty." in page.text
    assert page.images == []


def test_a_mistake_has_three_maps_on_one_scale_its_probabilities_and_its_checksum(there: Path) -> None:
    run = run_of(there)
    number = number_of(run, NASTY)
    page = reported(there, "--cases", number)
    case = run.case(number)
    said, true = run.classes[case.predicted], "orange"
    titles = [f"For {said}", f"For {true}", f"For {said} rather than {true}"]
    assert [given["alt"].rpartition(": ")[2] for given in page.images if "laid over" in given["alt"]] == [
        f"{title}." for title in titles
    ]
    model = models.load("everyday_resnet", device="cpu")
    image = Image.open(there / "data" / "orange" / NASTY).convert("RGB")
    targets = (explain.ClassLogit(case.predicted), explain.ClassLogit(case.label or 0))
    maps = [explain.run(model, image, explain.GradCAM(), one) for one in targets]
    maps.append(explain.run(model, image, explain.GradCAM(), explain.Contrast(case.predicted, case.label or 0)))
    tops = [float(one.values.max()) for one in maps if isinstance(one, Heatmap)]
    for top in tops:
        assert f"At most {top:.3g}." in page.text
    (bar,) = (given["alt"] for given in page.images if "colours" in given["alt"])
    assert bar.startswith("The colours of the maps, from 0 to ")
    assert case.sha256 in page.text and f"{true} true class" in page.text
    for share in case.probabilities:
        assert in_percent(float(share)) in page.text


def test_the_lines_of_python_compute_the_maps_of_the_report(there: Path) -> None:
    run = run_of(there)
    number = number_of(run, NASTY)
    page = reported(there, "--cases", number, "--method", "saliency")
    names: dict[str, Any] = {}
    exec(page.code["python"], names)
    assert f"At most {float(names['rather'].values.max()):.3g}." in page.text
    assert names["case"].number == number and names["rather"].target.against == names["case"].label
    plain = Page(export.report(shown()))
    exec(plain.code["python"], names)
    assert isinstance(names["answer"], Heatmap)


def test_each_map_of_a_mistake_says_whether_another_class_has_another_map_and_whether_it_adds_up(there: Path) -> None:
    number = number_of(run_of(there), NASTY)
    page = reported(there, "--cases", number, "--method", "integrated-gradients")
    assert page.text.count("The map for ") == 3 and page.text.count("The evidence ") == 3
    assert "Not asked about another class" not in page.text and "All checks" not in page.text


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("flag", ["--check", "--checks"])
def test_a_report_of_a_run_holds_all_checks_where_they_are_wanted(there: Path, flag: str) -> None:
    number = number_of(run_of(there), NASTY)
    page = reported(there, "--cases", number, flag)
    said = run_of(there).classes[run_of(there).case(number).predicted]
    assert page.text.count(f"All checks of the map for {said}") == 1
    assert "Deletion" in page.text and "a random map gets" in page.text
    assert page.text.index("Another class ·") < page.text.index("Completeness ·")
    assert flag in page.code["command"]


def test_maps_of_one_picture_share_their_colours() -> None:
    grey = Image.new("RGB", (448, 448), (128, 128, 128))
    strong = Heatmap(values=np.full((64, 64), 2, np.float32), signed=False)
    weak = Heatmap(values=np.full((64, 64), 0.5, np.float32), signed=False)
    shared = pictures.Scale.of([weak, strong])
    assert (shared.top, shared.exceeds) == (2.0, False)

    def middle(heatmap: Heatmap) -> np.ndarray:
        uri = pictures.laid(grey, heatmap, shared)
        with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as image:
            return np.asarray(image)[224, 224].astype(float)

    table = colour_table("inferno").astype(float)
    for heatmap, place in ((strong, 255), (weak, 64)):
        weight = pictures.STRENGTH * (place / 255) ** 0.7
        np.testing.assert_allclose(middle(heatmap), 128 * (1 - weight) + table[place] * weight, atol=4)


def test_the_report_of_the_explain_page_is_made_by_its_command(there: Path) -> None:
    asked = shown("Occlusion", parameters=(("window", 32), ("stride", 32)), index=3, against=5)
    data = export.report(asked)
    page = Page(data)
    assert cli.main(shlex.split(page.code["command"])[1:]) == 0
    assert (there / "report.html").read_bytes() == data
    assert "Window32" in page.text and "Stride32" in page.text and "Fillblack" in page.text
    assert asked.answer.check is not None and in_percent(asked.answer.check.hidden) in page.text
    assert asked.choice.picture.sha256 in page.text and asked.answer.weights in page.text


#: A few checks of each kind that cost little.
FEW = ("Sparseness", "Completeness", "Deletion", "RandomLogit")


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave only a few checks in the registry."""
    monkeypatch.setattr(metric, "METRICS", {name: explain.METRICS[name] for name in FEW})


@pytest.mark.usefixtures("few")
def test_a_report_holds_the_checks_that_were_made_and_its_command_and_lines_make_them_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = shown(index=3)
    cache.model("everyday_resnet", False, lambda progress: None)
    assert "All checks" not in Page(export.report(asked)).text
    for one in checks.planned(asked.choice, asked.answer):
        cache.check(asked.choice, asked.answer, one, lambda progress: None)
    data = export.report(asked)
    page = Page(data)
    assert "All checks" in page.text and "a random map gets" in page.text and "Not for this map." in page.text
    drawn = [given["class"] for name, given in page.elements if name == "polyline"]
    assert drawn == ["line random", "line centre", "line edges", "line own"]
    assert cli.main(shlex.split(page.code["command"])[1:]) == 0
    assert (tmp_path / "report.html").read_bytes() == data
    names: dict[str, Any] = {}
    exec(page.code["python"], names)
    deletion = cache.checked(asked.choice, asked.answer, explain.Deletion())
    assert isinstance(deletion, explain.Curve)
    assert deletion.value in [pytest.approx(found.value, abs=1e-5) for found in names["checks"]]
    recorded = json.loads(export.recipe(asked))["result"]["all_checks"]
    assert {one["name"] for one in recorded} == set(FEW)


def test_a_report_says_the_same_however_slow_the_machine_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = shown()
    assert asked.answer.check is not None and asked.answer.check.other is not None
    assert "The map for orange is nearly the same" in Page(export.report(asked)).text
    slow = dataclasses.replace(asked.answer.check, other=None, alike=None)
    asked = dataclasses.replace(asked, answer=dataclasses.replace(asked.answer, check=slow))
    data = export.report(asked)
    command = Page(data).code["command"]
    assert "--no-another-class" in command and "Not asked about another class" in Page(data).text
    further = ((explain.RandomLogit(), explain.Score(value=0.3, better="lower")),)
    of = of_one(asked, contents.Again((), ""), further)
    assert "Not asked about another class" not in Page(write(of)).text
    assert cli.main(shlex.split(command)[1:]) == 0
    assert (tmp_path / "report.html").read_bytes() == data


def test_the_channels_of_a_layer_can_be_reported() -> None:
    page = Page(export.report(shown("LayerActivations", parameters=(("layer", "layer2"),))))
    assert len(page.images) == 2 and "Layer layer2" in page.text and "that answer most strongly" in page.text


def test_the_explain_page_offers_its_report(open_app: Any) -> None:
    app = open_app()
    assert not app.exception
    assert [button.label for button in app.get("download_button") if button.key == "export-html"] == ["Report (HTML)"]


PAGE = """
from dashboard import feedback
from dashboard.catalogue import catalogue
from dashboard.mistakes import keeping, place, reporting, source
import streamlit as st
with feedback.Listening(st.container(), "Working") as hear:
    found = place.find(catalogue().models["everyday_resnet"], False, keeping.shipped(), source.sample_album())
    reporting.draw(found, found.rows, hear)
"""


def test_the_mistakes_page_makes_the_report_that_its_command_makes(there: Path) -> None:
    app = AppTest.from_string(PAGE, default_timeout=120).run()
    app.slider(key="report-count").set_value(2).run()
    assert "report_made" not in app.session_state
    app.button(key="report-make").click().run()
    assert not app.exception
    data = app.session_state["report_made"][1]
    (line,) = (code.value for code in app.code)
    assert Page(data).code["command"] == line and len(Page(data).cases) == 2
    assert cli.main(shlex.split(line)[1:]) == 0
    assert (there / "report.html").read_bytes() == data
    app.checkbox(key="report-checks").check().run()
    (line,) = (code.value for code in app.code)
    assert "--check" in line and app.button(key="report-make")
    app.radio(key="report-which").set_value("The open picture").run()
    assert app.button(key="report-make").label == "Make a report of 1 picture"


def test_the_commands_of_a_report_over_own_pictures_make_the_run_and_the_report(there: Path) -> None:
    (there / "data").rename(there / reporting.DATA)
    album = Album("own", "holiday.zip", sources.read(there / reporting.DATA, read_picture).sources)
    entry = cache.catalogue().models["everyday_resnet"]
    place = Place(entry, False, run_of(there), album, Filter(), "surest", None)
    method = cache.catalogue().maps["Saliency"]
    usual = tuple((param.name, param.default) for param in method.params)
    asked = Asked(place.run, tuple(map(int, place.rows[:1])), numbered(1), place.picture, method, usual)
    again = reporting.again_of(asked, place, "today")
    data = write(of_run(asked, again, reporting._answer, reporting._check, lambda progress: None))
    for line in Page(data).code["command"].splitlines():
        assert cli.main(shlex.split(line)[1:]) == 0
    assert (there / "report.html").read_bytes() == data
    names: dict[str, Any] = {}
    exec(Page(data).code["python"], names)
    assert isinstance(names["rather"], Heatmap)


@pytest.mark.parametrize(
    ("spoil", "asked", "said"),
    [
        (lambda place: (place / "data" / "lemon" / "a.jpg").unlink(), (), "other pictures or labels"),
        (lambda place: None, ("--weights", "random"), "other weights"),
        (lambda place: (place / "data" / "teapot" / "noise.bmp").write_bytes(bitmap(1)), (), "changed after the run"),
        (lambda place: None, ("--cases", "3,99"), "no case 99"),
        (lambda place: None, ("--method", "layer-activations"), "gives no map"),
        (lambda place: shutil.rmtree(place / "run"), (), "no run named 'run'"),
    ],
)
def test_a_run_of_something_else_is_refused_in_a_sentence(
    spoil: Any, asked: tuple[str, ...], said: str, there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(there)
    assert do("report", "run", "--data", "data", *asked, "--out", "out.html") == 1
    told = capsys.readouterr().err
    assert said in told and len(told.splitlines()) == 1
    assert not (there / "out.html").exists()


@pytest.mark.parametrize(
    "asked",
    [
        ("run", "--out", "a.html"),
        ("run", "--data", "data", "--image", "a.jpg", "--out", "a.html"),
        ("--image", "a.jpg", "--out", "a.html"),
        ("--model", "everyday_resnet", "--out", "a.html"),
        ("run", "--data", "data", "--cases", "1", "--worst", "2", "--out", "a.html"),
        ("run", "--data", "data", "--worst", "0", "--out", "a.html"),
        ("run", "--data", "data", "--cases", "one", "--out", "a.html"),
    ],
)
def test_flags_that_do_not_go_together_are_refused(asked: tuple[str, ...], there: Path) -> None:
    with pytest.raises(SystemExit) as stopped:
        do("report", *asked)
    assert stopped.value.code == 2


def test_a_report_that_cannot_be_written_leaves_the_one_before(
    there: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (there / "old.html").write_bytes(b"old")

    def fail(self: Path, target: Path) -> Path:
        raise OSError("no room")

    with monkeypatch.context() as patched, pytest.raises(models.ConvLensError, match="cannot be written"):
        patched.setattr(Path, "replace", fail)
        command.write_whole(there / "old.html", b"new")
    assert (there / "old.html").read_bytes() == b"old"
    assert sorted(path.name for path in there.iterdir()) == ["data", "old.html", "run"]
    asked = ("report", "--sample", "lemon", "--model", "everyday_resnet", "--out")
    assert do(*asked, "nowhere/a.html") == 1 and "no folder" in capsys.readouterr().err
    assert do(*asked, "a.pdf") == 1 and "must end in .html" in capsys.readouterr().err


def test_flags_say_what_differs_from_the_usual() -> None:
    entry = cache.catalogue().methods["IntegratedGradients"]
    usual = {param.name: param.default for param in entry.params}
    assert repeating.flags(entry, tuple(usual.items())) == ["--method", kebab("IntegratedGradients")]
    changed = {**usual, "steps": 7}
    assert repeating.flags(entry, tuple(changed.items())) == ["--method", "integrated-gradients", "--steps", "7"]


def test_markup_escapes_all_but_its_own() -> None:
    assert tag("p", "<b>", tag("em", "&"), title='"').html == '<p title="&quot;">&lt;b&gt;<em>&amp;</em></p>'
    assert sentence(r"**a\*b** <*c*>").html == "<strong>a*b</strong> &lt;<em>c</em>&gt;"
    assert tag("p", "\ud800\x00\N{RIGHT-TO-LEFT OVERRIDE}x").html == "<p>x</p>"


@pytest.mark.parametrize("classes", [3, 40, 200])
def test_a_matrix_of_any_size_is_drawn(classes: int) -> None:
    counts = np.diag(np.arange(classes))
    counts[2, 1] = 5
    names = [f"class <{index}>" for index in range(classes)]
    drawn = matrix(Confusion(np.arange(classes), counts), names).html
    page = Page(drawn.encode())
    assert ("<table" in drawn) == (classes == 3)
    assert (f"class <{classes - 1}>" in page.text) == (classes < 100)
    image = np.asarray(painted(counts)).astype(int)
    assert image[2, 1, 0] > image[2, 1, 2] + 50 and image[2, 2, 2] > image[2, 2, 0]
    assert (image[0, 0] == image[1, 2]).all(), "a class without pictures has a colour"


def test_weights_from_a_file_are_reported_as_given(there: Path) -> None:
    file = there / "mine.safetensors"
    shutil.copy(Path(models.__file__).parents[1] / "assets" / "weights" / "everyday_resnet.safetensors", file)
    asked = ("--sample", "lemon", "--model", "everyday_resnet", "--weights", file.name, "--out", "a.html")
    assert do("report", *asked) == 0
    page = Page((there / "a.html").read_bytes())
    assert "models.load('everyday_resnet', weights='mine.safetensors')" in page.code["python"]
    identity = models.load("everyday_resnet", weights=file.name).weights.identity
    assert identity in page.text and torch.is_grad_enabled()
