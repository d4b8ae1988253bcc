"""Demonstration: a small network learns digits in the page, with every setting in the reader's hands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import feedback, state
from dashboard.learn import training_bench, training_controls, training_curves, training_step, training_watch
from dashboard.learn.desk import Demonstration
from explain.teaching.training import LIMIT
from explain.teaching.verdict import verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from dashboard.learn.desk import Desk
    from dashboard.learn.training_bench import Bench
    from explain.teaching.training import Trainer
    from explain.teaching.training_presets import Setup
    from explain.teaching.training_record import Record

#: Seconds between two turns; a turn works for less, so that clicks come through.
EVERY = 0.25
WATCHED = {"usual": "One of each digit", "hard": "Ten hard ones"}


def draw(desk: Desk) -> None:
    """Draw the demonstration."""
    desk.text(
        "A network of two [[convolution]]s learns to read handwritten digits of 8 x 8 pixels, here and now. Each "
        "[[epoch]] shows it every training picture once, a [[batch]] at a time; the validation pictures are only ever "
        "looked at, never learned from. Pick an experiment, start it, and watch both curves."
    )
    training_controls.draw_presets(desk)
    claim = st.container()
    left, right = st.columns([1, 2.2], gap="large")
    with left:
        setups = training_controls.draw(desk)
    with claim:
        training_controls.draw_claim(desk, setups)
    bench = training_bench.bench(setups)
    with right:
        if bench.asked is not None:
            # A single step comes before the buttons, which say where the training stands after it.
            with feedback.guarded():
                _turn(bench)
        if bench.ended:
            state.put("training:ended", bench.identity)
        _buttons(desk, bench, setups)
        kept = state.get(training_bench.KEPT)
        state.put("training:whole", True)
        st.fragment(_live, run_every=EVERY if bench.running else None)(desk, bench, kept)
        _comparing(bench, kept)
    training_step.draw(desk, bench)
    _table(bench)
    with st.container(horizontal=True, key="links"):
        desk.link("See the filters of a network for photographs", "layers", section="filters")
        desk.link("Go over pictures that a trained network gets wrong", "mistakes")
    if bench.begun:
        named = [(setup.name, record) for setup, record in zip(bench.setups, bench.records, strict=True)]
        desk.picture("Curves", lambda: training_curves.picture(named))


def _buttons(desk: Desk, bench: Bench, setups: tuple[Setup, ...]) -> None:
    """Draw what starts, pauses and steps the training, and say so if changed settings wait for a reset."""
    with st.container(horizontal=True, gap="small", key="training-buttons"):
        running = bench.running
        st.button(
            "Pause" if running else "Go on" if bench.begun else "Start",
            key="training-run",
            type="primary",
            icon=":material/pause:" if running else ":material/play_arrow:",
            on_click=bench.pause if running else bench.start,
            disabled=bench.ended,
        )
        for name, key, what in (("One step", "step", _one_step), ("One epoch", "epoch", _one_epoch)):
            if desk.shown(key):
                st.button(name, key=f"training-{key}", on_click=bench.ask, args=(what,), disabled=bench.ended)
        if desk.shown("reset"):
            st.button("Reset", key="training-reset", icon=":material/restart_alt:", on_click=_reset(setups))
    if bench.setups != setups:
        with st.container(border=True, horizontal=True, key="training-changed"):
            st.markdown("The settings have changed. What is trained here has the old ones; **Reset** takes the new.")


def _live(desk: Desk, bench: Bench, kept: tuple[str, Record] | None) -> None:
    """Take a turn if one is due, and draw what changes with it."""
    with feedback.guarded():
        whole = bool(state.get("training:whole"))
        state.put("training:whole", False)
        if bench.pending:
            _turn(bench)
        records = bench.records
        training_curves.draw(bench, kept, whole)
        if len(bench.setups) == 1:
            _said(bench, records[0] if records else None)
        else:
            _each(bench)
        st.markdown("**The filters of the first layer**")
        first = records[0] if records else None
        # Of several, what is looked into is the last: the first of them is what the others are compared with.
        chosen, look = (bench.setups[0], first) if len(records) < 2 else (bench.setups[-1], records[-1])
        if len(bench.setups) > 1:
            st.caption(f"Of “{chosen.name}”." if records else "")
        training_watch.filters(chosen.settings, look)
        st.markdown("**What it says to ten validation pictures**")
        hard = desk.choice("watch", "Pictures to watch", WATCHED) == "hard"
        training_watch.decisions(chosen.settings, look, hard)
    if bench.ended and state.get("training:ended") != bench.identity:
        # The buttons and the table stand outside of this part of the page.
        state.put("training:ended", bench.identity)
        st.rerun()


def _turn(bench: Bench) -> None:
    if bench.trainers:
        bench.turn()
        return
    with st.spinner("Getting torch ready …"):
        training_bench.ready()
        bench.turn()


def _said(bench: Bench, record: Record | None) -> None:
    """Say what the curves say."""
    if record is None:
        st.markdown("**Not trained yet.** Press Start, or take one step at a time.")
        return
    found, settings = verdict(record), record.settings
    epoch, steps = record.epochs[-1].number, len(record.batches)
    done = f"Epoch {epoch} of {settings.epochs}, {steps:,} steps, {bench.seconds:.1f} s of work."
    with st.container(border=True, key="training-verdict"):
        st.markdown(f"**{found.headline}.** {found.words}")
        st.caption(f"{done}{_cut_short(bench)}")


def _each(bench: Bench) -> None:
    """Say which of several trainings has the lowest validation loss now, and which the highest."""
    if not bench.records:
        st.markdown(f"**Not trained yet.** Press Start: the {len(bench.setups)} trainings take turns.")
        return
    losses = {setup.name: record.final for setup, record in zip(bench.setups, bench.records, strict=True)}
    low, *_, high = sorted(losses, key=lambda name: losses[name].validation.loss)
    with st.container(border=True, key="training-verdict"):
        told = [
            f"**{name}** (validation loss {losses[name].validation.loss:.3f}, "
            f"{100 * losses[name].validation.accuracy:.0f} % right)"
            for name in (low, high)
        ]
        st.markdown(f"Lowest now: {told[0]}. Highest: {told[1]}.")
        st.caption(f"{bench.seconds:.1f} s of work.{_cut_short(bench)}")


def _cut_short(bench: Bench) -> str:
    """Say which trainings the limit has ended."""
    cut = [s.name for s, record in zip(bench.setups, bench.records, strict=True) if record.ended == "time"]
    if not cut:
        return ""
    who = "Training" if len(bench.setups) == 1 else ", ".join(f"“{name}”" for name in cut)
    return f" {who} ended here, before the last epoch: no training works longer than {LIMIT:.0f} s."


def _comparing(bench: Bench, kept: tuple[str, Record] | None) -> None:
    """Let a run be kept, so that the next is drawn over it."""
    if len(bench.setups) > 1:
        return
    with st.container(horizontal=True, gap="small", key="training-keeping"):
        st.button(
            "Keep this run to compare",
            key="training-keep",
            icon=":material/content_copy:",
            on_click=_keep,
            args=(bench,),
            disabled=not bench.begun,
            help="It stays in the charts, dashed, while you train with other settings.",
        )
        if kept is not None:
            st.button("Forget the kept run", key="training-forget", on_click=state.drop, args=(training_bench.KEPT,))


def _keep(bench: Bench) -> None:
    state.put(training_bench.KEPT, (training_controls.said(bench.setups[0].settings), bench.records[0]))


def _table(bench: Bench) -> None:
    """Draw the numbers of every epoch, folded away."""
    if not bench.begun:
        return
    # Sent only where it is opened: a browser works long on such a table.
    fold = st.expander("All numbers, epoch by epoch", key="training-numbers", on_change="rerun")
    if not fold.open:
        return
    with fold:
        for setup, record in zip(bench.setups, bench.records, strict=True):
            if len(bench.setups) > 1:
                st.markdown(f"**{setup.name}**")
            rows = [
                {
                    "Epoch": epoch.number,
                    "Training loss": f"{epoch.training.loss:.4f}",
                    "Training accuracy": f"{epoch.training.accuracy:.3f}",
                    "Validation loss": f"{epoch.validation.loss:.4f}",
                    "Validation accuracy": f"{epoch.validation.accuracy:.3f}",
                    **{f"Gradient of {name}": f"{length:.3g}" for name, length in epoch.gradients.items()},
                }
                for epoch in record.epochs
            ]
            st.dataframe(rows, hide_index=True)


def _reset(setups: tuple[Setup, ...]) -> Callable[[], None]:
    def act() -> None:
        training_bench.reset(setups)

    return act


def _one_step(trainer: Trainer) -> None:
    trainer.step()


def _one_epoch(trainer: Trainer) -> None:
    trainer.epoch()


DEMONSTRATION = Demonstration(
    key="training",
    title="Training, live",
    summary="A small network learns digits before your eyes; break the training in every usual way, and mend it.",
    question="The training loss of a network falls and falls, yet its validation loss has been rising for ten epochs. "
    "What has happened, and what would you try first?",
    answer="It [[overfitting|overfits]]: it learns traits of single training pictures, wrong labels included, that "
    "mean nothing for others. More training pictures help most, if there are any. Else make it harder to learn by "
    "heart: [[augmentation]], [[weight decay]] or [[dropout]]; or stop where the validation loss was lowest. Training "
    "longer makes it worse.",
    controls=(*training_controls.NAMES, "step", "epoch", "reset", "watch", *training_step.NAMES),
    topics=(
        "training: loss, epochs, batches, learning rate",
        "optimisers and schedules: SGD, momentum, RMSprop, Adam",
        "overfitting and its cures: data, dropout, L1 and L2, augmentation, early stopping",
        "batch normalisation, initialisation, loss functions",
        "backpropagation with real numbers",
        "divergence, slow learning, wrong labels",
    ),
    draw=draw,
)
