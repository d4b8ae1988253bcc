"""All checks of a map: which of them there are for it, cheap ones first, and what each has found."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dashboard import cache, samples, verdicts
from dashboard.answers import Declined
from explain.params import Corners, params_of
from explain.results import Heatmap

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dashboard.answers import Answer, Choice, Outcome
    from explain.metric import Metric
    from explain.tracing import Trace
    from models.loaded import LoadedModel
    from models.progress import Listener

#: Checks and what each came to.
Made = tuple[tuple["Metric", "Outcome"], ...]
#: A box that covers this share of the crop and more says nothing of where a map lies.
FILLS = 0.9


def planned(choice: Choice, answer: Answer) -> tuple[Metric, ...]:
    """List the checks of a map, the cheap ones first; those that need a box only where one is known."""
    import explain

    if not isinstance(answer.explanation, Heatmap) or answer.explanation.empty:
        return ()
    box = _box(choice, answer, answer.explanation)
    made = [cls(**_boxes(cls, box)) for cls in explain.METRICS.values() if box or not _boxes(cls, box)]
    return tuple(sorted(made, key=lambda metric: (metric.asks_again, metric.cost, metric.label)))


def made(choice: Choice, answer: Answer) -> Made:
    """Return what all checks of a map found, nothing unless all were made."""
    if cache.loaded(choice.model, choice.untrained) is None:
        return ()
    found = [(metric, cache.checked(choice, answer, metric)) for metric in planned(choice, answer)]
    done = tuple((metric, outcome) for metric, outcome in found if outcome is not None)
    return done if len(done) == len(found) else ()


def decisive_first(found: Iterable[tuple[Metric, Outcome]]) -> Made:
    """Sort checks by how much they say: those that decide, those without a verdict, those that are not for the map."""

    def place(one: tuple[Metric, Outcome]) -> int:
        metric, outcome = one
        if isinstance(outcome, Declined):
            return 2
        verdict = verdicts.measured(metric, outcome)
        return 0 if verdict.holds is not None or verdict.partly else 1

    return tuple(sorted(found, key=place))


def asks_another_class(metric: Metric) -> bool:
    """Tell whether a check asks what the quick check asks of another class, too."""
    from explain.metrics.random_logit import RandomLogit

    return isinstance(metric, RandomLogit)


def make(trace: Trace, choice: Choice, answer: Answer) -> Iterator[tuple[Metric, Outcome]]:
    """Make all checks of a map, one after the other, and keep nothing."""
    for metric in planned(choice, answer):
        yield metric, cache.measured(trace, choice, answer, metric)


def whole(model: LoadedModel, choice: Choice, answer: Answer, listener: Listener) -> Answer:
    """Ask for another class where the quick check had no time to, so that an answer holds the same on every machine."""
    import explain
    import models

    if answer.check is None or answer.check.other is not None:
        return answer
    with models.heard_by(listener):
        return about_another_class(explain.trace(model, choice.picture.image), choice, answer, True)


def about_another_class(trace: Trace, choice: Choice, answer: Answer, wanted: bool) -> Answer:
    """Ask for another class where the quick check had no time to; or forget that it has asked, where not wanted."""
    check, heatmap = answer.check, answer.explanation
    if check is None or not isinstance(heatmap, Heatmap) or (check.other is not None) == wanted:
        return answer
    if not wanted:
        return replace(answer, check=replace(check, other=None, alike=None, refusal=""))

    from explain.quick import with_another_class

    asked, method = cache.target_of(choice, answer.index), cache.method_of(choice)
    return replace(answer, check=with_another_class(check, trace, replace(heatmap, method=method), asked))


def _boxes(cls: type[Metric], box: tuple[int, int, int, int] | None) -> dict[str, Any]:
    """Name the parameters of a check that are boxes."""
    return {param.name: box for param in params_of(cls) if isinstance(param.kind, Corners)}


def _box(choice: Choice, answer: Answer, heatmap: Heatmap) -> tuple[int, int, int, int] | None:
    """Say where in the map the object is: only of the samples, in which we drew a box.

    None where it is cut off, or fills the crop, since then every map is inside.
    """
    sample = samples.id_of(choice.picture.sha256)
    if sample is None:
        return None
    rows, columns = heatmap.values.shape
    left, top, right, bottom = answer.box
    first, upper, last, lower = samples.SAMPLES[sample].box
    across, down = columns / (right - left), rows / (bottom - top)
    corners = (
        max(0, round((first - left) * across)),
        max(0, round((upper - top) * down)),
        min(columns, round((last - left) * across)),
        min(rows, round((lower - top) * down)),
    )
    width, height = corners[2] - corners[0], corners[3] - corners[1]
    return corners if width > 0 and height > 0 and width * height < FILLS * rows * columns else None
