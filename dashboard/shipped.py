"""Answers computed before shipping: the default network and method on every sample, read without torch."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from dashboard.answers import Answer, Choice
from dashboard.catalogue import ASSETS
from explain.results import Heatmap, Prediction, QuickCheck

if TYPE_CHECKING:
    from pathlib import Path

RECORD, ARRAYS = ASSETS / "first_screen.json", ASSETS / "first_screen.npz"


def write(choices: list[tuple[Choice, Answer]], record: Path = RECORD, arrays: Path = ARRAYS) -> None:
    """Write the answers to a JSON of facts and an .npz of maps and probabilities."""
    facts: list[dict[str, Any]] = []
    kept: dict[str, Any] = {}
    for number, (choice, answer) in enumerate(choices):
        heatmap = answer.explanation
        assert isinstance(heatmap, Heatmap)
        facts.append(
            {
                "model": choice.model,
                "method": choice.method,
                "parameters": [list(pair) for pair in choice.parameters],
                "sha256": choice.picture.sha256,
                "index": answer.index,
                "box": list(answer.box),
                "weights": answer.weights,
                "device": answer.device,
                "check": None if answer.check is None else vars(answer.check),
                "names": list(answer.prediction.names),
                "heatmap": {
                    "signed": heatmap.signed,
                    "layer": heatmap.layer,
                    "notes": list(heatmap.notes),
                    "checks": heatmap.checks,
                    "seconds": round(heatmap.seconds, 4),
                },
            }
        )
        kept |= {f"values{number}": heatmap.values, f"indices{number}": answer.prediction.indices}
        kept |= {f"probabilities{number}": answer.prediction.probabilities, f"logits{number}": answer.prediction.logits}
        if heatmap.grid is not None:
            kept[f"grid{number}"] = heatmap.grid
    record.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    np.savez_compressed(arrays, **kept)


@cache
def answers() -> dict[tuple[Any, ...], Answer]:
    """Read all shipped answers once, by the key of their choice."""
    facts = json.loads(RECORD.read_text(encoding="utf-8"))
    with np.load(ARRAYS, allow_pickle=False) as arrays:
        return {_key(fact): _answer(fact, number, arrays) for number, fact in enumerate(facts)}


def find(choice: Choice) -> Answer | None:
    """Return the shipped answer to a choice, if there is one."""
    return answers().get(choice.key)


def _key(fact: dict[str, Any]) -> tuple[Any, ...]:
    parameters = tuple((name, value) for name, value in fact["parameters"])
    return (fact["model"], False, fact["sha256"], fact["method"], parameters, (None, None, "score"))


def _answer(fact: dict[str, Any], number: int, arrays: Any) -> Answer:
    heatmap = {**fact["heatmap"], "notes": tuple(fact["heatmap"]["notes"])}
    grid = f"grid{number}"
    return Answer(
        prediction=Prediction(
            arrays[f"indices{number}"],
            tuple(fact["names"]),
            arrays[f"probabilities{number}"],
            arrays[f"logits{number}"],
        ),
        explanation=Heatmap(
            model=fact["model"],
            values=arrays[f"values{number}"],
            grid=arrays.get(grid),
            **heatmap,
        ),
        check=None if fact["check"] is None else QuickCheck(**fact["check"]),
        index=fact["index"],
        box=tuple(fact["box"]),
        weights=fact["weights"],
        device=fact["device"],
    )
