"""The single door to an explanation: checks, gradient mode, memory, time."""

from __future__ import annotations

import dataclasses
import logging
import time
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
import torch

from explain.gradients import overwriting, overwritten
from explain.memory import within_memory
from explain.method import Method
from explain.results import Explanation, FeatureMaps, Heatmap, Prediction
from explain.target import ClassLogit, Target, probabilities, whole
from explain.tracing import Trace, pixels_of
from models.device import out_of_memory
from models.errors import ConvLensError, ModelError, ParameterError, TargetError, UnsuitableError
from models.grad_mode import outside_inference
from models.progress import from_listener

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from models import LoadedModel

#: What an operation that a method cannot deal with may raise.
FOREIGN = (RuntimeError, IndexError, AssertionError, ValueError, TypeError, AttributeError, NotImplementedError)

log = logging.getLogger(__name__)
_reasons: WeakKeyDictionary[LoadedModel, dict[type[Method], str | None]] = WeakKeyDictionary()


def run(
    model: LoadedModel,
    image: Image.Image | Tensor | Trace,
    method: Method,
    target: Target | int | None = None,
    *,
    batch: int | None = None,
) -> Explanation:
    """Explain what a model sees in a picture.

    image: a PIL picture (cropped as the model wants it), pixels (1, 3, H, W) in [0, 1] (taken as they
    are), or a Trace of this model. method: an instance, such as GradCAM(). target: a Target, a class
    index (its logit), or None (the class the model predicts). batch: samples taken at once, None =
    measured. Raises UnsuitableError with a reason where the method would mean nothing on this model.
    Where memory runs out, the batch is halved, and then the CPU takes over.
    """
    if not isinstance(method, Method):
        raise ParameterError(f"Wanted an instance of a method, such as GradCAM(), not {method!r}.")
    size = None if batch is None else _count(batch, "sample at once")
    return within_memory(_trace_of(model, image), lambda trace: _answer(trace, method, target), size)


def trace_picture(model: LoadedModel, image: Image.Image | Tensor) -> Trace:
    """Run a picture once through a model and return the trace, which answers every question about it.

    image: a PIL picture, which is cropped as the model wants it, or pixels (1, 3, H, W) in [0, 1],
    which are taken as they are.
    """
    trace = Trace(model, pixels_of(model, image))
    trace.know(within_memory(trace, lambda own: own.logits))
    return trace


def predict(model: LoadedModel, image: Image.Image | Tensor | Trace, k: int = 5) -> Prediction:
    """Name the k most likely classes of a picture, best first; all of them where there are fewer than k."""
    k = _count(k, "class")
    logits = within_memory(_trace_of(model, image), lambda trace: trace.logits)
    chances = probabilities(logits)[0]
    best = chances.topk(min(k, len(chances)))
    indices = best.indices.cpu().numpy()
    names = model.card.classes
    scores = logits[0][best.indices] if logits.shape[1] > 1 else logits[0, 0] * (best.indices * 2 - 1)
    return Prediction(
        indices=indices,
        names=tuple(names[index] if index < len(names) else f"class {index}" for index in indices),
        probabilities=best.values.float().cpu().numpy(),
        logits=scores.float().cpu().numpy(),
    )


def unsuitable(model: LoadedModel, method: type[Method]) -> str | None:
    """Say in the user's words why a method means nothing on this model, or None; probed once, then remembered."""
    try:
        with outside_inference():
            return _reason(model, method)
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        return "There is not enough memory to try this method on this network."


def _reason(model: LoadedModel, method: type[Method]) -> str | None:
    known = _reasons.setdefault(model, {})
    if method not in known:
        try:
            known[method] = method.unsuitable(model)
        except ConvLensError as error:
            if from_listener(error):
                raise
            known[method] = error.message
        except FOREIGN as error:
            if out_of_memory(error) or from_listener(error):
                raise
            # A network of somebody else's may do what no method has foreseen.
            log.exception("probing %s on %s", method.__name__, model.card.key)
            known[method] = f"{method.label} cannot be worked out on this network: {type(error).__name__}."
    return known[method]


def target_of(trace: Trace, target: Target | int | None) -> Target:
    """Turn a class index or None (the predicted class) into a Target; refuse a class that is not there."""
    if target is None:
        target = ClassLogit(int(probabilities(trace.logits)[0].argmax()))
    elif not isinstance(target, Target):
        index = whole(target)
        if index is None:
            raise TargetError(f"Wanted a class index or a target, not {target!r}.")
        target = ClassLogit(index)
    target(torch.zeros(1, trace.model.graph.outputs))
    return target


def _trace_of(model: LoadedModel, image: Image.Image | Tensor | Trace) -> Trace:
    trace = image if isinstance(image, Trace) else Trace(model, pixels_of(model, image))
    if trace.model is not model:
        raise ModelError("The trace belongs to another model.", "Trace the picture with this one.")
    return trace


def _count(given: object, of: str) -> int:
    count = whole(given)
    if count is None or count < 1:
        raise ParameterError(f"Wanted at least one {of}, not {given!r}.")
    return count


def _answer(trace: Trace, method: Method, target: Target | int | None) -> Explanation:
    """Ask the method, check what it says, and write down where the answer came from."""
    asked = target_of(trace, target)
    reason = _reason(trace.model, type(method))
    if reason is not None:
        raise UnsuitableError(reason)
    began = time.perf_counter()
    answer = _asked(method, trace, asked)
    _check_finite(answer)
    return dataclasses.replace(
        answer,
        method=method,
        target=asked,
        model=trace.model.card.key,
        seconds=time.perf_counter() - began,
        notes=(*answer.notes, *_states(answer)),
    )


def _asked(method: Method, trace: Trace, target: Target) -> Explanation:
    """Ask the method; where it fails because the network cannot take this picture at all, that is what is said."""
    try:
        return method(trace, target)
    except (RuntimeError, AssertionError, ValueError) as error:
        if not out_of_memory(error):
            # Not before: some methods run the picture themselves, and so run it once.
            _ = trace.logits
        if overwritten(error):
            raise overwriting() from error
        raise


def _check_finite(answer: Explanation) -> None:
    for field in dataclasses.fields(answer):
        value = getattr(answer, field.name)
        if isinstance(value, np.ndarray) and value.dtype.kind == "f" and not np.isfinite(value).all():
            raise ModelError("The answer holds values that are not finite numbers.", "Try another method or network.")


def _states(answer: Explanation) -> tuple[str, ...]:
    if isinstance(answer, Heatmap) and answer.empty:
        return ("The map shows no evidence for this class.",) if not answer.signed else ("The map is zero everywhere.",)
    if isinstance(answer, FeatureMaps) and not answer.maps.any():
        return ("Every channel of this layer is zero.",)
    return ()
