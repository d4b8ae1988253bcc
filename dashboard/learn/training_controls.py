"""The settings of the training demonstration: presets, and controls that stand in the address where they differ."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard import feedback, state
from dashboard.learn import training_bench
from explain.teaching.training_presets import DEFAULT, PRESETS, Setup
from explain.teaching.training_record import ALL_PICTURES, INITIALISATIONS, LOSSES, OPTIMISERS, SCHEDULES, Settings
from models.errors import ParameterError

if TYPE_CHECKING:
    from dashboard.learn.desk import Desk
    from explain.teaching.training_presets import Preset


@dataclass(frozen=True)
class Control:
    """A setting that can be chosen: its name in the address, its field, and what may be chosen, with words for it."""

    name: str
    field: str
    label: str
    options: Mapping[Any, str]
    help: str = ""


def _numbers(*values: float, words: str = "") -> dict[Any, str]:
    return {value: words if value == 0 and words else f"{value:g}" for value in values}


def _shares(*values: float, none: str) -> dict[Any, str]:
    return {value: f"{100 * value:.0f} %" if value else none for value in values}


FIRST = (
    Control(
        "rate",
        "learning_rate",
        "Learning rate",
        _numbers(0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
        "How far the weights move in one step, as a factor on the gradient.",
    ),
    Control(
        "optimiser",
        "optimiser",
        "Optimiser",
        OPTIMISERS,
        "SGD takes the gradient as it is; momentum keeps a part of the last step; RMSprop and Adam divide by the usual "
        "size of each weight's gradient, and want a smaller learning rate.",
    ),
    Control(
        "batch", "batch_size", "Batch size", _numbers(1, 4, 8, 16, 32, 64, 128, 256), "Pictures that share one step."
    ),
    Control("epochs", "epochs", "Epochs", _numbers(6, 10, 12, 20, 30, 60, 100), "Passes over all training pictures."),
)
DATA = (
    Control("pictures", "pictures", "Training pictures", _numbers(30, 60, 100, 150, 200, 300, 600, ALL_PICTURES)),
    Control("noise", "label_noise", "Wrong labels", _shares(0, 0.1, 0.2, 0.25, 0.4, 0.6, 1, none="none")),
)
AGAINST = (
    Control("dropout", "dropout", "Dropout", _shares(0, 0.1, 0.2, 0.3, 0.5, 0.7, none="off")),
    Control("l2", "l2", "L2 (weight decay)", _numbers(0, 0.0001, 0.001, 0.003, 0.01, 0.03, 0.1, words="off")),
    Control("l1", "l1", "L1", _numbers(0, 0.0001, 0.0003, 0.001, 0.003, 0.01, words="off")),
    Control("shift", "shift", "Augmentation by shifts", {0: "off", 1: "1 pixel", 2: "2 pixels"}),
    Control(
        "patience",
        "patience",
        "Early stopping",
        {0: "off", 3: "after 3 epochs", 5: "after 5", 8: "after 8", 15: "after 15"},
        "Stops after so many epochs without a lower validation loss, and takes the best weights back.",
    ),
)
FURTHER = (
    Control("schedule", "schedule", "Schedule of the learning rate", SCHEDULES),
    Control("norm", "batch_norm", "Batch norm", {False: "off", True: "on"}),
    Control("init", "initialisation", "First weights", INITIALISATIONS),
    Control("loss", "loss", "Loss", LOSSES),
    Control("seed", "seed", "Seed", _numbers(*range(10)), "Another seed draws other weights, pictures and batches."),
)
GROUPS = {"Data": DATA, "Against overfitting": AGAINST, "Schedule, batch norm, first weights, loss": FURTHER}
CONTROLS = (*FIRST, *DATA, *AGAINST, *FURTHER)
NAMES = ("preset", *(control.name for control in CONTROLS))


def preset(desk: Desk) -> Preset:
    """Return the preset that the address names, or the first."""
    asked = desk.held("preset", lambda text: text in PRESETS, "the preset")
    return PRESETS[asked or next(iter(PRESETS))]


def draw_presets(desk: Desk) -> None:
    """Draw the presets as buttons."""
    chosen = preset(desk)
    if desk.shown("preset"):
        with st.container(horizontal=True, gap="small", key="training-presets"):
            for one in PRESETS.values():
                st.button(
                    one.title,
                    key=f"training-preset-{one.key}",
                    type="primary" if one is chosen else "secondary",
                    on_click=_pick,
                    args=(desk, one),
                )


def draw_claim(desk: Desk, setups: tuple[Setup, ...]) -> None:
    """Draw what the chosen preset claims; once settings were changed it claims nothing, and the changes are said."""
    chosen = preset(desk)
    with st.container(border=True, key="training-claim"):
        if setups == chosen.setups:
            desk.text(f"**{chosen.title}.** {chosen.claim}")
            desk.text(f"*What to look for:* {chosen.look}")
        else:
            desk.text(f"**Changed from “{chosen.title}”:** {said(setups[0].settings, chosen.settings)}.")


def draw(desk: Desk) -> tuple[Setup, ...]:
    """Draw the controls and return what they ask for: the preset's trainings, or one with the settings as changed."""
    chosen = preset(desk)
    found: dict[str, Any] = {}
    for control in FIRST:
        found[control.field] = _control(desk, control, chosen.settings, desk.shown(control.name))
    for title, group in GROUPS.items():
        shown = [control.name for control in group if desk.shown(control.name)]
        # Sliders that are folded away are sent once they are asked for: a browser works long on so many.
        fold = st.expander(title, key=f"training-fold-{group[0].name}", on_change="rerun") if shown else None
        with fold or nullcontext():
            for control in group:
                drawn = fold is not None and bool(fold.open) and control.name in shown
                found[control.field] = _control(desk, control, chosen.settings, drawn)
    try:
        settings = replace(chosen.settings, **found)
    except ParameterError as error:
        feedback.tell(error)
        st.caption(f"Until then the settings are those of “{chosen.title}”.")
        return chosen.setups
    return chosen.setups if settings == chosen.settings else (Setup(said(settings), settings),)


