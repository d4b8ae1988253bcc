"""Second opinions: what another network says of a picture, as far as it knows the same classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from explain.engine import predict
from explain.label_lists import folded
from explain.memory import within_memory
from explain.target import probabilities
from explain.tracing import Trace, pixels_of
from models.progress import track

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL import Image

    from models import LoadedModel


@dataclass(frozen=True)
class Opinion:
    """What one network says of a picture.

    model, label: its key and its name for people. said, probability: its first guess, and how sure it is of it, 0..1.
    knows_label: whether it has a class of the true one's name, and just one. p_label, p_predicted: its probabilities
    of the true class and of the class that the other network said, None where it has no class of that name.
    """

    model: str
    label: str
    said: str
    probability: float
    knows_label: bool
    p_label: float | None
    p_predicted: float | None


def opinion(model: LoadedModel, image: Image.Image, label_name: str | None, predicted_name: str) -> Opinion:
    """Ask a network about a picture, and how likely it finds two classes of another network, by their names.

    Case and punctuation do not count. A name that several of its classes share is not known. label_name None: there
    is none.
    """

    def ask(trace: Trace) -> Opinion:
        first = predict(trace.model, trace, 1)
        chances = probabilities(trace.logits)[0].tolist()
        label, predicted = (_place(name, model.card.classes) for name in (label_name, predicted_name))
        return Opinion(
            model=model.card.key,
            label=model.card.label,
            said=first.names[0],
            probability=float(first.probabilities[0]),
            knows_label=label is not None,
            p_label=None if label is None else chances[label],
            p_predicted=None if predicted is None else chances[predicted],
        )

    (only,) = [within_memory(trace, ask) for trace in track([Trace(model, pixels_of(model, image))], 1)]
    return only


def _place(name: str | None, classes: Sequence[str]) -> int | None:
    places = [index for index, own in enumerate(classes) if name is not None and folded(own) == folded(name)]
    return places[0] if len(places) == 1 else None
