"""The Mistakes page without a browser: what it opens on, its links and filters, runs, uploads, what is refused."""

from __future__ import annotations

import gc
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

import models
from dashboard import cache, feedback, state
from dashboard.catalogue import catalogue
from dashboard.mistakes import gallery, handed, keeping, one, said, source
from dashboard.mistakes.place import Place
from dashboard.samples import FOLDER, SAMPLES
from explain import evaluating
from explain.mistakes import confuse, summarise, worst_pairs
from explain.runs import Case, evaluate, read_run
from models import PictureError, Progress, heard_by

ROOT = Path(__file__).resolve().parents[2]
Open = Callable[..., AppTest]


@pytest.fixture(autouse=True)
def _caches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Runs in a folder of the test's, and no folder of the server's unless the test names one."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CONVLENS_DATA", raising=False)
    source.list_again()


@pytest.fixture(autouse=True)
def opened(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the cases that are opened, in place of what one mistake shows."""
    numbers: list[int] = []

    def draw(place: Place, case: Case, hear: feedback.Listening) -> None:
        numbers.append(case.number)

    monkeypatch.setattr(one, "draw", draw)
    return numbers


@pytest.fixture
def open_page(open_view: Open) -> Open:
    """Open the Mistakes page with values in its address and run it once."""
    return partial(open_view, "mistakes")


def texts(app: AppTest) -> str:
    return "\n".join(str(text.value) for text in (*app.title, *app.markdown, *app.text, *app.caption))


def fine(app: AppTest) -> bool:
    """Tell whether nothing went wrong, foreseen or not."""
    return not app.exception and not app.error and "This did not work" not in texts(app)


def address(app: AppTest, name: str) -> str | None:
    value = app.query_params.get(name)
    return value[0] if isinstance(value, list) else value


def tiles(app: AppTest) -> list[dict[str, str]]:
    """What the sheet of pictures shows, as it is sent to the browser."""
    found = [element for element in app.get("bidi_component") if "gallery" in element.proto.component_name]
    return list(json.loads(found[0].proto.json)["tiles"]) if found else []


def picture(name: str, seed: int | None = None) -> bytes:
    """Write a sample, or one that differs from it in a corner, as JPEG."""
    if seed is None:
        return (FOLDER / SAMPLES[name].file).read_bytes()
    image = SAMPLES[name].picture().image.resize((96, 96))
    image.putpixel((0, 0), (seed, seed, seed))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def written(folder: Path, count: int = 6) -> Path:
    """Write pictures in a folder for each class, some in one that they are not of."""
    for number in range(count):
        name, called = (("lemon", "lemon"), ("orange", "orange"), ("school bus", "bus"))[number % 3]
        place = folder / ("teapot" if number == 0 else name)
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.png").write_bytes(picture(called, number))
    return folder


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def test_it_opens_on_the_finished_run_that_ships_with_its_first_mistake_open(
    open_page: Open, opened: list[int]
) -> None:
    app = open_page()
    assert fine(app)
    cases = keeping.shipped().cases
    summary = summarise(cases)
    wrong = summary.counted - summary.right
    assert app.title[0].value == f"{wrong} mistakes in {summary.counted} pictures"
    assert f"it names **{round(100 * summary.right / summary.counted)}" in texts(app)
    assert "most often it takes a" in texts(app)
    surest = cases.number[cases.wrong][np.argmax(cases.confidence[cases.wrong])]
    assert opened == [int(surest)]
    assert len(tiles(app)) == gallery.PAGE
    assert {tile["mark"] for tile in tiles(app)} == {"wrong"}


def test_the_first_screen_with_figures_matrix_and_pictures_needs_no_torch() -> None:
    code = (
        "import sys\n"
        "from streamlit.testing.v1 import AppTest\n"
        "from dashboard.mistakes import one\n"
        "seen = []\n"
        "one.draw = lambda *given: seen.append([n for n in ('torch', 'torchvision', 'captum') if n in sys.modules])\n"
        "app = AppTest.from_string('from dashboard.views import mistakes\\nmistakes.page()\\n', default_timeout=120)\n"
        "assert not app.run().exception\n"
        "assert len(app.metric) == 4 and len(app.get('bidi_component')) >= 2, app\n"
        "print(seen)\n"
    )
    settings = os.environ | {"CONVLENS_WARM": "0"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=settings, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1:] == ["[[]]"], done.stderr


def test_the_run_that_ships_is_one_of_the_weights_that_ship() -> None:
    run, model = keeping.shipped(), models.load("everyday_resnet", device="cpu")
    assert (run.model, run.weights, run.classes) == (model.card.key, model.weights.identity, tuple(model.card.classes))
    assert run.finished and [str(name) for name in run.cases.name] == [s.name for s in source.sample_album().sources]


def test_asked_again_the_network_says_what_the_run_that_ships_says(tmp_path: Path) -> None:
    run, model = keeping.shipped(), models.load("everyday_resnet", device="cpu")
    first = source.sample_album().sources[: run.header.batch]
    again = evaluate(model, first, tmp_path / "run.parquet", run.header.batch).cases
    assert again.sha256.tolist() == run.cases.sha256[: len(first)].tolist()
    assert again.label.tolist() == run.cases.label[: len(first)].tolist()
    # Pictures are decoded and corrupted by libraries that may round otherwise elsewhere.
    assert (again.predicted == run.cases.predicted[: len(first)]).mean() > 0.97
    assert np.allclose(again.probabilities, run.cases.probabilities[: len(first)], atol=0.02)


def test_a_pair_lists_its_pictures_and_stands_in_the_address(open_page: Open, opened: list[int]) -> None:
    app = open_page(case="3")
    run = keeping.shipped()
    pair = worst_pairs(confuse(run.cases))[0]
    app.button(key="pair-0").click().run()
    assert fine(app)
    assert (address(app, "true"), address(app, "guess")) == (run.classes[pair.true], run.classes[pair.predicted])
    assert address(app, "case") is None
    assert len(tiles(app)) == pair.count
    assert {tile["true"] for tile in tiles(app)} == {f"is {run.classes[pair.true]}"}
    assert run.cases.label[opened[-1]] == pair.true and run.cases.predicted[opened[-1]] == pair.predicted
    app.button(key="clear_filters").click().run()
    assert address(app, "true") is None and len(tiles(app)) == gallery.PAGE


def test_a_link_brings_back_list_order_range_and_picture(open_page: Open, opened: list[int]) -> None:
    app = open_page(show="right", true="Lemon", sure="20-80", order="unsure", case="7")
    assert fine(app) and "This link" not in texts(app)
    cases, lemon = keeping.shipped().cases, keeping.shipped().classes.index("lemon")
    sure = cases.confidence[cases.right & (cases.label == lemon)]
    wanted = np.sort(sure[(sure >= 0.2) & (sure <= 0.8)])
    assert [float(tile["guess"].split()[-2]) for tile in tiles(app)] == pytest.approx(100 * wanted[:16], abs=0.51)
    assert opened == [7]
    assert app.slider(key="list-sure").value == (20, 80)
    assert app.selectbox(key="list-order").value == "unsure"
    assert "not in this list" in texts(app)


@pytest.mark.parametrize(
    "query",
    [
        {"show": "worst"},
        {"true": "no such class"},
        {"guess": "<script>"},
        {"sure": "80-20"},
        {"sure": "nan-5"},
        {"order": "random"},
        {"case": "99999999999"},
        {"case": "-1"},
        {"pictures": "data"},
        {"top5": "1"},
    ],
)
def test_what_a_link_cannot_have_is_replaced_with_a_notice(
    open_page: Open, query: dict[str, str], opened: list[int]
) -> None:
    app = open_page(**query)
    assert fine(app)
    assert any("This link asks for" in str(text.value) for text in app.text)
    assert address(app, next(iter(query))) is None
    assert len(tiles(app)) == gallery.PAGE and len(opened) == 1


def test_each_filter_is_set_by_its_control_and_opens_the_first_of_the_new_list(
    open_page: Open, opened: list[int]
) -> None:
    app = open_page(case="7")
    app.selectbox(key="list-show").select("right").run()
    app.selectbox(key="list-order").select("unsure").run()
    app.slider(key="list-sure").set_value((50, 100)).run()
    app.selectbox(key="list-top5").select("in").run()
    assert fine(app)
    asked = [address(app, name) for name in ("show", "order", "sure", "top5", "case")]
    assert asked == ["right", "unsure", "50-100", "in", None]
    cases = keeping.shipped().cases
    among = np.where(cases.right & (cases.confidence >= 0.5), cases.confidence, np.inf)
    assert opened[-1] == int(cases.number[among.argmin()])


def test_next_and_previous_go_through_the_list_and_turn_the_page(open_page: Open, opened: list[int]) -> None:
    app = open_page()
    listed = [tile["id"] for tile in tiles(app)]
    assert app.button(key="step-previous").disabled
    app.button(key="step-next").click().run()
    assert opened[-1] == listed[1] and address(app, "case") == str(listed[1])
    for _ in range(gallery.PAGE - 1):
        app.button(key="step-next").click().run()
    assert fine(app)
    assert opened[-1] not in listed and tiles(app)[0]["id"] == opened[-1]
    app.button(key="step-previous").click().run()
    assert opened[-1] == listed[-1] and [tile["id"] for tile in tiles(app)] == listed


def test_only_the_pictures_of_the_page_are_read(open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    real = source.Album.picture
    monkeypatch.setattr(source.Album, "picture", lambda album, number: read.append(number) or real(album, number))
    shelf = cache.Shelf()
    monkeypatch.setattr(cache, "shelf", lambda: shelf)
    app = open_page()
    first = sorted(read)
    assert first == sorted(tile["id"] for tile in tiles(app))
    app.button(key="step-next").click().run()
    assert sorted(read) == first
    assert 0 < shelf.thumbnails.nbytes < 16 * 20_000


def test_another_network_is_asked_about_the_samples_when_the_user_says_so(open_page: Open) -> None:
    app = open_page(model="everyday_vgg", pictures="samples")
    assert fine(app)
    many = len(source.sample_album().sources)
    assert f"**{many} pictures** of the samples" in texts(app)
    assert len(tiles(app)) == gallery.PAGE and not app.metric
    assert app.button(key="start_run").label == f"Go over {many} pictures"


def test_the_folder_of_the_server_is_the_default_and_one_button_goes_over_it(
    open_page: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, opened: list[int]
) -> None:
    data = written(tmp_path / "mine")
    (data / "lemon" / "broken.png").write_bytes(b"not a picture")
    monkeypatch.setenv("CONVLENS_DATA", str(data))
    app = open_page()
    assert app.radio(key="pictures-choice").value == "data"
    assert "**7 pictures** of mine" in texts(app)
    app.button(key="start_run").click().run()
    assert fine(app)
    run = read_run(next((tmp_path / "cache" / "convlens" / "runs").iterdir()))
    assert run.finished and len(run.cases) == 7
    assert app.title[0].value == said.headline(summarise(run.cases), True)
    assert "1 picture without an answer" in texts(app)
    assert any("1 picture without an answer" in box.label for box in app.expander)
    assert str(data) not in texts(app)
    again = open_page()
    assert again.title[0].value == app.title[0].value and not again.get("start_run")
    assert len(opened) == 2


def test_a_run_that_was_stopped_shows_what_it_has_and_goes_on_where_it_was_left(
    open_page: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Stopped(BaseException):
        pass

    def stop(progress: Progress) -> None:
        if progress.done >= 4:
            raise Stopped

    monkeypatch.setattr(evaluating, "BATCHES_IN_A_PART", 1)
    monkeypatch.setattr(evaluating, "usual_batch", lambda model: 2)
    data = written(tmp_path / "mine", 8)
    monkeypatch.setenv("CONVLENS_DATA", str(data))
    model, album = models.load("everyday_resnet", device="cpu"), source.server_album()
    assert album is not None
    whole = evaluate(model, album.sources, tmp_path / "whole.parquet")
    name = f"{model.card.key}-{model.weights.identity}-{album.identity}.parquet"
    path = tmp_path / "cache" / "convlens" / "runs" / name
    with pytest.raises(Stopped), heard_by(stop):
        evaluate(model, album.sources, path)
    app = open_page(show="all")
    assert fine(app)
    assert "**4** of **8 pictures** have been gone over" in texts(app)
    assert app.title[0].value.startswith("So far: ") and len(tiles(app)) == 4
    app.button(key="start_run").click().run()
    assert fine(app)
    assert len(tiles(app)) == 8
    assert [part.read_bytes() for part in sorted(path.glob("*"))] == [
        part.read_bytes() for part in sorted(whole.folder.glob("*"))
    ]
    assert app.title[0].value == said.headline(summarise(whole.cases), True)


def test_begun_anew_a_run_is_made_again_from_the_first_picture(
    open_page: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CONVLENS_DATA", str(written(tmp_path / "mine")))
    app = open_page()
    app.button(key="start_run").click().run()
    part = next((tmp_path / "cache" / "convlens" / "runs").glob("*/part-*"))
    before = part.stat().st_mtime_ns
    app.button(key="begin_anew").click().run()
    assert fine(app)
    assert part.stat().st_mtime_ns > before and len(tiles(app)) >= 1


def test_a_run_that_cannot_go_on_says_why_and_is_begun_anew_with_a_click(
    open_page: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(evaluating, "BATCHES_IN_A_PART", 1)
    monkeypatch.setattr(evaluating, "usual_batch", lambda model: 2)
    data = written(tmp_path / "mine")
    monkeypatch.setenv("CONVLENS_DATA", str(data))
    app = open_page()
    app.button(key="start_run").click().run()
    parts = sorted((tmp_path / "cache" / "convlens" / "runs").glob("*/part-*"))
    parts[-1].unlink()
    first = next(data.rglob("1.png"))
    other = bytearray(first.read_bytes())
    other[-20] ^= 1
    first.write_bytes(other)
    os.utime(first, (2**32, 2**32))
    app = open_page()
    app.button(key="start_run").click().run()
    assert not app.exception and not app.error
    assert "was changed after the run" in texts(app)
    app.button(key="begin_anew_instead").click().run()
    assert fine(app)
    assert parts[-1].exists() and app.title[0].value.endswith("in 5 pictures")
    parts[0].write_bytes(parts[0].read_bytes()[:100])
    assert "**4** of **6 pictures** have been gone over" in texts(open_page())


def test_pictures_added_to_the_folder_are_found_when_it_is_looked_through_again(
    open_page: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    data = written(tmp_path / "mine")
    monkeypatch.setenv("CONVLENS_DATA", str(data))
    app = open_page()
    written(data, 9)
    app.button(key="list_again").click().run()
    assert "**9 pictures** of mine" in texts(app)


def test_a_folder_that_is_gone_is_told_without_its_place(
    open_page: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CONVLENS_DATA", str(tmp_path / "gone"))
    app = open_page()
    assert not app.exception
    assert "no folder or zip named 'gone'" in texts(app) and str(tmp_path) not in texts(app)
    app.radio(key="pictures-choice").set_value("samples").run()
    assert len(tiles(app)) == gallery.PAGE


def test_a_zip_that_is_handed_over_is_gone_over_in_a_folder_of_the_session(open_page: Open, tmp_path: Path) -> None:
    app = open_page(pictures="own")
    assert fine(app) and "Hand over pictures" in texts(app)
    files = {"my/lemon/1.jpg": picture("lemon"), "my/teapot/2.jpg": picture("orange"), "my/lemon/3.jpg": b"no picture"}
    app.file_uploader(key="handed-files-0").upload("my.zip", zipped(files), "application/zip").run()
    assert "**3 pictures** of my" in texts(app)
    app.button(key="start_run").click().run()
    assert fine(app)
    assert app.title[0].value in ("1 mistake in 2 pictures", "2 mistakes in 2 pictures")
    assert not (tmp_path / "cache").exists()
    assert "3 pictures handed over: my" in texts(app)
    app.button(key="forget_handed").click().run()
    assert "Hand over pictures" in texts(app)


def test_pictures_that_are_handed_over_without_classes_are_listed_as_such(open_page: Open) -> None:
    app = open_page(pictures="own")
    app.file_uploader(key="handed-files-0").upload("1.jpg", picture("coffee"), "image/jpeg").run()
    app.button(key="start_run").click().run()
    assert fine(app)
    assert app.title[0].value == "1 picture, and no way to tell which are named right"
    assert [tile["mark"] for tile in tiles(app)] == [""]


def test_files_of_which_none_is_a_picture_are_refused_in_a_sentence(open_page: Open) -> None:
    app = open_page(pictures="own")
    app.file_uploader(key="handed-files-0").upload("x.zip", zipped({"a.txt": b"hello"}), "application/zip").run()
    assert not app.exception
    assert "There are no pictures" in texts(app)


def test_what_was_handed_over_goes_with_the_session() -> None:
    files = [("../../lemon/1.jpg", io.BytesIO(picture("lemon")))]
    given = handed.take(files)
    place = given.folder
    assert [path.name for path in place.iterdir()] == ["pictures.zip"]
    assert given.album.picture(0).image.size == SAMPLES["lemon"].picture().image.size
    del given
    gc.collect()
    assert not place.exists()


def test_a_zip_among_pictures_is_refused_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping.tempfile, "tempdir", str(tmp_path))
    files = [("a.zip", io.BytesIO(zipped({"a.png": b""}))), ("b.png", io.BytesIO(picture("lemon", 1)))]
    with pytest.raises(PictureError, match="one zip, or pictures"):
        handed.take(files)
    assert list(tmp_path.iterdir()) == []


def test_a_network_without_weights_here_asks_before_it_fetches_them(open_page: Open) -> None:
    app = open_page(model="resnet18")
    assert fine(app)
    assert app.button(key="download").label.startswith("Download")
    assert not tiles(app)


def test_an_untrained_network_has_runs_of_its_own(open_page: Open) -> None:
    app = open_page(untrained="true")
    assert fine(app)
    assert app.button(key="start_run").label.startswith("Go over")
    assert any("random numbers" in str(text.value) for text in app.warning)


def test_other_weights_of_a_network_have_a_run_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry, album = catalogue().models["everyday_resnet"], source.sample_album()
    assert keeping.where(entry, False, album, None) == keeping.SHIPPED
    assert keeping.where(catalogue().models["resnet18"], False, album, None) is None
    monkeypatch.setenv("CONVLENS_WEIGHTS", str(tmp_path))
    file = tmp_path / "everyday_resnet.safetensors"
    file.write_bytes(b"some")
    one = keeping.where(entry, False, album, None)
    file.write_bytes(b"other")
    other = keeping.where(entry, False, album, None)
    assert len({keeping.SHIPPED, one, other, keeping.where(entry, True, album, None)}) == 4
    assert one is not None and one.parent == tmp_path / "cache" / "convlens" / "runs"
    assert keeping.where(entry, True, album, tmp_path / "mine") != keeping.where(entry, True, album, None)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("lemon", "a *lemon*"),
        ("orange", "an *orange*"),
        ("school bus", "a *school bus*"),
        ("sunglasses", "*sunglasses*"),
        ("unicycle", "a *unicycle*"),
        ("umbrella", "an *umbrella*"),
        ("hourglass", "an *hourglass*"),
        ("", "a **"),
    ],
)
def test_a_class_has_its_article(name: str, written: str) -> None:
    assert said.with_article(name) == written


def test_a_class_name_with_marks_in_it_stays_text() -> None:
    assert said.with_article("<b>*x*") == r"a *\<b\>\*x\**"


def test_a_thumbnail_is_small_and_square() -> None:
    data = gallery.small(Image.new("RGB", (900, 300), "red"))
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == (gallery.SIDE, gallery.SIDE)


def test_the_oldest_runs_make_room_but_not_those_just_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MOST_KEPT", 2)
    for number in range(5):
        run = tmp_path / f"{number}.parquet"
        run.mkdir()
        os.utime(run, (1_000_000 + number, 1_000_000 + number))
    new = tmp_path / "new.parquet"
    new.mkdir()
    keeping.make_room(new)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["4.parquet", "new.parquet"]


def test_more_than_a_session_may_hold_is_refused_before_it_is_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handed, "MOST_MEGABYTES", 0)
    with pytest.raises(PictureError, match="Together they may be"):
        handed.take([("a.jpg", io.BytesIO(picture("coffee")))])


def test_a_name_that_is_spelled_just_so_comes_before_one_that_looks_alike() -> None:
    assert state.named("a", ["A", "a"], str) == "a" and state.named("C++", ["C", "C++"], str) == "C++"
    assert state.named("tabby cat", ["Tabby-Cat"], str) == "Tabby-Cat" and state.named("x", ["y"], str) is None