def said(settings: Settings, usual: Settings = DEFAULT) -> str:
    """Name settings by what differs from others."""
    parts = []
    for control in CONTROLS:
        value = getattr(settings, control.field)
        if value != getattr(usual, control.field):
            parts.append(f"{control.label.lower()} {control.options.get(value, f'{value}')}")
    return ", ".join(parts) or "default settings"


def _control(desk: Desk, control: Control, base: Settings, drawn: bool) -> Any:
    """Read one control, and draw it if it is; its default is the preset's value, and only others stand in the address.

    One that is not drawn keeps its value.
    """
    usual = _spelled(getattr(base, control.field))
    options = {_spelled(value): words for value, words in control.options.items()}
    key = desk.key(control.name)
    asked = desk.held(control.name, lambda text: _meant(text, options) is not None, control.label)
    chosen = usual if asked is None else _meant(asked, options) or usual
    if asked is not None and (asked != chosen or chosen == usual):
        desk.hold(control.name, None if chosen == usual else chosen)
    state.put(key, chosen)

    def follow() -> None:
        moved = str(state.get(key))
        desk.hold(control.name, None if moved == usual else moved)

    if drawn:
        st.select_slider(
            control.label,
            list(options),
            format_func=lambda option: options[option],
            key=key,
            on_change=follow,
            help=control.help or None,
        )
    return next(value for value in control.options if _spelled(value) == chosen)


def _meant(text: str, options: Mapping[str, str]) -> str | None:
    """Find the option that a link means, as the address or the page spells it; a number may be written in any way."""
    folded = text.casefold()
    exact = [option for option, words in options.items() if folded in (option.casefold(), words.casefold())]
    return next(iter(exact + [option for option in options if _same_number(text, option)]), None)


def _same_number(text: str, option: str) -> bool:
    try:
        return float(text) == float(option)
    except ValueError:
        return False


def _spelled(value: Any) -> str:
    """Write a value as the address does."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _pick(desk: Desk, one: Preset) -> None:
    """Take a preset, and all settings from it."""
    first = next(iter(PRESETS.values()))
    usual: dict[str, str | None] = {desk.key(control.name): None for control in CONTROLS}
    state.mirror_together({**usual, desk.key("preset"): None if one is first else one.key})
    training_bench.reset(one.setups)
