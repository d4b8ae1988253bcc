"""What many figures say together: means with their 95 % confidence intervals, and what beats maps that know nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from explain.control_maps import CONTROLS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from explain.method import Method
    from explain.metric import Metric
    from explain.records import Records

    Floats = NDArray[np.float64]
    #: A picture by its name and a checksum.
    Identity = tuple[str, str]

#: How sure an interval is, and how many times the pictures are drawn again for it.
SHARE, DRAWS = 0.95, 2000
#: What a check says beside the control maps, with what a person reads.
BESIDE = {**CONTROLS, "area": "a map spread evenly"}
#: With fewer pictures, all of them on one side happens by chance more often than once in twenty times.
LEAST = 6


@dataclass(frozen=True)
class Cell:
    """A mean over `count` pictures, and where it lies with 95 % confidence; not numbers for a single picture.

    ahead: the mean distance to a control map on the same pictures, above zero where the method is better, with its
    interval; to the control map that is the hardest to beat, which `rival` names; None where none has a figure.
    behind: whether some control map is better by more than chance. reasons: why other pictures have no figure, with how
    many.
    """

    mean: float
    low: float
    high: float
    count: int
    ahead: tuple[float, float, float] | None
    reasons: dict[str, int]
    rival: str = ""
    behind: bool = False

    @property
    def enough(self) -> bool:
        """Whether there are so many pictures that chance can be told from more."""
        return self.count >= LEAST

    @property
    def beats_controls(self) -> bool:
        """Whether it is better than each control map by more than chance; never with fewer than six pictures."""
        return self.ahead is not None and self.enough and self.ahead[1] > 0

    def holds(self, check: Metric) -> bool | None:
        """Whether it passes a check or fails it by more than chance; None where neither is so, or nothing decides.

        It passes where it is better than every control map, or, of a check with a limit, on the right side of that.
        """
        if not self.enough or check.passes is None:
            return None
        if isinstance(check.passes, float):
            above, below = self.low > check.passes, self.high < check.passes
            good, bad = (above, below) if check.better == "higher" else (below, above)
        else:
            good, bad = self.beats_controls, self.behind
        return True if good else False if bad else None


@dataclass(frozen=True)
class Row:
    """A method, or a control map: its cells by check, None = nothing measured.

    refused: why the method means nothing on this network, "" = it does.
    """

    name: str
    label: str
    control: bool
    cells: dict[str, Cell | None]
    refused: str = ""


def interval(values: Sequence[float], seed: int = 0) -> tuple[float, float, float]:
    """Return the mean of some values and its 95 % confidence interval.

    By the percentile bootstrap: the values are drawn again, with replacement, and the middle 95 % of the means are
    taken (Efron, 1979); the distance to the mean is widened by sqrt(n / (n - 1)), without which it is too narrow for
    few values, but never beyond the values themselves. A single value has no interval; their order means nothing.
    """
    found = np.sort(np.asarray(values, np.float64))
    mean, count = float(found.mean()), len(found)
    if count < 2:
        return mean, float("nan"), float("nan")
    drawn = np.random.default_rng(seed).integers(count, size=(DRAWS, count))
    low, high = np.quantile(found[drawn].mean(1), [(1 - SHARE) / 2, (1 + SHARE) / 2])
    wider = (count / (count - 1)) ** 0.5
    low, high = np.clip([mean + wider * (low - mean), mean + wider * (high - mean)], found.min(), found.max())
    return mean, float(low), float(high)


def table(
    kept: Records, methods: Sequence[Method], checks: Sequence[Metric], shown: Collection[Identity] | None = None
) -> list[Row]:
    """Sum up what is kept of these methods and checks: one row each, then the control maps.

    shown: the pictures that count, None = all that have figures.
    """
    by_check = {name_of(check): _figures(kept, check, shown) for check in checks}
    rows = [_row(kept, method, by_check) for method in methods]
    alike = {name_of(check): by_check[name_of(check)] if check.same_controls else {} for check in checks}
    return rows + [row for name in BESIDE if (row := _control(name, alike)) is not None]


def name_of(check: Metric) -> str:
    """Name a check in the table."""
    return type(check).__name__


def pictures(kept: Records, shown: Collection[Identity] | None = None) -> tuple[int, dict[str, int]]:
    """Count the pictures that have figures, and those that do not fit by their reasons; shown: as for `table`."""
    fitting = {key[1:3] for key, value in kept.under("check") if _counts(kept, key[1:3], value, shown)}
    looked_at = (value for key, value in kept.under("picture") if shown is None or key[1:3] in shown)
    return len(fitting), Counter(str(value["reason"]) for value in looked_at if value["reason"])


def _figures(
    kept: Records, check: Metric, shown: Collection[Identity] | None
) -> dict[str, dict[str, dict[str, Any]]]:
    """Look up what is kept of a check: method -> picture -> record."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for (_, picture, stamp, method, measured), value in kept.under("check"):
        if measured == repr(check) and _counts(kept, (picture, stamp), value, shown):
            found.setdefault(method, {})[f"{picture} {stamp}"] = {"better": check.better, **value}
    return found


