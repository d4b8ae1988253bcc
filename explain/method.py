"""The one form that every method has: a frozen dataclass whose fields are its parameters, called with a trace."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, TypeVar

from explain.params import check

if TYPE_CHECKING:
    from explain.results import Explanation
    from explain.target import Target
    from explain.tracing import Trace
    from models import LoadedModel

METHODS: dict[str, type[Method]] = {}

AnyMethod = TypeVar("AnyMethod", bound="type[Method]")

#: What a person asks: where the network looks; which pixels count; which parts it sees; what if something were hidden.
Question = Literal["where", "pixels", "parts", "hidden"]


@dataclass(frozen=True)
class Method(ABC):
    """Ask a network one kind of question about a picture.

    A subclass is a frozen dataclass; its fields are its parameters, each with a default and an
    `Annotated` range and help. `family` groups it, `label` names it, `paper` cites it, `caption`
    says in a few words how fast it is and how far to trust it, `question` which question it answers,
    `caution`, where there is one, why its maps may say little about the network, in a sentence, and
    `shares` whether the values of a signed map are parts of the target, in its unit.
    Wrong values are refused when the method is made.
    """

    family: ClassVar[str]
    label: ClassVar[str]
    paper: ClassVar[str]
    caption: ClassVar[str] = ""
    question: ClassVar[Question] = "pixels"
    caution: ClassVar[str] = ""
    shares: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check(self)

    @abstractmethod
    def __call__(self, trace: Trace, target: Target) -> Explanation:
        """Compute the answer for a traced picture."""

    @classmethod
    def unsuitable(cls, model: LoadedModel) -> str | None:
        """Say in the user's words why the method means nothing on this network, or None if it does."""
        return None


def register(cls: AnyMethod) -> AnyMethod:
    """Add a method to METHODS under its class name; a second one of that name is an error."""
    if cls.__name__ in METHODS:
        raise ValueError(f"There is a method named {cls.__name__!r} already.")
    METHODS[cls.__name__] = cls
    return cls


def kebab(name: str) -> str:
    """Write a registry name as the command line does: GradCAM becomes grad-cam."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).lower()
