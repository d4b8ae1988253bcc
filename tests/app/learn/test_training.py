"""The training demonstration without a browser: it trains, pauses, keeps its state, and every control counts."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import state
from dashboard.learn import training_watch
from dashboard.learn.training import DEMONSTRATION
from dashboard.learn.training_bench import BENCH, KEPT, Bench
from dashboard.learn.training_controls import CONTROLS, GROUPS
from dashboard.learn.training_curves import picture
from explain.teaching.training import untrained
from explain.teaching.training_presets import PRESETS
from explain.teaching.training_record import Epoch, Record, Score, Settings

Open = Callable[..., AppTest]
ROOT = Path(__file__).resolve().parents[3]
QUICK = {"pictures": "30", "epochs": "6"}


@pytest.fixture
def opened(open_view: Open) -> Open:
    """Open the demonstration; names stand in the address behind its own."""

    def opening(**query: str) -> AppTest:
        app = open_view("learn", demo="training", **{f"training-{name}": value for name, value in query.items()})
        assert not app.exception
        return app

    return opening


def unfolded(app: AppTest) -> AppTest:
    """Open all groups of controls."""
    for group in GROUPS.values():
        app.session_state[f"training-fold-{group[0].name}"] = True
    return app.run()


def bench(app: AppTest) -> Bench:
    found: Bench = app.session_state[BENCH]
    return found


def press(app: AppTest, name: str) -> AppTest:
    app.button(key=f"training-{name}").click().run()
    assert not app.exception
    return app


def texts(app: AppTest) -> str:
    return "\n".join(str(text.value) for text in [*app.markdown, *app.text, *app.caption])


def gradient(app: AppTest) -> str:
    return next(str(text.value) for text in app.markdown if str(text.value).startswith("gradient ="))


def test_the_page_is_there_without_torch() -> None:
    code = (
        "import sys; from streamlit.testing.v1 import AppTest; app = AppTest.from_string('from dashboard.learn import "
        "training as t; from dashboard.learn.desk import Desk; t.draw(Desk(t.DEMONSTRATION))', default_timeout=60)"
        ".run(); assert not app.exception; sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_one_step_and_one_epoch_go_just_so_far(opened: Open) -> None:
    app = press(opened(), "step")
    assert len(bench(app).records[0].batches) == 1
    assert app.button(key="training-run").label == "Go on"
    press(app, "epoch")
    assert len(bench(app).records[0].epochs) == 2
    assert "after 34 steps" in texts(app)
    app.run()
    assert len(bench(app).records[0].batches) == 34, "nothing goes on by itself"


def test_training_goes_on_by_itself_until_it_is_paused_and_to_its_end(opened: Open) -> None:
    app = press(opened(pictures="100", epochs="100"), "run")
    assert bench(app).running
    done = len(bench(app).records[0].batches)
    app.run()
    assert len(bench(app).records[0].batches) > done > 0
    press(app, "run")
    done = len(bench(app).records[0].batches)
    app.run()
    assert not bench(app).running and len(bench(app).records[0].batches) == done
    press(app, "run")
    for _ in range(100):
        app.run()
        if bench(app).ended:
            break
    assert bench(app).records[0].ended == "epochs"
    assert app.button(key="training-run").disabled
    assert "Overfitting" in texts(app)


def test_a_page_that_was_left_is_found_paused(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    app = press(opened(), "run")
    monkeypatch.setattr("dashboard.learn.training_bench.LEFT", -1.0)
    app.run()
    assert not bench(app).running
    assert app.button(key="training-run").label == "Go on"


def test_another_control_loses_nothing_and_says_that_it_counts_from_the_next_reset(opened: Open) -> None:
    app = press(opened(**QUICK), "epoch")
    before = bench(app)
    app.select_slider(key="training-rate").set_value("0.1").run()
    assert bench(app) is before and before.setups[0].settings.learning_rate == 0.05
    assert "The settings have changed" in texts(app)
    press(app, "reset")
    assert bench(app).setups[0].settings.learning_rate == 0.1
    assert "The settings have changed" not in texts(app)


def test_controls_that_are_folded_away_are_drawn_once_opened_and_keep_their_values(opened: Open) -> None:
    app = opened(dropout="0.5")
    folded = {f"training-{control.name}" for group in GROUPS.values() for control in group}
    assert not folded & {slider.key for slider in app.select_slider}
    assert bench(app).setups[0].settings.dropout == 0.5
    assert folded <= {slider.key for slider in unfolded(app).select_slider}
    app.select_slider(key="training-l2").set_value("0.01").run()
    for group in GROUPS.values():
        app.session_state[f"training-fold-{group[0].name}"] = False
    assert not folded & {slider.key for slider in app.run().select_slider}
    settings = bench(app).setups[0].settings
    assert (settings.dropout, settings.l2) == (0.5, 0.01)


def test_every_control_reaches_the_settings_and_the_address(opened: Open) -> None:
    app = unfolded(opened())
    for control in CONTROLS:
        slider = app.select_slider(key=f"training-{control.name}")
        other = next(word for word in slider.options if control.options and word != slider.format_func(slider.value))
        place = slider.options.index(other)
        value = list(control.options)[place]
        slider.set_value(f"{value:g}" if isinstance(value, float) else str(value)).run()
        assert not app.exception
        assert getattr(bench(app).setups[0].settings, control.field) == value, control.name
        assert f"training-{control.name}" in app.query_params
        app = unfolded(opened())


def test_a_preset_brings_its_settings_and_takes_changes_back(opened: Open) -> None:
    app = opened(rate="0.5")
    assert bench(app).setups[0].settings.learning_rate == 0.5
    press(app, "preset-overfits")
    assert bench(app).setups == PRESETS["overfits"].setups
    assert app.query_params["training-preset"] == "overfits"
    assert "training-rate" not in app.query_params
    assert PRESETS["overfits"].claim in texts(app)


def test_a_preset_claims_nothing_once_a_setting_was_changed(opened: Open) -> None:
    app = opened(preset="overfits", dropout="0.5")
    assert "Changed from “Overfitting”:** dropout 50 %." in texts(app)
    assert PRESETS["overfits"].claim not in texts(app)
    assert PRESETS["overfits"].look not in texts(app)


def test_a_preset_is_one_step_back_in_the_browser(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    app, written = opened(rate="0.5", dropout="0.5"), []
    together = state.mirror_together
    monkeypatch.setattr(state, "mirror", lambda name, value: written.append({name: value}))
    monkeypatch.setattr(state, "mirror_together", lambda values: written.append(values) or together(values))
    press(app, "preset-slow")
    assert [values["training-preset"] for values in written] == ["slow"]
    assert bench(app).setups == PRESETS["slow"].setups


@pytest.mark.parametrize(
    ("name", "value", "field", "meant"),
    [
        ("noise", "1.0", "label_noise", 1),
        ("noise", "10 %", "label_noise", 0.1),
        ("epochs", "6.0", "epochs", 6),
        ("rate", "1e-3", "learning_rate", 0.001),
        ("optimiser", "Adam", "optimiser", "adam"),
        ("norm", "true", "batch_norm", True),
    ],
)
def test_a_link_may_write_a_number_in_any_way(opened: Open, name: str, value: str, field: str, meant: object) -> None:
    app = opened(**{name: value})
    assert getattr(bench(app).setups[0].settings, field) == meant
    assert "This link asks for" not in texts(app)


def test_a_training_that_the_limit_has_ended_says_so(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("explain.teaching.training.LIMIT", 0.0)
    app = press(opened(), "step")
    assert "no training works longer than 120 s" in texts(app)
    assert app.button(key="training-run").disabled


def test_a_loss_too_large_for_a_probability_keeps_the_page(opened: Open) -> None:
    app = press(opened(rate="5", optimiser="rmsprop", **QUICK), "step")
    assert "too small to be written" in texts(app)
    assert "nan" not in texts(app) and "inf " not in texts(app)


def test_filters_that_are_no_numbers_are_drawn_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    monkeypatch.setattr(training_watch.st, "html", drawn.append)
    settings = Settings()
    filters = untrained(settings)[0].copy()
    filters[0], filters[1], filters[2] = np.nan, np.inf, 1e30
    nothing = Score(float("nan"), 0.1)
    epoch = Epoch(0, nothing, nothing, {}, filters, np.zeros((20, 10), np.float32))
    training_watch.filters(settings, Record(settings, (epoch,), (), "diverged"))
    assert drawn[0].count("no numbers any more</figcaption>") == 2
    assert "2: moved 1.0·10³⁰" in drawn[0]


def test_several_trainings_take_turns(opened: Open) -> None:
    app = press(opened(preset="cures"), "step")
    assert [len(record.batches) for record in bench(app).records] == [1] * 6
    assert "Lowest now" in texts(app)
    unfolded(app).select_slider(key="training-dropout").set_value("0.5").run()
    press(app, "reset")
    assert len(bench(app).setups) == 1


def test_a_run_is_kept_and_compared_with_the_next(opened: Open) -> None:
    app = press(opened(rate="0.5", **QUICK), "epoch")
    press(app, "keep")
    name, record = app.session_state[KEPT]
    assert "learning rate 0.5" in name and len(record.epochs) == 2
    press(app, "reset")
    assert app.session_state[KEPT][1] is record
    press(app, "forget")
    assert KEPT not in app.session_state


@pytest.mark.parametrize(("name", "value"), [("picture", 3), ("unit", 2)])
def test_another_weight_or_picture_has_another_gradient(opened: Open, name: str, value: int) -> None:
    app = opened()
    before = gradient(app)
    app.slider(key=f"training-{name}").set_value(value).run()
    assert gradient(app) != before


@pytest.mark.parametrize(("name", "value"), [("filter", 3), ("row", 2), ("column", 0)])
def test_each_weight_of_a_filter_has_its_own_gradient(opened: Open, name: str, value: int) -> None:
    app = opened(layer="first")
    before = gradient(app)
    assert "61 others" in before
    app.slider(key=f"training-{name}").set_value(value).run()
    assert gradient(app) != before


def test_the_step_follows_the_training(opened: Open) -> None:
    app = opened(score="other", **QUICK)
    assert "before its first step" in texts(app)
    before = gradient(app)
    press(app, "epoch")
    assert gradient(app) != before


@pytest.mark.parametrize("query", [{}, {"layer": "first"}, {"rate": "0.0002"}, {"rate": "5"}], ids=str)
def test_no_number_is_written_as_a_computer_writes_it(opened: Open, query: dict[str, str]) -> None:
    app = press(press(opened(**query), "step"), "epoch")
    written = texts(app) + "".join(str(each.proto.body) for each in app.get("html"))
    drawn = re.sub(r'(src="|style=)[^>]*', "", written)
    assert not re.findall(r"\d\.?\d*e[+-]?\d+", drawn)
    assert "(0)" not in drawn


def test_a_gradient_that_is_met_exactly_is_said_to_be(opened: Open) -> None:
    said = texts(opened(rate="5", unit="32"))
    assert "the gradient exactly" in said and "within 0" not in said


def test_the_numbers_of_all_epochs_are_sent_once_their_section_is_opened(opened: Open) -> None:
    app = press(opened(), "epoch")
    assert not app.dataframe
    app.session_state["training-numbers"] = True
    assert list(app.run().dataframe[0].value["Epoch"]) == [0, 1]


def test_hidden_controls_hold_the_value_of_the_address(open_view: Open) -> None:
    address = {"training-rate": "0.2", "training-dropout": "0.5", "training-picture": "4"}
    app = open_view("learn", demo="training", hide=",".join(DEMONSTRATION.controls), **address)
    assert not app.exception
    assert not app.select_slider and not app.slider
    pressable = {str(each.key) for each in app.button}
    assert "training-run" in pressable
    assert not pressable & {"training-step", "training-epoch", "training-reset"}
    assert bench(app).setups[0].settings == Settings(learning_rate=0.2, dropout=0.5)


@pytest.mark.parametrize(
    ("name", "value"),
    [("rate", "0.123"), ("epochs", "-10"), ("noise", "nan"), ("preset", "magic"), ("picture", "99"), ("layer", "mid")],
)
def test_a_wrong_link_gets_a_notice_and_the_default(opened: Open, name: str, value: str) -> None:
    app = opened(**{name: value})
    assert "This link asks for" in texts(app)
    assert bench(app).setups == PRESETS["works"].setups


def test_settings_that_make_no_sense_together_are_refused_in_a_sentence(opened: Open) -> None:
    app = opened(batch="1", norm="True")
    assert "Batch norm needs at least 2 pictures" in texts(app)
    assert "One step of backpropagation, with real numbers" in [heading.value for heading in app.header]
    app.select_slider(key="training-batch").set_value("4").run()
    assert bench(app).setups[0].settings == Settings(batch_size=4, batch_norm=True)


def test_the_picture_of_the_curves_is_a_png(opened: Open) -> None:
    app = press(opened(**QUICK), "epoch")
    assert picture([("a", bench(app).records[0])]).startswith(b"\x89PNG")