def _counts(
    kept: Records, picture: tuple[str, ...], figure: dict[str, Any], shown: Collection[Identity] | None
) -> bool:
    """Whether a figure is of a picture that is asked about and fits, and of the box that is there now."""
    seen = kept.get(("picture", *picture)) or {}
    same_box = "box" not in figure or figure["box"] == seen.get("box")
    return (shown is None or picture in shown) and not seen.get("reason") and same_box


def _row(
    kept: Records, method: Method, by_check: dict[str, dict[str, dict[str, dict[str, Any]]]]
) -> Row:
    key = ("method", repr(method))
    own = {name: figures.get(repr(method), {}) for name, figures in by_check.items()}
    return Row(
        name=type(method).__name__,
        label=method.label,
        control=False,
        cells={name: _cell(list(records.values())) for name, records in own.items()},
        refused=str(kept[key]["reason"]) if key in kept else "",
    )


def _cell(records: list[dict[str, Any]]) -> Cell | None:
    measured = [record for record in records if "value" in record]
    reasons = dict(Counter(str(record["reason"]) for record in records if "reason" in record))
    if not measured:
        return Cell(float("nan"), float("nan"), float("nan"), 0, None, reasons) if reasons else None
    mean, low, high = interval([record["value"] for record in measured])
    rivals = {name: interval(found) for name in BESIDE if (found := _ahead_of(measured, name))}
    rival = min(rivals, key=lambda name: rivals[name][1], default="")
    behind = any(high < 0 for _, _, high in rivals.values())
    return Cell(mean, low, high, len(measured), rivals.get(rival), reasons, rival, behind)


def _ahead_of(records: list[dict[str, Any]], name: str) -> list[float]:
    """How far ahead of a control map each picture's figure is; nothing where a picture has none of that map."""
    if not all(name in record["baselines"] for record in records):
        return []
    signs = (1 if record["better"] == "higher" else -1 for record in records)
    return [sign * (record["value"] - record["baselines"][name]) for sign, record in zip(signs, records, strict=True)]


def _control(name: str, by_check: dict[str, dict[str, dict[str, dict[str, Any]]]]) -> Row | None:
    """Sum up a control map, which is the same whatever the method; None where no check measures it."""
    cells: dict[str, Cell | None] = {}
    for check, figures in by_check.items():
        known = {
            picture: record["baselines"][name]
            for records in figures.values()
            for picture, record in records.items()
            if name in record.get("baselines", {})
        }
        cells[check] = Cell(*interval(list(known.values())), len(known), None, {}) if known else None
    if not any(cells.values()):
        return None
    return Row(name, BESIDE[name], True, cells)
