"""What the user may take along: the picture with its evidence, the raw map, and all that is needed to do it again."""

from __future__ import annotations

import datetime
import io
import json
import platform
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from PIL import Image

from dashboard import checks, own, samples
from dashboard.answers import Declined
from explain.pictures import numbered_parts, overlay
from explain.results import Concepts, FeatureMaps, Heatmap, plain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dashboard.answers import Answer, Choice
    from dashboard.checks import Made
    from dashboard.show import Shown
    from dashboard.uploads import Picture
    from explain.results import Explanation

PACKAGES = ("torch", "torchvision", "numpy", "Pillow", "streamlit")


def draw(shown: Shown) -> None:
    """Draw the button; each file is made only when it is asked for."""
    name = f"convlens-{shown.choice.model}-{shown.choice.method.lower()}"
    with st.popover("Export", icon=":material/download:", key="export"):
        if isinstance(shown.answer.explanation, (Heatmap, Concepts)):
            _download("Picture with evidence (PNG)", f"{name}.png", "image/png", lambda: picture(shown), "png")
        _download("Raw map (NumPy .npy)", f"{name}.npy", "application/octet-stream", lambda: raw(shown), "npy")
        _download("How to repeat it (JSON)", f"{name}.json", "application/json", lambda: recipe(shown), "json")
        _download("Report (HTML)", f"{name}.html", "text/html", lambda: report(shown), "html")


def _download(label: str, file: str, mime: str, data: Any, kind: str) -> None:
    st.download_button(label, data, file, mime, key=f"export-{kind}", on_click="ignore", width="stretch")


def picture(shown: Shown) -> bytes:
    """Write the crop with the evidence or the numbered parts over it as PNG, and nothing else from the file."""
    explanation = shown.answer.explanation
    assert isinstance(explanation, (Heatmap, Concepts))
    left, top, right, bottom = shown.answer.box
    side = min(1024, max(448, round(right - left)))
    crop = shown.choice.picture.image.resize((side, side), Image.Resampling.LANCZOS, (left, top, right, bottom))
    buffer = io.BytesIO()
    drawn = numbered_parts(crop, explanation) if isinstance(explanation, Concepts) else overlay(crop, explanation)
    Image.fromarray(drawn).save(buffer, "PNG")
    return buffer.getvalue()


def raw(shown: Shown) -> bytes:
    """Write the values as the method gave them."""
    explanation = shown.answer.explanation
    values: NDArray[np.float32]
    if isinstance(explanation, Heatmap):
        values = explanation.values
    else:
        assert isinstance(explanation, (FeatureMaps, Concepts))
        values = explanation.maps
    return npy(values)


def npy(values: NDArray[np.float32]) -> bytes:
    """Write an array as NumPy's own kind of file."""
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    return buffer.getvalue()


def recipe(shown: Shown, made: Made | None = None) -> bytes:
    """Write everything needed to do it again as JSON, a Python snippet included; made: None = the checks known here."""
    answer = shown.answer
    made = checks.made(shown.choice, answer) if made is None else made
    facts = {
        "target": _target(shown),
        "result": {
            "probability": answer.probability(answer.index),
            "layer": getattr(answer.explanation, "layer", None),
            **_parts(answer.explanation),
            "checks": {name: plain(value) for name, value in answer.explanation.checks.items()},
            "quick_check": None if answer.check is None else vars(answer.check),
            "all_checks": _found(made),
            "notes": list(answer.explanation.notes),
            "seconds": answer.explanation.seconds,
            "device": answer.device,
        },
    }
    return recorded(shown.choice, answer, facts, snippet(shown, made=made))


def recorded(choice: Choice, answer: Answer, facts: dict[str, Any], python: str) -> bytes:
    """Write what was asked, the facts found, and the versions and Python lines that find them again, as JSON."""
    image = choice.picture.image
    record = {
        "model": choice.model,
        "weights": {"identity": answer.weights, "untrained": choice.untrained},
        "picture": {"sha256": choice.picture.sha256, "width": image.width, "height": image.height},
        "crop": [round(edge, 3) for edge in answer.box],
        "method": {"name": choice.method, "parameters": dict(choice.parameters)},
        **facts,
        "versions": {"python": platform.python_version()} | {name: metadata.version(name) for name in PACKAGES},
        "python": python,
    }
    return (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode()


def report(shown: Shown) -> bytes:
    """Write a report of the explanation that stands alone and says how to make it again."""
    from dashboard.report.of_one import again_of, of_one
    from dashboard.report.writing import write

    today, made = datetime.date.today().isoformat(), checks.made(shown.choice, shown.answer)
    return write(of_one(shown, again_of(shown, snippet(shown, made=made), today, made), made))


def _parts(explanation: Explanation) -> dict[str, Any]:
    """Say what each part adds and what the parts leave out, where the answer is parts."""
    if not isinstance(explanation, Concepts):
        return {}
    return {"shares": plain(explanation.shares), "error": explanation.error}


def _target(shown: Shown) -> dict[str, Any]:
    choice, index = shown.choice, shown.answer.index
    if choice.against is not None:
        names = [shown.question.name, shown.question.rather]
        return {"kind": "Contrast", "index": index, "against": choice.against, "names": names}
    kind = "ClassProbability" if choice.ask == "probability" else "ClassLogit"
    return {"kind": kind, "index": index, "names": [shown.question.name]}


def opening(picture: Picture) -> list[str]:
    """Write the lines that read the picture as the page does: upright, with all its grey levels, in sRGB."""
    sample = samples.id_of(picture.sha256)
    if sample is not None:
        return [
            "import explain, models",
            "from dashboard.samples import SAMPLES",
            "",
            f"picture = SAMPLES[{sample!r}].picture().image",
        ]
    return [
        "from pathlib import Path",
        "import explain, models",
        "from dashboard.uploads import read_picture",
        "",
        f"file = Path({picture.name!r})  # the picture that was uploaded",
        "picture = read_picture(file.read_bytes(), file.name).image",
    ]


def snippet(shown: Shown, network: str = "", made: Made = ()) -> str:
    """Write the Python lines that give the same map, and the checks that were made of it.

    network: those that load it, where it is not the usual one.
    """
    choice, target = shown.choice, _target(shown)
    second = f", {target['against']}" if target["kind"] == "Contrast" else ""
    given = ", ".join(f"{name}={value!r}" for name, value in choice.parameters)
    return "\n".join(
        (
            *opening(choice.picture),
            "",
            network or own.python(choice.model, choice.untrained),
            f"answer = explain.run(model, picture, explain.{choice.method}({given}), "
            f"explain.{target['kind']}({target['index']}{second}))",
            *_repeated(made),
        )
    )


def _repeated(made: Made) -> list[str]:
    """Write the lines that make the checks again; those that mean nothing for the map are left out."""
    lines = [f"    explain.measure(trace, explain.{metric!r}, answer)," for metric, outcome in made
             if not isinstance(outcome, Declined)]
    return ["trace = explain.trace(model, picture)", "checks = [", *lines, "]"] if lines else []


def _found(made: Made) -> list[dict[str, Any]]:
    """List what the checks found as plain values."""
    return [
        {
            "name": type(metric).__name__,
            "parameters": vars(metric),
            **(
                {"declined": outcome.reason}
                if isinstance(outcome, Declined)
                else {"value": outcome.value, "better": metric.better, "control_maps": outcome.baselines}
            ),
        }
        for metric, outcome in made
    ]
