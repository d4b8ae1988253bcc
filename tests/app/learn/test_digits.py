"""The demonstration of a whole network without a browser: each control moves the number that it must move."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from explain.teaching.digit_steps import Run
from explain.teaching.digits import STAGES, digits, fitted, reduced, shifted, weights

Open = Callable[..., AppTest]
SCRIPT = (
    "import streamlit; from dashboard import state; "
    "from dashboard.learn import digits; from dashboard.learn.desk import Desk; "
    "digits.draw(Desk(digits.DEMONSTRATION, frozenset({hidden!r}))); "
    "[streamlit.text(each) for each in state.notices()]"
)


@pytest.fixture
def opened() -> Open:
    """Open the demonstration alone, with controls in its address."""

    def opening(*hidden: str, **query: str) -> AppTest:
        app = AppTest.from_string(SCRIPT.format(hidden=hidden), default_timeout=120)
        for name, value in query.items():
            app.query_params[f"digits-{name}"] = value
        app.run()
        assert not app.exception
        return app

    return opening


def texts(app: AppTest) -> str:
    return "\n".join(str(text.value) for text in app.markdown).replace("\N{NO-BREAK SPACE}", " ")


def figure(app: AppTest) -> tuple[dict[str, object], dict[str, np.ndarray]]:
    """Return the header of the figure, and the values of all stages."""
    (element,) = [each for each in app.main if "digits-network" in str(each.key)]
    data = element.proto.bytes
    size = int.from_bytes(data[:4], "little")
    header = json.loads(data[4 : 4 + size])
    values = np.frombuffer(data[4 + size + 1536 :], "<f4")
    found = {}
    for stage in header["stages"]:
        shape = tuple(stage[name] for name in ("channels", "rows", "columns"))
        found[stage["name"]] = values[stage["offset"] : stage["offset"] + int(np.prod(shape))].reshape(shape)
    return header, found


def drawn(bitmap: np.ndarray) -> str:
    return np.packbits(bitmap).tobytes().hex()


def one() -> np.ndarray:
    """Draw a small 1 in a corner."""
    bitmap = np.zeros((32, 32), bool)
    bitmap[4:14, 5:8] = True
    return bitmap


def wrong() -> int:
    test = digits().test
    named = np.array([Run(weights(), pixels).answer for pixels in test.pixels])
    return int(np.flatnonzero(named != test.labels)[0])


def test_every_stage_is_sent_as_the_network_gives_it(opened: Open) -> None:
    header, values = figure(opened(digit="17"))
    run = Run(weights(), digits().test.pixels[17])
    assert tuple(values) == STAGES
    for name, stage in run.stages.items():
        assert np.array_equal(values[name], stage)
    assert header["picked"] == {"stage": "conv1", "channel": 0, "row": 3, "column": 3}


def test_the_page_says_whether_the_answer_is_right(opened: Open) -> None:
    number = wrong()
    app = opened(digit=str(number))
    named = Run(weights(), digits().test.pixels[number]).answer
    assert f"**The network says {named}**" in texts(app)
    assert f"It is a {digits().test.labels[number]}: **wrong**." in texts(app)
    assert ": **right**." in texts(opened(among="some"))


def test_the_list_of_the_wrong_ones_opens_with_a_wrong_one(opened: Open) -> None:
    assert ": **wrong**." in texts(opened(among="wrong"))
    assert ": **right**." in texts(opened(among="unsure"))


def test_shifting_moves_the_picture_and_what_comes_of_it(opened: Open) -> None:
    app = opened(digit="5")
    before = figure(app)[1]
    app.slider(key="digits-right").set_value(2).run()
    app.slider(key="digits-down").set_value(-1).run()
    after = figure(app)[1]
    run = Run(weights(), shifted(digits().test.pixels[5], -1, 2))
    assert np.array_equal(after["picture"], run.stages["picture"])
    assert np.array_equal(after["probabilities"], run.stages["probabilities"])
    assert not np.array_equal(after["probabilities"], before["probabilities"])


def test_the_other_training_brings_other_weights(opened: Open) -> None:
    pixels = digits().test.pixels[5]
    for kind in ("plain", "shifted"):
        values = figure(opened(digit="5", trained=kind))[1]
        assert np.array_equal(values["scores"], Run(weights(kind), pixels).stages["scores"])


def test_a_blank_sheet_is_named_too(opened: Open) -> None:
    app = opened(source="own")
    answer = Run(weights(), np.zeros((8, 8), np.uint8)).answer
    assert f"The sheet is blank, and still it names a {answer}." in texts(app)
    assert not figure(app)[1]["picture"].any()


def test_a_drawing_stands_in_the_address_and_is_fitted_unless_told_otherwise(opened: Open) -> None:
    app = opened(source="own", drawing=drawn(one()))
    assert np.array_equal(figure(app)[1]["picture"][0], reduced(fitted(one())) / np.float32(16))
    app.toggle(key="digits-fit").set_value(False).run()
    assert np.array_equal(figure(app)[1]["picture"][0], reduced(one()) / np.float32(16))


@pytest.mark.parametrize(
    ("unit", "words"),
    [
        ("picture-0-2-3", "/ 16 ="),
        ("conv1-2-0-0", "+ bias"),
        ("activation1-2-4-4", "It turns one number of the first convolution, x ="),
        ("pool1-1-1-1", "the **largest** of 4 numbers of the first ReLU"),
        ("conv2-3-1-1", "It reads **72** numbers of the first pooling"),
        ("flatten-63-0-0", "It only puts numbers elsewhere"),
        ("hidden1-4-0-0", "It reads **64** numbers of the row"),
        ("scores-3-0-0", "It reads **32** numbers of the ReLU of the hidden units"),
        ("probabilities-8-0-0", "e is raised to each"),
    ],
)
def test_the_arithmetic_of_any_unit_is_written_out(opened: Open, unit: str, words: str) -> None:
    app = opened(unit=unit)
    header, _ = figure(app)
    assert "-".join(str(part) for part in header["picked"].values()) == unit  # type: ignore[attr-defined]
    assert words in texts(app)


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("unit", "pool2-0-2-0", "the unit"),
        ("unit", "conv9-0", "the unit"),
        ("digit", "360", "the test digit"),
        ("drawing", "xyz", "the drawing"),
        ("right", "3", "Shift to the right"),
        ("among", "all", "Which ones"),
    ],
)
def test_a_wrong_link_gets_a_notice(opened: Open, name: str, value: str, named: str) -> None:
    app = opened(source="own" if name == "drawing" else "test", **{name: value})
    assert any(f"This link asks for {named}" in str(text.value) for text in app.text)


def test_hidden_controls_hold_their_values(opened: Open) -> None:
    app = opened("source", "trained", "among", "right", "down", "fit", right="1", trained="shifted", digit="9")
    assert not app.slider
    assert not app.toggle
    expected = Run(weights("shifted"), shifted(digits().test.pixels[9], 0, 1)).stages["scores"]
    assert np.array_equal(figure(app)[1]["scores"], expected)


@pytest.mark.parametrize(
    ("hidden", "source", "part"), [("digit", "test", "sheet"), ("drawing", "own", "sheet-of-paper")]
)
def test_what_picks_or_draws_a_digit_can_be_hidden(opened: Open, hidden: str, source: str, part: str) -> None:
    def drawn(app: AppTest) -> bool:
        return any(str(each.key).endswith(f"digits-{part}") for each in app.main)

    assert drawn(opened(source=source))
    app = opened(hidden, source=source)
    assert not drawn(app) and figure(app)[1]["scores"].size == 10


def test_the_table_stands_on_the_page_with_its_spread(opened: Open) -> None:
    app = opened()
    table = next(
        str(each.proto.body) for each in app.main if each.type == "html" and "Random forest" in each.proto.body
    )
    for label in ("Convolutional network", "Fully connected network", "Support vector machine"):
        assert label in table
    assert table.count(" ± ") == 16


def test_pictures_are_offered(opened: Open) -> None:
    from explain.teaching import digit_sheet

    run = Run(weights(), digits().test.pixels[0])
    assert digit_sheet.picture(run.pixels).startswith(b"\x89PNG")
    assert digit_sheet.stages(run.stages) != digit_sheet.stages(Run(weights(), digits().test.pixels[1]).stages)
