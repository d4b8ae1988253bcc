"""Goes over a folder of pictures with a network: decoding in threads beside it, part by part."""

from __future__ import annotations

import dataclasses
import platform
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from explain.decoding import Looked, look, looked_at
from explain.memory import within_memory
from explain.parts import Header, begun, checksums, make_place, part_of, tidy, write_part
from explain.perturbing import margins
from explain.runs import KEPT_CLASSES, UNKNOWN, RunError
from explain.sources import checksum, labels_of
from explain.stepping import at_once
from explain.target import both
from explain.tracing import Trace
from models.errors import ParameterError, PictureError
from models.progress import report

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from explain.sources import Source
    from models import LoadedModel

#: How many pictures of 224 x 224 are asked about at once. Fixed, not measured: a run that goes on must end as one
#: that was never stopped, and the last digits depend on the batch.
ON_CPU, ON_GPU = 8, 128
MOST_AT_ONCE = 256
#: A part takes a few seconds; what is lost when a run is killed is less than one.
BATCHES_IN_A_PART = 32
#: The largest number that a float16 holds.
LARGEST = float(np.finfo(np.float16).max)
PACKAGES = ("torch", "torchvision", "numpy", "pillow")


@dataclass(frozen=True, eq=False)
class _Answers:
    """What the network says of a batch, each (n, ...) and on the CPU."""

    top: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    label_probability: NDArray[np.float32]
    margin: NDArray[np.float32]
    embedding: NDArray[np.float16] | None


def go_over(model: LoadedModel, pictures: Sequence[Source], out: Path, batch: int | None = None) -> None:
    """Write the parts of a run that are not there yet."""
    labels = labels_of(pictures, model.card.classes).indices
    header, done = _begin(model, pictures, labels, out, batch)
    make_place(out)
    missing = [part for part in header.parts if part not in done]
    steps = [step for part in missing for step in _steps(header, part)]
    finished = sum(len(header.numbers(part)) for part in done)
    rows: dict[str, list[Any]] = {}
    for numbers, looked in looked_at(pictures, steps, model.card.pixels):
        report(finished, header.pictures)
        for column, values in _rows(model, pictures, labels, numbers, looked).items():
            rows.setdefault(column, []).extend(values)
        finished += len(numbers)
        part = numbers.start // header.part
        if numbers.stop == header.numbers(part).stop:
            write_part(out, part, header, rows)
            rows = {}
    tidy(out, header)
    report(finished, header.pictures)


def _begin(
    model: LoadedModel, pictures: Sequence[Source], labels: Sequence[int | None], out: Path, batch: int | None
) -> tuple[Header, set[int]]:
    """Make the header of the run, and list the parts that are there; what is there must be of the same run."""
    if not pictures:
        raise PictureError("There are no pictures to go over.")
    if batch is not None and batch < 1:
        raise ParameterError(f"Wanted at least one picture at once, not {batch}.")
    card, there = model.card, begun(out)
    size = batch or next((header.batch for header in there.values()), usual_batch(model))
    header = Header(
        model=card.key,
        label=card.label,
        weights=model.weights.identity,
        classes=tuple(card.classes),
        pixels={**dataclasses.asdict(card.pixels), "mean": list(card.pixels.mean), "std": list(card.pixels.std)},
        pictures=len(pictures),
        checksum=checksum(pictures, labels),
        batch=size,
        part=size * BATCHES_IN_A_PART,
        device=model.device.type,
        versions={"python": platform.python_version()} | {name: metadata.version(name) for name in PACKAGES},
    )
    for part, other in there.items():
        unlike = header.unlike(other)
        if unlike:
            raise RunError(
                f"The run in {out.name!r} was begun with {unlike}.", "Name another place, or delete it to begin anew."
            )
        _check_unchanged(pictures, header, part, out)
    return header, set(there)


def _check_unchanged(pictures: Sequence[Source], header: Header, part: int, out: Path) -> None:
    """Refuse to go on where a picture was written again with something else after its part of the run."""
    written = part_of(out, part).stat().st_mtime
    newer = [number for number in header.numbers(part) if pictures[number].changed > written]
    if not newer:
        return
    known = checksums(out, part)
    for number in newer:
        looked = look(pictures[number], None)
        if looked.sha256 != known[number - header.numbers(part).start]:
            raise RunError(
                f"The picture {pictures[number].name!r} was changed after the run in {out.name!r} had passed it.",
                "Name another place, or delete the run to begin anew.",
            )


def usual_batch(model: LoadedModel) -> int:
    """How many pictures are asked about at once where nobody says."""
    usual = ON_CPU if model.device.type == "cpu" else ON_GPU
    return min(MOST_AT_ONCE, max(1, round(usual * (224 / model.card.pixels.side) ** 2)))


