"""What may be taken along from an attack: the picture as a file that was tried, the exact pixels, how to repeat it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from dashboard import attack_words, feedback, own
from dashboard.classes import name_of
from dashboard.export import npy, opening, recorded

if TYPE_CHECKING:
    from dashboard.around import Attacked
    from explain.outcomes import Kept, Said


def draw(found: Attacked, kept: Kept, names: tuple[str, ...]) -> None:
    """Say what became of the attack in the file, and offer the files."""
    st.markdown(attack_words.file(kept, found))
    for note in kept.notes:
        feedback.notice(note)
    name = f"convlens-{found.choice.model}-{found.choice.method.lower()}"
    files = (
        ("Attacked picture (PNG)", f"{name}.png", "image/png", kept.png, "png"),
        ("Exact pixels (NumPy .npy)", f"{name}.npy", "application/octet-stream", lambda: raw(found), "npy"),
        ("How to repeat it (JSON)", f"{name}.json", "application/json", lambda: recipe(found, kept, names), "json"),
    )
    with st.container(horizontal=True, key="attack-export"):
        for label, file, mime, data, kind in files:
            st.download_button(
                label, data, file, mime, key=f"attack-{kind}", on_click="ignore", icon=":material/download:"
            )


def raw(found: Attacked) -> bytes:
    """Write the attacked pixels (H, W, 3) in [0, 1] as they were found, before any rounding."""
    return npy(found.result.pixels)


def recipe(found: Attacked, kept: Kept, names: tuple[str, ...]) -> bytes:
    """Write everything needed to repeat the attack as JSON, a Python snippet included."""
    answer, result = found.answer, found.result
    facts = {
        "target": _class(found.left, names),
        "goal": None if found.goal is None else _class(found.goal, names),
        "result": {
            "success": result.success,
            "before": _guess(result.before, names),
            "after": _guess(result.after, names),
            "linf": result.linf,
            "l2": result.l2,
            "evaluations": result.evaluations,
            "notes": list(result.notes),
            "seconds": result.seconds,
            "device": answer.device,
        },
        "file": {
            "sha256": hashlib.sha256(kept.png).hexdigest(),
            "success": kept.success,
            "says": _said(kept.said),
            "linf": kept.linf,
            "l2": kept.l2,
            "notes": list(kept.notes),
        },
    }
    return recorded(found.choice, answer, facts, snippet(found))


def snippet(found: Attacked) -> str:
    """Write the Python lines that repeat the attack."""
    choice = found.choice
    given = ", ".join(f"{name}={value!r}" for name, value in choice.parameters)
    return "\n".join(
        (
            *opening(choice.picture),
            "",
            own.python(choice.model, choice.untrained),
            f"attack = explain.{choice.method}({given})",
            f"answer = explain.run(model, picture, attack, explain.ClassLogit({found.left}))",
        )
    )


def _class(index: int, names: tuple[str, ...]) -> dict[str, Any]:
    return {"index": index, "name": name_of(index, names)}


def _guess(chances: np.ndarray[Any, np.dtype[np.float32]], names: tuple[str, ...]) -> dict[str, Any]:
    best = int(chances.argmax())
    return {**_class(best, names), "probability": float(chances[best])}


def _said(said: Said) -> dict[str, Any]:
    return {"index": said.index, "name": said.name, "probability": said.probability}
