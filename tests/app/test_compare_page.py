"""The Compare page without a browser: links, panes, honest scales, one trace for a wall, what is taken along."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from dashboard import cache, samples
from dashboard.answers import Answer, Choice
from dashboard.catalogue import catalogue
from dashboard.compare import exporting, measuring, scales, table, wall
from dashboard.compare import said as said_of
from dashboard.compare.axes import Member
from dashboard.compare.filling import Seen
from dashboard.uploads import Picture
from explain import Completeness, Deletion, Sparseness
from explain.agreement import spearman, ssim
from explain.metric import Metric
from explain.results import Heatmap, Prediction, Score
from models.errors import UnsuitableError

Open = Callable[..., AppTest]
GREY = Picture(Image.new("RGB", (400, 400)), "0" * 64, (), "grey.png")
FAST = {"method": "Saliency", "methods": "InputXGradient"}


@pytest.fixture
def open_page(open_view: Open) -> Open:
    """Open the Compare page with values in its address and run it once."""
    return partial(open_view, "compare")


@pytest.fixture
def made_up_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer each check at once: the figure is the length of the method's name and the number of the class.

    It is better than that of the control map.
    """

    def check(choice: Choice, answer: Answer, metric: Any, listener: object) -> Score:
        value, control = float(len(choice.method) + (choice.index or 0)), 1.0 if metric.better == "higher" else 99.0
        return Score(value=value, better=metric.better, baselines={"random": control}, metric=metric)

    monkeypatch.setattr(cache, "check", check)
    monkeypatch.setattr(cache, "checked", lambda choice, answer, metric: None)


def title(app: AppTest) -> str:
    return str(app.title[0].value)


def texts(app: AppTest) -> str:
    return "\n".join(str(text.value) for text in app.markdown).replace("\N{NO-BREAK SPACE}", " ")