def _steps(header: Header, part: int) -> Iterator[range]:
    numbers = header.numbers(part)
    return (range(start, min(start + header.batch, numbers.stop)) for start in numbers[:: header.batch])


def _rows(
    model: LoadedModel,
    pictures: Sequence[Source],
    labels: Sequence[int | None],
    numbers: range,
    looked: Sequence[Looked],
) -> dict[str, list[Any]]:
    """Ask the network about a batch and write down one row for each picture, with or without an answer."""
    good = [place for place, one in enumerate(looked) if one.crop is not None]
    asked = [labels[numbers[place]] for place in good]
    reasons = [one.reason for one in looked]
    answers = _ask(model, np.stack([_crop(looked[place]) for place in good]), asked) if good else None
    found: dict[int, dict[str, Any]] = {}
    for row, place in enumerate(good):
        assert answers is not None
        if np.isfinite(answers.margin[row]):
            found[place] = _answer(answers, row, asked[row])
        else:
            reasons[place] = "The network gives no finite scores for this picture."
    nothing = {"predicted": UNKNOWN, "top": [], "probabilities": [], "embedding": None}
    nothing |= {"label_probability": float("nan"), "margin": float("nan")}
    said = [found.get(place, nothing) for place in range(len(numbers))]
    sources = [pictures[number] for number in numbers]
    return {
        "number": list(numbers),
        "name": [source.name for source in sources],
        "sha256": [one.sha256 for one in looked],
        "called": ["" if source.label is None else str(source.label) for source in sources],
        "label": [labels[number] for number in numbers],
        "reason": reasons,
        **{column: [one[column] for one in said] for column in nothing},
    }


def _answer(answers: _Answers, row: int, label: int | None) -> dict[str, Any]:
    return {
        "predicted": int(answers.top[row, 0]),
        "top": answers.top[row],
        "probabilities": answers.probabilities[row],
        "label_probability": float("nan") if label is None else answers.label_probability[row],
        "margin": answers.margin[row],
        "embedding": None if answers.embedding is None else answers.embedding[row],
    }


def _crop(looked: Looked) -> NDArray[np.uint8]:
    assert looked.crop is not None
    return looked.crop


def _ask(model: LoadedModel, crops: NDArray[np.uint8], labels: Sequence[int | None]) -> _Answers:
    """Ask the network about crops (n, side, side, 3); where memory runs out, about fewer at once."""
    levels = torch.from_numpy(crops)

    def ask(trace: Trace) -> _Answers:
        size = at_once(len(levels))
        places = [slice(start, start + size) for start in range(0, len(levels), size)]
        return _joined([_asked(trace.model, levels[place], labels[place]) for place in places])

    return within_memory(Trace(model, _pixels(levels[:1], model)), ask)


def _asked(model: LoadedModel, levels: Tensor, labels: Sequence[int | None]) -> _Answers:
    with _LastLinear() as last:
        raw = model(_pixels(levels, model))
    logits = both(raw.float())
    chances = logits.softmax(1)
    best = chances.topk(min(KEPT_CLASSES, logits.shape[1]))
    given = torch.tensor([UNKNOWN if label is None else label for label in labels], device=logits.device)
    named = torch.where(given == UNKNOWN, best.indices[:, 0], given)
    embedding = last.embedding(raw)
    return _Answers(
        top=best.indices.cpu().numpy(),
        probabilities=best.values.float().cpu().numpy(),
        label_probability=chances.gather(1, named[:, None])[:, 0].float().cpu().numpy(),
        margin=margins(logits, named, None).float().cpu().numpy(),
        embedding=None if embedding is None else embedding.clamp(-LARGEST, LARGEST).half().cpu().numpy(),
    )


def _pixels(levels: Tensor, model: LoadedModel) -> Tensor:
    return levels.to(model.device).permute(0, 3, 1, 2).contiguous().float().div(255)


def _joined(parts: Sequence[_Answers]) -> _Answers:
    columns: dict[str, Any] = {}
    for field in dataclasses.fields(_Answers):
        held = [getattr(part, field.name) for part in parts]
        columns[field.name] = None if held[0] is None else np.concatenate(held)
    return _Answers(**columns)


class _LastLinear(TorchFunctionMode):
    """Remembers what went into the last linear layer, while a network runs inside the `with`."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: tuple[Tensor, Tensor] | None = None

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if func is functional.linear:
            self._seen = (args[0], result)
        return result

    def embedding(self, logits: Tensor) -> Tensor | None:
        """Return it, (N, D), if what came out are the logits; None for a network that ends otherwise."""
        if self._seen is None:
            return None
        inside, out = self._seen
        return inside.flatten(1) if out.shape == logits.shape and bool((out == logits).all()) else None
