"""Every method against every check over many pictures; each figure is kept as it comes, so a stopped job goes on."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from explain.asking_again import as_part
from explain.engine import run, unsuitable
from explain.measuring import measure
from explain.object_boxes import in_crop
from explain.params import Corners, params_of
from explain.results import Heatmap
from explain.stepping import samples_per_step
from explain.target import probabilities
from explain.tracing import Trace
from models.errors import ConvLensError, DeviceError, ParameterError, PictureError
from models.progress import report
from models.tag import BOX, tagged

if TYPE_CHECKING:
    from PIL import Image

    from explain.boxes import Edges
    from explain.method import Method
    from explain.metric import Metric
    from explain.records import Records
    from explain.sources import Source
    from models import LoadedModel
    from models.pixels import Box, PixelSpace

#: Boxes that cover more of the crop than this say little about a map.
LARGEST = 0.5
#: Draw of the order in which pictures are taken.
SEED = 0


@dataclass(frozen=True, eq=False)
class Comparison:
    """What is compared: methods and checks with their parameters, over at most `count` pictures that fit, None = all.

    labels: the class of each picture, None = not known. boxes: a picture's name -> the objects in its own pixels.
    tag: the class that the network goes by a tag for; the tag is then put on the pictures, and is the object.
    patience: a check that would ask a method again for longer than so many seconds is left for another day.
    """

    model: LoadedModel
    methods: Sequence[Method]
    checks: Sequence[Metric]
    pictures: Sequence[Source]
    labels: Sequence[int | None]
    boxes: Mapping[str, tuple[Box, ...]] = dataclasses.field(default_factory=dict)
    tag: int | None = None
    count: int | None = None
    patience: float = float("inf")

    def __post_init__(self) -> None:
        """Refuse checks of boxes where there is none."""
        boxed = next((check for check in self.checks if box_field(check)), None)
        if boxed is not None and not self.boxes and self.tag is None:
            raise ParameterError(
                f"{boxed.label} needs to know where the objects are, and no list of boxes lies beside the pictures.",
                "Leave this check out, or add boxes.csv with the columns file, x0, y0, x1, y1.",
            )

    @property
    def origin(self) -> dict[str, Any]:
        """What the figures of one file must have in common."""
        return {"model": self.model.card.key, "weights": self.model.fingerprint(), "tag": self.tag}


def box_field(check: Metric) -> str | None:
    """Name the field in which a check wants the box around the object, None if it wants none."""
    return next((param.name for param in params_of(type(check)) if isinstance(param.kind, Corners)), None)


def go_over(job: Comparison, kept: Records, seconds: float = float("inf"), batch: int | None = None) -> bool:
    """Measure what is not kept yet, picture by picture, for about so long; say whether everything is.

    A picture fits if the network names it right, where its class is known; with a tag, if the tag makes the network
    say its class though it shows something else. Where boxes are asked for, one object covers at most half of it.
    batch: pictures that the network sees at once, None = measured. Refuses records of another network, and reports its
    progress in figures. Where memory did not suffice, DeviceError says so at the end: what is missing is asked again
    another time.
    """
    if ("of",) not in kept:
        kept.keep(("of",), job.origin)
    elif kept[("of",)] != job.origin:
        raise ParameterError(
            f"The folder holds figures of {kept[('of',)]['model']}, of other weights, or with another tag.",
            "Take another folder.",
        )
    try:
        with samples_per_step(batch):
            _Work(job, kept, time.monotonic() + seconds).do()
    except _OutOfTime:
        return False
    return True


def shown(job: Comparison, kept: Records) -> set[tuple[str, str]]:
    """List the pictures of which figures are kept, or why they do not fit, as they lie there now."""
    known = {(name, checksum) for (_, name, checksum), _ in kept.under("picture")}
    names = {name for name, _ in known}
    return known & {_identity(source) for source in job.pictures if source.name in names}


def _identity(source: Source) -> tuple[str, str]:
    """Name a picture and what it holds; one that cannot be read by what is known without."""
    try:
        return source.name, source.checksum()
    except PictureError:
        return source.name, source.stamp


class _OutOfTime(Exception):
    """The time that was given is over."""


class _Work:
    """One go over the pictures."""

    def __init__(self, job: Comparison, kept: Records, ends: float) -> None:
        self.job, self.kept, self.ends = job, kept, ends
        self.done = self.total = 0
        self.without_memory: list[DeviceError] = []

    def do(self) -> None:
        with as_part(self._tell):
            methods = [method for method in self.job.methods if not self._refused(method)]
            each = len(methods) * len(self.job.checks)
            count = len(self.job.pictures) if self.job.count is None else min(self.job.count, len(self.job.pictures))
            self.total = each * count
            for done, fitting in enumerate(self._fitting()):
                if done == count:
                    break
                self.done = done * each
                for method in methods:
                    self._measure(fitting, method)
                    self.done += len(self.job.checks)
        report(self.total, self.total)
        if self.without_memory:
            first, count = self.without_memory[0], len(self.without_memory)
            raise DeviceError(f"{count:,} maps have figures missing for want of memory: {first.message}", first.hint)

    def _tell(self) -> None:
        if time.monotonic() > self.ends:
            raise _OutOfTime
        report(self.done, self.total)

    def _refused(self, method: Method) -> str:
        """Say why a method means nothing on this network; asked once."""
        key = ("method", repr(method))
        if key not in self.kept:
            self._tell()
            self.kept.keep(key, {"reason": unsuitable(self.job.model, type(method)) or ""})
        return str(self.kept[key]["reason"])

    def _fitting(self) -> Iterator[_Fitting]:
        """Find the pictures that fit, in an order drawn once."""
        for place in np.random.default_rng(SEED).permutation(len(self.job.pictures)):
            source, label = self.job.pictures[place], self.job.labels[place]
            self._tell()
            fitting = _Fitting(self.job, source, label)
            key = ("picture", *fitting.identity)
            # Only whether boxes are asked for decides which pictures fit; the answer is kept for both.
            known = self.kept.get(key)
            found = fitting.look(known)
            if found != known:
                self.kept.keep(key, found)
            if not found["reason"] and (found["box"] or not any(map(box_field, self.job.checks))):
                fitting.found = found
                yield fitting

    def _measure(self, fitting: _Fitting, method: Method) -> None:
        """Ask a method about a picture, and check its map by all that is not kept."""
        keys = {check: ("check", *fitting.identity, repr(method), repr(check)) for check in self.job.checks}
        missing = [check for check in self.job.checks if not self._known(keys[check], check, fitting)]
        timed = ("map", *fitting.identity, repr(method))
        if timed in self.kept:
            missing = [check for check in missing if self._worth(check, self.kept[timed]["seconds"])]
        heatmap: Heatmap | None = None
        for check in missing:
            self._tell()
            try:
                if heatmap is None:
                    heatmap = fitting.explained(method)
                    self.kept.keep(timed, {"seconds": heatmap.seconds})
                if self._worth(check, heatmap.seconds):
                    self.kept.keep(keys[check], fitting.checked(check, heatmap))
            except DeviceError as error:
                # Another machine, or another day, may have the memory.
                self.without_memory.append(error)
                break
            except ConvLensError as error:
                self.kept.keep(keys[check], {"reason": error.message})

    def _known(self, key: tuple[str, ...], check: Metric, fitting: _Fitting) -> bool:
        """Whether a figure is kept, and is one of this box where a check asks for a box."""
        return key in self.kept and (not box_field(check) or self.kept[key].get("box") == fitting.found["box"])

    def _worth(self, check: Metric, seconds: float) -> bool:
        """Whether a check that asks for the map again and again takes no more than one has patience for."""
        return not check.asks_again or seconds * check.cost <= self.job.patience


class _Fitting:
    """A picture while it is asked about; it is read, and run, when that is needed."""

    def __init__(self, job: Comparison, source: Source, label: int | None) -> None:
        self.job, self.source, self.label = job, source, label
        self.identity = _identity(source)
        self.found: dict[str, Any] = {}
        self._trace: Trace | None = None

    def look(self, known: dict[str, Any] | None) -> dict[str, Any]:
        """Say why the picture does not fit ("" = it does), what the network says, and where the object is.

        known: what was said before; the network is not asked again, but the class and the boxes may be others now.
        """
        if known is not None and "class" not in known:
            return known
        try:
            image = self.source.open().image if known is None or self.source.name in self.job.boxes else None
            if known is None:
                chances = probabilities(self._traced(image).logits)[0]
                known = {"class": int(chances.argmax()), "probability": float(chances.max())}
        except DeviceError:
            raise
        except ConvLensError as error:
            return {"reason": error.message}
        return {**known, "reason": self._reason(known["class"]), "box": self._box(image)}

    def explained(self, method: Method) -> Heatmap:
        """Ask a method for the map of what the network says."""
        found = run(self.job.model, self._traced(), method, int(self.found["class"]))
        assert isinstance(found, Heatmap)
        return found

    def checked(self, check: Metric, heatmap: Heatmap) -> dict[str, Any]:
        """Check a map: the figure, that of the control maps, and the seconds that it took."""
        field = box_field(check)
        if field is not None:
            check = dataclasses.replace(check, **{field: tuple(self.found["box"])})
        found = measure(self._traced(), check, heatmap)
        box = {} if field is None else {"box": self.found["box"]}
        return {"value": found.value, "baselines": found.baselines, "seconds": found.seconds, **box}

    def _traced(self, image: Image.Image | None = None) -> Trace:
        if self._trace is None:
            pixels = self.job.model.crop(image or self.source.open().image)
            self._trace = Trace(self.job.model, pixels if self.job.tag is None else tagged(pixels))
        return self._trace

    def _reason(self, said: int) -> str:
        names = self.job.model.card.classes
        if self.job.tag is not None:
            if self.label == self.job.tag:
                return "It shows what the tag stands for."
            return "" if said == self.job.tag else "The tag does not change what the network says."
        if self.label is None or said == self.label:
            return ""
        return f"The network takes it for {names[said]}."

    def _box(self, image: Image.Image | None) -> list[int] | None:
        """Say where in the crop the object is, as JSON keeps it; None where there is none, several, or a large one."""
        space = self.job.model.card.pixels
        if self.job.tag is not None:
            return list(_corner(space))
        boxes = self.job.boxes.get(self.source.name, ())
        edges = in_crop(space, image, boxes[0]) if image is not None and len(boxes) == 1 else None
        if edges is None:
            return None
        left, top, right, bottom = edges
        return list(edges) if (right - left) * (bottom - top) <= LARGEST * space.side**2 else None


def _corner(space: PixelSpace) -> Edges:
    """Where the tag is put."""
    left, top, right, bottom = (round(share * space.side) for share in BOX)
    return left, top, right, bottom