def said(app: AppTest) -> list[str]:
    return [str(text.value) for text in app.text]


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Catch what the page hands to its exports: place, panes, pairs and checks."""
    caught: list[Any] = []
    real = exporting.draw

    def draw(*given: Any) -> None:
        caught[:] = given
        real(*given)

    monkeypatch.setattr(exporting, "draw", draw)
    return caught


@pytest.mark.usefixtures("made_up_checks")
def test_the_first_view_compares_two_recommended_methods(open_page: Open) -> None:
    app = open_page()
    assert not app.exception
    assert title(app) == "Do the methods agree on *tabby*?"
    assert app.multiselect(key="beside-methods").value == ["IntegratedGradients"]
    assert "their pixels' ranks correlate by" in texts(app)
    assert {part.value for part in app.subheader} >= {"How alike are the maps?", "Do they hold up?", "Keep it"}
    assert dict(app.query_params) == {}


@pytest.mark.usefixtures("made_up_checks")
@pytest.mark.parametrize(
    ("query", "headline", "names"),
    [
        ({"method": "Saliency", "methods": "HiResCAM,InputXGradient", "difference": "2-3"}, "methods agree", 3),
        ({"compare": "classes", "classes": "pretzel,lemon", "scale": "own"}, "What speaks for *tabby*", 3),
        ({"compare": "networks", "networks": "everyday_vgg,untrained", "scale": "rank"}, "networks see *tabby*", 3),
        ({"compare": "pictures", "pictures": "coffee,bus,lemon", "difference": "none"}, "picture by picture", 4),
    ],
)
def test_a_link_brings_the_view_back(
    open_page: Open, taken: list[Any], query: dict[str, str], headline: str, names: int
) -> None:
    app = open_page(**query)
    assert not app.exception
    assert headline in title(app)
    drawn = taken[1]
    assert len(drawn.seen) == names
    assert dict(app.query_params) == query
    first = [(one.title, one.heatmap.values) for one in drawn.seen]
    again = open_page(**dict(app.query_params))
    assert title(again) == title(app)
    for (before, values), one in zip(first, taken[1].seen, strict=True):
        assert before == one.title
        np.testing.assert_array_equal(values, one.heatmap.values)


@pytest.mark.usefixtures("made_up_checks")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("compare", "colours"), ("methods", "Magic"), ("methods", "PGD"), ("scale", "log"), ("difference", "1-9")),
        *(("zoom", "9999-50-50"), ("zoom", "200-50"), ("thorough", "perhaps"), ("wall", "huge"), ("class", "unicorn")),
    ],
)
def test_an_unknown_value_in_a_link_falls_back_with_a_notice(open_page: Open, name: str, value: str) -> None:
    app = open_page(**{**FAST, name: value})
    assert not app.exception
    assert title(app) == "Do the methods agree on *tabby*?"
    assert any(f"“{value}”" in text for text in said(app))


@pytest.mark.usefixtures("made_up_checks")
@pytest.mark.parametrize(
    ("axis", "value"), [("classes", "99999"), ("networks", "resnet99"), ("pictures", "../secret"), ("classes", "NaN")]
)
def test_a_link_to_what_is_not_there_falls_back_to_the_usual(open_page: Open, axis: str, value: str) -> None:
    app = open_page(method="Saliency", compare=axis, **{axis: value})
    assert not app.exception
    assert any(f"“{value}”" in text for text in said(app))
    assert len(app.multiselect(key=f"beside-{axis}").value) == 1


@pytest.mark.usefixtures("made_up_checks")
def test_a_method_that_gives_no_map_is_not_compared(open_page: Open) -> None:
    app = open_page(method="FeatureFactorization", methods="Saliency")
    assert any("Feature factorization cannot be compared" in text for text in said(app))
    assert app.selectbox(key="method").value == "GradCAM"


@pytest.mark.usefixtures("made_up_checks")
def test_what_the_rail_says_is_not_put_beside_itself(open_page: Open, taken: list[Any]) -> None:
    app = open_page(method="Saliency", methods="saliency,Input x Gradient,input-x-gradient")
    assert not app.exception and not said(app)
    assert [one.title for one in taken[1].seen] == ["Saliency", "Input x Gradient"]


@pytest.mark.usefixtures("made_up_checks")
def test_panes_are_picked_and_the_address_follows(open_page: Open, taken: list[Any]) -> None:
    app = open_page(**FAST)
    app.multiselect(key="beside-methods").set_value(["HiResCAM", "EigenCAM"]).run()
    assert [one.title for one in taken[1].seen] == ["Saliency", "HiResCAM", "Eigen-CAM"]
    assert app.query_params["methods"] == "HiResCAM,EigenCAM"
    app.multiselect(key="beside-methods").set_value([]).run()
    assert not app.exception
    assert len(taken[1].seen) == 1 and taken[1].apart is None
    assert app.query_params["methods"] == "none"
    assert "Pick one of the methods to put beside it." in texts(app)


@pytest.mark.usefixtures("made_up_checks")
def test_each_thing_compared_remembers_its_panes(open_page: Open) -> None:
    app = open_page(**FAST)
    app.segmented_control(key="compare").set_value("pictures").run()
    app.multiselect(key="beside-pictures").set_value(["lemon"]).run()
    assert title(app) == "Where does the model look, picture by picture?"
    app.segmented_control(key="compare").set_value("methods").run()
    assert app.multiselect(key="beside-methods").value == ["InputXGradient"]
    assert app.query_params["pictures"] == "lemon"


@pytest.mark.usefixtures("made_up_checks")
def test_a_pane_without_an_answer_says_why_and_the_others_stay(
    open_page: Open, taken: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = cache.answer

    def answer(choice: Choice, listener: Any) -> Answer:
        if choice.method == "HiResCAM":
            raise UnsuitableError("It has a reason.")
        return real(choice, listener)

    monkeypatch.setattr(cache, "answer", answer)
    app = open_page(method="Saliency", methods="HiResCAM,InputXGradient")
    assert any("HiResCAM cannot be shown. It has a reason." in text for text in said(app))
    assert [one.title for one in taken[1].seen] == ["Saliency", "Input x Gradient"]


@pytest.mark.usefixtures("made_up_checks")
def test_the_class_of_another_network_is_found_by_its_name(open_page: Open, taken: list[Any]) -> None:
    open_page(compare="networks", networks="everyday_vgg", method="Saliency", **{"class": "pretzel"})
    names = catalogue().models["everyday_vgg"].classes
    assert [names[one.answer.index] for one in taken[1].seen] == ["pretzel", "pretzel"]


@pytest.mark.usefixtures("made_up_checks")
def test_thorough_checks_are_made_only_when_asked_for(open_page: Open, taken: list[Any]) -> None:
    app = open_page(sample="coffee", **FAST)
    quick = {type(metric).__name__ for metric in taken[3].metrics}
    assert quick == {entry.name for entry in catalogue().metrics.values() if not entry.asks_again}
    app.button(key="thorough-checks").click().run()
    assert app.query_params["thorough"] == "yes"
    assert {type(metric).__name__ for metric in taken[3].metrics} == set(catalogue().metrics)
    assert "thorough-checks" not in {button.key for button in app.button}


@pytest.mark.usefixtures("made_up_checks")
def test_the_best_is_marked_among_methods_and_nowhere_else(open_page: Open, taken: list[Any]) -> None:
    open_page(method="Saliency", methods="InputXGradient,CAM")
    checked: measuring.Checked = taken[3]
    starred = [metric for metric in checked.metrics if metric.passes not in (None, Completeness.passes)]
    for metric in checked.metrics:
        best = {1} if metric.better == "higher" else {2}
        assert checked.best(metric) == (best if metric in starred else set())
    assert table.as_html(checked).count("★") == len(starred) + 1 and len(starred) > 4
    open_page(method="Saliency", compare="classes")
    assert "★" not in table.as_html(taken[3]) and "the questions differ" in table.as_html(taken[3])


def contest(metric: Metric, values: list[float], control: float) -> measuring.Checked:
    """A check of maps that get these figures, beside a control map."""
    name = type(metric).__name__
    checked = measuring.Checked(tuple(seen() for _ in values), ({name: metric},) * len(values), contest=True)
    for number, value in enumerate(values):
        checked.add(metric, number, Score(value=value, better=metric.better, baselines={"random": control}))
    return checked


def test_no_map_is_the_best_by_rounding_nor_where_it_is_no_better_than_one_that_knows_nothing() -> None:
    deletion, sparseness = Deletion(), Sparseness()
    assert contest(deletion, [0.2, 0.3], 0.5).best(deletion) == {0}
    assert contest(deletion, [0.2, 0.205], 0.5).best(deletion) == set()
    assert contest(deletion, [0.2, 0.205, 0.4], 0.5).best(deletion) == {0, 1}
    assert contest(deletion, [0.2, 0.3], 0.1).best(deletion) == set()
    assert contest(deletion, [0.2, 0.3], 0.205).best(deletion) == set()
    assert contest(sparseness, [0.9, 0.3], 0.1).best(sparseness) == set()


@pytest.mark.usefixtures("made_up_checks")
def test_a_method_that_says_little_of_the_network_says_so_in_its_pane_and_on_the_wall(
    open_page: Open, taken: list[Any]
) -> None:
    app = open_page(method="GuidedBackprop", methods="EigenCAM,Saliency")
    assert not app.exception
    place, drawn = taken[0], taken[1]
    captions = [said_of.answer(place.axis, one) for one in drawn.seen]
    for caption, name in zip(captions, ("GuidedBackprop", "EigenCAM"), strict=False):
        caution = catalogue().methods[name].caution
        assert caption.endswith(f"Caution: {caution}")
        answer = drawn.seen[captions.index(caption)].answer
        assert wall._more(catalogue().methods[name], answer).endswith(f"Caution: {caution}")
    assert "Caution" not in captions[2]
    with Image.open(io.BytesIO(exporting.picture(place, drawn))) as image:
        levels = np.asarray(image.convert("L"))
    # However many lines stand below a pane, nothing is cut off.
    assert all(edge.min() > 250 for edge in (levels[:4], levels[-4:], levels[:, :2], levels[:, -2:]))


@pytest.mark.usefixtures("made_up_checks")
def test_a_name_that_the_address_repeats_is_read_as_one_list(open_page: Open, taken: list[Any]) -> None:
    app = open_page(method="Saliency", methods=["InputXGradient", "HiResCAM"])
    assert [one.title for one in taken[1].seen] == ["Saliency", "Input x Gradient", "HiResCAM"]
    assert app.query_params["methods"] in ("InputXGradient,HiResCAM", ["InputXGradient,HiResCAM"])


@pytest.mark.usefixtures("made_up_checks")
def test_a_stop_while_checking_keeps_the_panes(
    open_page: Open, taken: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from dashboard import state

    app = open_page(**FAST)
    real = state.get

    def get(name: str, default: Any = None) -> Any:
        working = real("working_on")
        stopped = name == "stopped" and isinstance(working, tuple) and working[0] == "checks"
        return working if stopped else real(name, default)

    monkeypatch.setattr("dashboard.feedback.state.get", get)
    app.run()
    assert len(taken[1].seen) == 2 and not taken[3].found
    assert app.button(key="again").label == "Start again"


def test_a_wall_of_methods_runs_the_picture_once(open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    import explain.engine

    monkeypatch.setattr(cache, "check", lambda *given: Score(value=0.0, better="higher"))
    kept = {"GradCAM", "HiResCAM", "LayerCAM", "EigenCAM", "CAM", "Saliency", "FeatureFactorization"}
    real_entries, real_trace = wall._entries, explain.engine.trace_picture
    monkeypatch.setattr(wall, "_entries", lambda place: [one for one in real_entries(place) if one.name in kept])
    traced: list[Any] = []

    def trace_picture(*given: Any) -> Any:
        traced.append(given)
        return real_trace(*given)

    monkeypatch.setattr(explain.engine, "trace_picture", trace_picture)
    hung: list[str] = []
    real_sheet = wall._sheet

    def sheet(question: Any, group: list[wall.Hung], *given: Any) -> None:
        hung.extend(one.entry.name for one in group if one.answer is not None)
        real_sheet(question, group, *given)

    monkeypatch.setattr(wall, "_sheet", sheet)
    app = open_page(sample="temple", method="LayerCAM", methods="HiResCAM", wall="quick")
    assert not app.exception
    assert set(hung) == kept
    assert len(traced) == 1


def test_the_wall_asks_the_quick_methods_first_and_the_slow_ones_never_unasked(open_page: Open) -> None:
    speeds = [wall._speed(entry) for entry in catalogue().explanations.values()]
    assert min(speeds) == 0 and max(speeds) >= wall.SLOW


def test_what_is_taken_along_is_what_was_measured(open_page: Open, taken: list[Any]) -> None:
    app = open_page(method="Saliency", methods="InputXGradient", sample="pretzel")
    assert not app.exception
    place, drawn, pairs, checked = taken
    with np.load(io.BytesIO(exporting.raw(drawn)), allow_pickle=False) as held:
        assert held["titles"].tolist() == ["Saliency", "Input x Gradient"]
        maps = [held["map1"], held["map2"]]
    rows = list(csv.DictReader(io.StringIO(exporting.figures(drawn, pairs, checked).decode())))
    found = {(row["kind"], row["figure"], row["of"], row["beside"]): row["value"] for row in rows}
    alike = found["agreement", "Spearman", "Saliency", "Input x Gradient"]
    assert float(alike) == pytest.approx(spearman(*maps), rel=1e-5)
    shares = [scales.share_of_strongest(values) for values in maps]
    alike = found["agreement", "SSIM", "Saliency", "Input x Gradient"]
    assert float(alike) == pytest.approx(ssim(*shares), rel=1e-5)

    import explain

    network = cache.load("everyday_resnet")
    trace = explain.trace(network, samples.SAMPLES["pretzel"].picture().image)
    heatmap = explain.run(network, trace, explain.Saliency())
    assert isinstance(heatmap, Heatmap)
    again = explain.measure(trace, explain.Deletion(), heatmap)
    assert float(found["check", "Deletion", "Saliency", ""]) == pytest.approx(again.value, rel=1e-4)
    control = float(found["control", "Deletion", "Saliency", "an edge detector"])
    assert control == pytest.approx(again.baselines["edges"], rel=1e-4)
    kinds = {row["kind"] for row in rows}
    assert kinds == {"map", "agreement", "check", "control"}
    for row in rows:
        assert (row["network"], row["weights"]) == ("everyday_resnet", network.weights.identity)
        assert row["sha256"] == samples.SAMPLES["pretzel"].picture().sha256
        assert (row["class"], row["rather than"], row["asked"]) == ("pretzel", "", "score")
        assert row["method"] == {"Saliency": "Saliency()", "Input x Gradient": "InputXGradient()"}[row["of"]]
    for row in (row for row in rows if (row["kind"], row["figure"]) == ("check", "Infidelity")):
        assert float(row["error"]) > 0 and row["settings"].startswith("Infidelity(samples=10")
    with Image.open(io.BytesIO(exporting.picture(place, drawn))) as image:
        assert image.format == "PNG" and image.width > 1000
        assert image.convert("L").getextrema()[0] < 40


def seen(box: tuple[float, float, float, float] = (0, 0, 400, 400), side: int = 8) -> Seen:
    """A map whose values are places in a grey picture."""
    left, _, right, _ = box
    across = left + (np.arange(side) + 0.5) * (right - left) / side
    heatmap = Heatmap(values=np.tile(across.astype(np.float32), (side, 1)), signed=False)
    nothing = Prediction(np.zeros(1, np.int64), ("a",), np.ones(1, np.float32), np.ones(1, np.float32))
    answer = Answer(nothing, heatmap, None, 0, box, "", "cpu")
    return Seen(Member("", "a", Choice("everyday_resnet", GREY, "GradCAM"), ""), answer)


def test_one_scale_holds_values_as_they_are_only_where_they_are_in_one_unit() -> None:
    weak, strong = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8), np.full((8, 8), 4, np.float32)
    same = scales.scaled([weak, strong], [False, False], ["a", "b"], "one", one_unit=True)
    assert [one.top for one in same] == [4, 4] and same[0].values is weak
    shares = scales.scaled([weak, -strong], [False, True], ["a", "b"], "one", one_unit=False)
    assert [one.top for one in shares] == [100, 100] and all(one.signed for one in shares)
    assert shares[0].values.max() == pytest.approx(100) and shares[1].values.min() == pytest.approx(-100)
    assert len({one.legend for one in shares}) == 1
    own_ends = scales.scaled([weak, strong], [False, False], ["a", "b"], "own", one_unit=False)
    assert [one.top for one in own_ends] == [1, 4] and [one.legend for one in own_ends] == ["a", "b"]


def test_ranks_do_not_depend_on_the_unit_and_equal_values_share_theirs() -> None:
    values = np.array([[3, 1], [1, 7]], np.float32)
    np.testing.assert_allclose(scales.ranked(values), [[200 / 3, 50 / 3], [50 / 3, 100]])
    np.testing.assert_allclose(scales.ranked(1000 * values - 5), scales.ranked(values))


def test_maps_of_networks_that_see_different_parts_are_laid_on_the_same_places() -> None:
    maps, photos, cut = scales.on_one_grid([seen((0, 0, 400, 400), 64), seen((50, 50, 350, 350), 224)])
    assert cut and maps[0].shape == maps[1].shape == (224, 224)
    np.testing.assert_allclose(maps[0][:, 8:-8], maps[1][:, 8:-8], atol=1)
    assert photos[0] is photos[1]
    alone = [seen((0, 0, 400, 400), 64), seen((0, 0, 400, 400), 64)]
    maps, _, cut = scales.on_one_grid(alone)
    assert not cut and maps[0] is alone[0].heatmap.values
