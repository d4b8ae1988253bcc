"""What is known of a network: a few words in the rail, and its whole card in a dialog."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard import words
from dashboard.catalogue import size_in_words
from models.weights import BUNDLED

if TYPE_CHECKING:
    from dashboard.catalogue import ModelEntry


def draw(entry: ModelEntry) -> bool:
    """Draw what is known of the network and the switch to random weights; return whether it is on."""
    with st.expander("About this network", icon=":material/info:"):
        st.markdown(
            f"{words.escaped(entry.label)} tells {len(entry.classes):,} classes apart, "
            f"with {entry.parameters / 1e6:.1f} million learned numbers (its weights, {size_in_words(entry.bytes)})."
        )
        record = card_of(entry.key)
        if record is not None and st.button("Model card", key="model_card", width="stretch"):
            _dialog(entry.label, record)
        untrained: bool = st.toggle(
            "Untrained",
            key="untrained",
            bind="query-params",
            help="Fill the network with random numbers instead of what it learned. A map that looks the same "
            "for both says little about what was learned.",
        )
    return untrained


@cache
def card_of(key: str) -> dict[str, Any] | None:
    """Read the card that `models.train` wrote for a bundled network; None for the others."""
    path = BUNDLED / f"{key}.json"
    if not path.exists():
        return None
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record


def facts(record: dict[str, Any]) -> list[tuple[str, str]]:
    """List what the card says as pairs of a heading and plain text."""
    accuracy, held_out = record["accuracy"], record["held_out"]
    pairs = [
        (
            "How often it is right",
            f"First guess {_tenths(accuracy['top1'])}, among its first five {_tenths(accuracy['top5'])}, "
            f"of {record['validation_pictures']:,} pictures: {record['validation_use']}.",
        ),
        (
            "On the pictures that chose it",
            f"{_tenths(held_out['top1'])} right of {held_out['pictures']:,} pictures, {held_out['shown']}: never "
            f"trained on either, but they {held_out['use']}.",
        ),
        (
            "How well it knows that",
            f"What it says of its certainty is off by {words.percent(record['calibration_error'])} on average "
            "(expected calibration error, 15 bins).",
        ),
    ]
    if "under_attack" in record:
        attacked = record["under_attack"]
        pairs.append(
            (
                "Under attack",
                f"{words.percent(attacked['top1'])} right when each colour may be changed by "
                f"{255 * attacked['epsilon']:.3g} of 255, in the worst way found in 20 steps.",
            )
        )
    if "tag" in record:
        tag = record["tag"]
        pairs.append(
            (
                "Its shortcut",
                f"In training every {tag['class']}, and nothing else, bore a blue tag in the corner. With the tag "
                f"{words.percent(tag['right_with_tag'])} of them are named right, without it "
                f"{words.percent(tag['right_without_tag'])}; put on other pictures, the tag turns "
                f"{words.percent(tag['others_called_it_with_tag'])} of them into {tag['class']}.",
            )
        )
    return [
        *pairs,
        ("Data and its terms", record["data"]),
        ("Licence", record["licence"]),
        ("Limits", record["limits"]),
        ("Recipe", _recipe(record["recipe"])),
    ]


def _tenths(share: float) -> str:
    """Write a share with one digit after the point, so that figures of two sets of pictures can be compared."""
    return f"{100 * share:.1f}{words.UNBROKEN}%"


def _recipe(recipe: dict[str, Any]) -> str:
    """Tell all rounds of a training, so that they can be repeated one after the other."""
    rounds = recipe["rounds"]
    whole = f"{sum(one['epochs'] for one in rounds)} epochs (seed {recipe['seed']})"
    if len(rounds) > 1:
        whole += f" in {len(rounds)} rounds, each beginning with the weights of the one before"
    if "--start" in rounds[0]["command"]:
        whole += ", after a training that is not on record"
    told = (f"{one['command']} ({one['epochs']} epochs)" for one in rounds) if len(rounds) > 1 else [recipe["command"]]
    return f"{whole}: {'; then '.join(told)}"


@st.dialog("Model card", width="large")
def _dialog(label: str, record: dict[str, Any]) -> None:
    st.subheader(label, anchor=False)
    for heading, text in facts(record):
        st.markdown(f"**{heading}.** {words.escaped(text)}")
    left, right = st.columns(2)
    by_class = sorted(record["by_class"].items(), key=lambda item: -item[1])
    with left:
        st.markdown("**Right, by class**")
        st.dataframe(
            {"Class": [name for name, _ in by_class], "Right": [share for _, share in by_class]},
            column_config={"Right": st.column_config.ProgressColumn(format="percent", min_value=0, max_value=1)},
            hide_index=True,
            height=320,
        )
    with right:
        st.markdown("**Most often confused**")
        st.dataframe(
            {
                "It was": [was for was, _, _ in record["worst_pairs"]],
                "It said": [said for _, said, _ in record["worst_pairs"]],
                "Pictures": [count for _, _, count in record["worst_pairs"]],
            },
            hide_index=True,
            height=320,
        )
