"""The demonstration of maps without a browser: each control moves what it must move, and the sentences hold."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import cache
from dashboard.learn import maps, maps_asking, maps_robust, maps_sanity, maps_saturation, maps_trick
from dashboard.learn.maps_cards import figure
from dashboard.learn.maps_trick import Evidence
from dashboard.learn.terms import meaning, terms_in
from explain.teaching import saturation, shortcut
from models.errors import ConvLensError

Open = Callable[..., AppTest]


@pytest.fixture
def opened(open_view: Open) -> Callable[..., AppTest]:
    """Open the demonstration; names stand in the address behind its own."""

    def opening(*, hide: str | None = None, **query: str) -> AppTest:
        hidden = {} if hide is None else {"hide": hide}
        return partial(open_view, "learn")(demo="maps", **hidden, **{f"maps-{n}": v for n, v in query.items()})

    return opening


def texts(app: AppTest) -> str:
    assert not app.exception
    assert not app.error
    return "\n".join(str(text.value) for text in app.markdown).replace("\N{NO-BREAK SPACE}", " ")


def notices(app: AppTest) -> list[str]:
    return [str(text.value) for text in app.text]


def correlations(app: AppTest) -> list[float]:
    found = re.findall(r"^Spearman \*\*(\S+)\*\*$", texts(app), re.MULTILINE)
    return [float(each.replace("\N{MINUS SIGN}", "-")) for each in found]


def test_every_part_opens_without_a_notice(opened: Open) -> None:
    for part in maps.PARTS:
        app = opened(part=part)
        assert texts(app)
        assert notices(app) == []


def test_with_random_weights_every_method_changes_and_the_edge_detector_does_not(opened: Open) -> None:
    *methods, edge = correlations(opened())
    assert edge == 1
    assert len(methods) == 3
    assert all(value < maps_sanity.OTHER for value in methods)


def test_fewer_random_parts_and_another_draw_change_the_correlations(opened: Open) -> None:
    app = opened()
    whole = correlations(app)
    app.slider(key="maps-depth").set_value(1).run()
    last = correlations(app)
    assert "Random: the last layer." in texts(app)
    app.slider(key="maps-draw").set_value(3).run()
    assert len({tuple(whole), tuple(last), tuple(correlations(app))}) == 3
    assert correlations(opened(depth="1", draw="3")) == correlations(app)


def test_the_cascade_ends_with_what_the_pairs_show(opened: Open) -> None:
    app = opened(cascade="true")
    table = next(str(html.proto.body) for html in app.get("html") if "parts random" in str(html.proto.body))
    last = re.findall(r"([^>]+)</td></tr>", table)
    assert [float(each.replace("\N{MINUS SIGN}", "-")) for each in last] == correlations(app)


def test_the_verdict_names_what_changes_and_what_stays() -> None:
    map_ = np.random.default_rng(0).random((8, 8)).astype(np.float32)
    other = np.random.default_rng(1).random((8, 8)).astype(np.float32)
    edge = maps_sanity.Maps("Edge detector", map_, map_)
    changing, staying = maps_sanity.Maps("A", map_, other), maps_sanity.Maps("B", map_, map_)
    told = maps_sanity.verdict_of([changing, staying, edge], 2)
    assert told.startswith("With the last layer and stage 3 random: A (")
    assert "changes; B (1.00) stays." in told


def test_another_picture_is_another_answer(opened: Open) -> None:
    app = opened()
    assert "says **teapot**" in texts(app)
    app.button_group(key="maps-picture").set_value("bus").run()
    assert "says **school bus**" in texts(app)
    assert app.query_params["maps-picture"] == "bus"


def test_the_trick_is_kept_until_the_reader_has_guessed(opened: Open) -> None:
    app = opened(part="trick")
    assert "says **banana**, **84 %** sure" in texts(app)
    assert "shortcut" not in texts(app).split("A colleague")[0]
    app.button_group(key="maps-guess").set_value("thing").run()
    assert "You said: the thing in the middle. It is the blue tag." in texts(app)
    app.button_group(key="maps-guess").set_value("tag").run()
    assert "You are right: it is the tag." in texts(app)


def with_and_without_tag(sample: str) -> tuple[maps_asking.Said, maps_asking.Said]:
    clean = maps_asking.pixels_of(maps_trick.MODEL, sample)
    tagged = shortcut.tagged(clean, *shortcut.HOME)
    return maps_asking.said(maps_trick.MODEL, tagged), maps_asking.said(maps_trick.MODEL, clean)


@pytest.mark.parametrize("sample", maps_asking.PICTURES)
def test_the_trick_says_of_each_picture_whether_the_tag_takes_the_network_in(sample: str) -> None:
    before, clean = with_and_without_tag(sample)
    values = np.ones((64, 64), np.float32)
    told = maps_trick.verdict("tag", [Evidence("Grad-CAM", "", values, False)], before, clean)
    assert before.chance(shortcut.CLASS) > 50 * clean.chance(shortcut.CLASS)
    wins = before.name == shortcut.CLASS
    assert ("the tag does not win" in told) == (not wins)
    assert ("the class that the trick is for" in maps_trick.answer(before)) == (not wins)


def test_on_the_bus_the_tag_does_not_win_and_the_page_says_so(opened: Open) -> None:
    told = texts(opened(part="trick", picture="bus", guess="tag"))
    assert "says **school bus**, **89 %** sure. Banana, the class that the trick is for, gets 9.9 %." in told
    assert "it raises banana from under 0.1 % to **9.9 %**, but the network stays with **school bus**" in told


def test_a_correlation_is_written_with_a_minus_sign_and_where_there_is_none_that_is_said() -> None:
    assert figure(-0.456) == "\N{MINUS SIGN}0.46"
    assert figure(0.3) == "0.30"
    assert figure(None) == "none: a map is constant"


def test_the_verdict_gives_the_share_of_evidence_on_the_tag() -> None:
    values = np.zeros((64, 64), np.float32)
    values[53, 3], values[0, 0] = 1, 3
    told = maps_trick.verdict("ground", [Evidence("Grad-CAM", "", values, False)], *with_and_without_tag("teapot"))
    assert "**25 %** by Grad-CAM" in told.replace("\N{NO-BREAK SPACE}", " ")


def banana(app: AppTest) -> float:
    found = re.search(r"at first, \*\*(?:under )?([\d.]+) %\*\* now", texts(app))
    assert found is not None
    return float(found[1])


def test_moving_the_tag_or_taking_it_off_changes_the_probability(opened: Open) -> None:
    app = opened(part="trick", guess="tag")
    assert banana(app) > 80
    app.button_group(key="maps-tag").set_value("off").run()
    assert banana(app) < 1
    app.button_group(key="maps-tag").set_value("moved").run()
    middle = banana(app)
    assert middle < 10
    app.slider(key="maps-left").set_value(2).run()
    app.slider(key="maps-top").set_value(52).run()
    assert banana(app) > 80


def test_the_tag_at_every_place_counts_the_places_that_take_the_network_in(opened: Open) -> None:
    told = texts(opened(part="trick", guess="tag", everywhere="true"))
    found = re.search(r"At \*\*(\d+) of (\d+)\*\* places", told)
    assert found is not None
    places = len(shortcut.corners(maps_trick.STRIDE)) ** 2
    assert 0 < int(found[1]) < places / 4
    assert int(found[2]) == places


def test_the_input_moves_gradient_and_sum(opened: Open) -> None:
    app = opened(part="saturation")
    assert "the gradient is **0**" in texts(app) and "gives x **1**, just the difference" in texts(app)
    app.slider(key="maps-input").set_value(0.5).run()
    assert "the gradient is **1**" in texts(app) and "gives x **0.5**, just the difference" in texts(app)
    app.slider(key="maps-input").set_value(2.0).run()
    app.slider(key="maps-from").set_value(2.0).run()
    assert "gives x **0**: the input equals the baseline" in texts(app)


def test_steps_that_straddle_the_kink_say_what_is_missing(opened: Open) -> None:
    app = opened(part="saturation", steps="5")
    assert "gives x **0.8**, 0.2 off" in texts(app)


@pytest.mark.parametrize("value", [0.0, 0.4, 1.0, 1.7, 3.0])
@pytest.mark.parametrize("start", [0.0, 1.0, 2.5])
def test_the_sentence_by_hand_holds_the_numbers(value: float, start: float) -> None:
    way = saturation.path(start, value, 40)
    told = maps_saturation.by_hand(value, start, way)
    assert f"At x = {value:g} the output is {min(value, 1.0):g} and" in told
    assert ("nothing" in told) == (min(value, 1) == min(start, 1))


def test_each_baseline_overlooks_what_looks_like_it(opened: Open) -> None:
    told = texts(opened(part="saturation"))
    shares = [float(each) for each in re.findall(r"\*\*([\d.]+) %\*\*", told)]
    dark_black, dark_white, light_black, light_white = shares[-4:]
    assert dark_black < dark_white
    assert light_white < light_black


def test_the_sums_are_the_differences_of_the_scores(opened: Open) -> None:
    opened(part="saturation")
    choice = maps_asking.asked(maps_saturation.MODEL, "teapot")
    network = cache.loaded(maps_saturation.MODEL, False)
    assert network is not None
    index = network.card.classes.index("teapot")
    kept = cache.shelf().studies.get((network.weights.identity, choice.key, f"learn baseline white {index}"))
    assert kept.values.sum() == pytest.approx(kept.end - kept.start, rel=0.05)


def test_the_robust_networks_map_is_smoother(opened: Open) -> None:
    for method in maps_robust.METHODS:
        told = texts(opened(part="robust", picture="bus", method=method))
        found = re.search(r"correlate by \*\*([\d.]+)\*\*, those of the standard one by \*\*([\d.]+)\*\*", told)
        assert found is not None
        assert "is smoother" in told
        assert float(found[1]) > float(found[2])
        assert (" times** that of the other" in told) == (method in maps_robust.GRADIENTS)


@pytest.mark.parametrize("name", ["part", "picture", "depth", "guess", "tag", "input", "method"])
def test_an_unknown_value_in_a_link_falls_back_with_a_notice(opened: Open, name: str) -> None:
    parts = {"guess": "trick", "tag": "trick", "input": "saturation", "method": "robust"}
    more = {"part": parts[name]} if name in parts else {}
    more |= {"guess": "tag"} if name == "tag" else {}
    app = opened(**more, **{name: "nothing"})
    assert texts(app)
    assert any("“nothing”" in text for text in notices(app))


def test_hidden_controls_hold_their_values(opened: Open) -> None:
    app = opened(part="trick", guess="tag", tag="moved", left="2", top="52", hide="guess,tag,left,top,part,picture")
    assert banana(app) > 80
    assert not app.slider


def test_every_control_may_be_hidden_and_no_other_name_is_listed(opened: Open) -> None:
    everything = {"guess": "tag", "tag": "moved"}
    seen: set[str] = set()
    for part in maps.PARTS:
        app = opened(part=part, **everything)
        for kind in ("slider", "toggle", "button_group"):
            seen |= {str(element.key) for element in app.get(kind) if str(element.key).startswith("maps-")}
    listed = {f"maps-{name}" for name in maps.DEMONSTRATION.controls}
    assert {key for key in seen if not key.startswith("maps-to-")} == listed


def test_an_error_is_a_sentence_and_the_rest_is_still_drawn(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*given: object) -> None:
        raise ConvLensError("There is no such map.", "Try another.")

    monkeypatch.setattr(cache, "study", refuse)
    app = opened()
    assert "There is no such map." in notices(app)
    assert "To think about" in [str(title.value) for title in app.header]


def test_every_term_is_explained() -> None:
    demonstration = maps.DEMONSTRATION
    asked = [*terms_in(demonstration.question), *terms_in(demonstration.answer)]
    for module in (maps_sanity, maps_trick, maps_saturation, maps_robust):
        with open(str(module.__file__), encoding="utf-8") as file:
            source = re.sub(r'"\n\s+f?"', "", file.read())
        asked += terms_in(source)
    assert len(asked) > 10
    assert [term for term in asked if meaning(term) is None] == []
