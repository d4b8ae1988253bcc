"""The Learn page without a browser: overview, links, hidden controls, presentation, what may be taken along."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.learn import exporting
from dashboard.learn.demonstrations import demonstrations
from dashboard.learn.place import lessons, neighbours

Open = Callable[..., AppTest]
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def open_page(open_view: Open) -> Open:
    """Open the Learn page with values in its address and run it once."""
    return partial(open_view, "learn")


def texts(app: AppTest) -> str:
    return "\n".join(str(text.value) for text in app.markdown)


def notices(app: AppTest) -> list[str]:
    return [str(text.value) for text in app.text]


def buttons(app: AppTest) -> set[str | None]:
    return {button.key for button in app.button}


def test_without_a_demonstration_it_opens_on_the_overview(open_page: Open) -> None:
    app = open_page()
    assert not app.exception and not notices(app)
    assert app.title[0].value == "How does a convolutional network work?"


@pytest.mark.parametrize("key", demonstrations())
def test_a_link_opens_a_demonstration_with_its_question_and_a_folded_answer(open_page: Open, key: str) -> None:
    app = open_page(demo=key)
    assert not app.exception and not notices(app)
    demonstration = demonstrations()[key]
    assert app.title[0].value == demonstration.title
    assert "To think about" in [heading.value for heading in app.header]
    answer = next(fold for fold in app.expander if fold.label == "An answer")
    assert not answer.proto.expanded and answer.markdown


@pytest.mark.parametrize("key", demonstrations())
def test_the_parts_of_a_demonstration_are_headed_one_step_below_its_title(open_page: Open, key: str) -> None:
    app = open_page(demo=key)
    assert [heading.tag for heading in app.title] == ["h1"]
    assert {heading.tag for heading in app.header} == {"h2"}
    assert not app.subheader
    assert not [text for text in app.markdown if str(text.value).startswith("#")]


@pytest.mark.parametrize("key", lessons())
def test_a_link_opens_a_lesson(open_page: Open, key: str) -> None:
    app = open_page(lesson=key)
    assert not app.exception and not notices(app)
    assert app.title[0].value == lessons()[key].title


@pytest.mark.parametrize("name", ["demo", "lesson"])
def test_a_link_to_nothing_gives_the_overview_and_a_notice(open_page: Open, name: str) -> None:
    app = open_page(**{name: "alchemy"})
    assert not app.exception
    assert app.title[0].value == "How does a convolutional network work?"
    assert len(notices(app)) == 1 and "“alchemy”" in notices(app)[0]


def test_previous_and_next_walk_through_all_demonstrations_in_order(open_page: Open) -> None:
    keys = list(demonstrations())
    assert [neighbours(key) for key in keys] == list(zip([None, *keys[:-1]], [*keys[1:], None], strict=True))
    app = open_page(demo=keys[0])
    assert "turn-previous" not in buttons(app)
    app.button(key="turn-next").click().run()
    assert not app.exception
    assert app.title[0].value == demonstrations()[keys[1]].title
    assert app.query_params["demo"] in (keys[1], [keys[1]])
    app.button(key="turn-previous").click().run()
    assert app.title[0].value == demonstrations()[keys[0]].title


def test_a_hidden_control_is_not_there_and_holds_its_value(open_page: Open) -> None:
    shown = open_page(demo="convolution", **{"convolution-stride": "2"})
    assert shown.slider(key="convolution-stride").value == 2
    hidden = open_page(demo="convolution", hide="stride,padding", **{"convolution-stride": "2"})
    assert not hidden.exception and not notices(hidden)
    assert "convolution-stride" not in {slider.key for slider in hidden.slider}
    assert "= **15** rows" in texts(shown) and "= **15** rows" in texts(hidden)


@pytest.mark.parametrize("asked", ["nonsense", "99", "-1", "nan", ""])
def test_a_hidden_control_with_a_wrong_value_holds_its_default(open_page: Open, asked: str) -> None:
    app = open_page(demo="convolution", hide="stride", **{"convolution-stride": asked})
    assert not app.exception
    assert "= **30** rows" in texts(app)


def test_a_hidden_control_that_is_not_there_gets_a_notice_and_the_others_are_hidden(open_page: Open) -> None:
    app = open_page(demo="convolution", hide="taste,stride")
    assert not app.exception
    (said,) = notices(app)
    assert said.startswith("This link hides “taste”, which Convolution does not have; it has kind, picture")
    assert "convolution-stride" not in {slider.key for slider in app.slider}


def test_a_presentation_begins_and_ends_at_a_click(open_page: Open) -> None:
    app = open_page(demo="convolution")
    assert "Take it along: link and pictures" in [fold.label for fold in app.expander]
    app.button(key="present-begin").click().run()
    assert app.query_params["present"] in ("true", ["true"])
    assert "Take it along: link and pictures" not in [fold.label for fold in app.expander]
    app.button(key="present-end").click().run()
    assert "present" not in app.query_params


@pytest.mark.parametrize("query", [{}, {"demo": "typo"}, {"lesson": next(iter(lessons()))}], ids=str)
def test_only_a_demonstration_is_presented(open_page: Open, query: dict[str, str]) -> None:
    shown, plain = open_page(present="true", **query), open_page(**query)
    assert not shown.exception
    assert [text.proto.body for text in shown.get("html")] == [text.proto.body for text in plain.get("html")]


def test_what_a_link_hides_is_there_again_in_the_next_demonstration(open_page: Open) -> None:
    app = open_page(demo="convolution", hide="stride", present="true")
    assert "convolution-stride" not in {slider.key for slider in app.slider}
    app.button(key="turn-next").click().run()
    assert not app.exception and not notices(app)
    assert "pooling-stride" in {slider.key for slider in app.slider}
    assert "hide" not in app.query_params and app.query_params["present"] in ("true", ["true"])
    app.button(key="turn-previous").click().run()
    assert "convolution-stride" in {slider.key for slider in app.slider}


def test_a_value_that_is_taken_out_with_others_is_at_once_gone_from_the_address() -> None:
    def script() -> None:
        import streamlit as st

        from dashboard import state

        state.mirror("hide", "stride")
        state.mirror_together({"demo": "pooling", "hide": None, "lesson": None})
        st.text(str((state.in_address("hide"), state.address(), state.mirrored("hide", bool, "it"))))

    app = AppTest.from_function(script).run()
    assert not app.exception
    assert notices(app) == ["(None, (('demo', 'pooling'),), None)"]
    assert app.query_params["demo"] in ("pooling", ["pooling"]) and "hide" not in app.query_params


@pytest.mark.parametrize("hide", ["", "fit"], ids=["shown", "hidden"])
def test_a_switch_in_an_odd_spelling_gets_a_notice_and_its_default(open_page: Open, hide: str) -> None:
    asked = {"demo": "digits", "digits-source": "own", "hide": hide}
    app = open_page(**asked, **{"digits-fit": "perhaps"})
    assert not app.exception
    (said,) = notices(app)
    assert said.startswith("This link asks for Fit it to the data set “perhaps”")
    assert "digits-fit" not in app.query_params
    assert [toggle.value for toggle in app.toggle if toggle.key == "digits-fit"] == ([] if hide else [True])
    other = open_page(**asked, **{"digits-fit": "False"})
    assert not notices(other) and other.query_params["digits-fit"] in ("false", ["false"])


def test_the_link_to_take_along_holds_what_was_chosen(open_page: Open) -> None:
    app = open_page(demo="convolution", **{"convolution-kernel": "blur", "pooling-window": "3"})
    assert not app.code, "nobody has opened the section"
    app.session_state["convolution-take-along"] = True
    app.run()
    app.multiselect(key="convolution-to-hide").set_value(["kind", "stride"]).run()
    app.toggle(key="convolution-to-present").set_value(True).run()
    link = app.code[0].value
    assert parse_qs(link.partition("?")[2]) == {
        "demo": ["convolution"],
        "convolution-kernel": ["blur"],
        "hide": ["kind,stride"],
        "present": ["true"],
    }


def test_a_link_leaves_out_the_page_it_was_made_on() -> None:
    address = {"demo": "convolution", "convolution-kernel": "own", "hide": "kind", "present": "true", "digits-x": "1"}
    assert exporting.link("convolution", address, [], False) == "learn?demo=convolution&convolution-kernel=own"


@pytest.mark.parametrize("key", ["convolution", "pooling", "activations", "softmax", "digits"])
def test_a_demonstration_starts_without_torch(key: str) -> None:
    code = (
        "import os, sys; os.environ['CONVLENS_WARM'] = '0'\n"
        "from streamlit.testing.v1 import AppTest\n"
        "app = AppTest.from_string('from dashboard.views import learn; learn.page()', default_timeout=60)\n"
        "app.query_params['demo'] = sys.argv[1]\n"
        "assert not app.run().exception\n"
        "sys.exit('torch is loaded' if 'torch' in sys.modules else None)"
    )
    done = subprocess.run([sys.executable, "-c", code, key], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-500:]
