"""What a method's parameters may be, stated once in `Annotated`; screen, command line and checks derive from it.

    samples: Annotated[int, Range(1, 256), "Copies to average"] = 50
    baseline: Annotated[Literal["black", "white"], "Where the path starts"] = "black"
    layer: Annotated[str | None, LayerName(), "Layer to read"] = None
    box: Annotated[tuple[int, int, int, int] | None, Corners(), "Where the object is"] = None
"""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from models.errors import ParameterError


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included, that a slider moves in steps of `step`."""

    low: float
    high: float
    step: float = 1


@dataclass(frozen=True)
class Choice:
    """One of these words."""

    options: tuple[str, ...]


@dataclass(frozen=True)
class Switch:
    """Yes or no."""


@dataclass(frozen=True)
class LayerName:
    """A layer of the loaded network by name; None stands for the network's default layer."""


@dataclass(frozen=True)
class ClassIndex:
    """A class of the loaded network by index; None stands for none."""


@dataclass(frozen=True)
class Corners:
    """A box in whole pixels of the crop: left, top, and the first column and row beyond it; None stands for none."""


Kind = Range | Choice | Switch | LayerName | ClassIndex | Corners


@dataclass(frozen=True)
class Param:
    """One parameter: name, type (int, float, bool, str or tuple), kind, default, help, and whether None is allowed."""

    name: str
    type: type
    kind: Kind
    default: Any
    help: str
    optional: bool

    @property
    def label(self) -> str:
        """The name as a person would write it."""
        return self.name.replace("_", " ").capitalize()


def params_of(cls: type) -> tuple[Param, ...]:
    """List the parameters of a method (or metric) in the order of its fields."""
    return _params_of(cls)


@cache
def _params_of(cls: Hashable) -> tuple[Param, ...]:
    assert isinstance(cls, type)
    hints = get_type_hints(cls, include_extras=True)
    # Keyword-only fields are those that a family shares; a method's own come first, as in its signature.
    fields = sorted(dataclasses.fields(cls), key=lambda field: field.kw_only is True)
    return tuple(_param(field, hints[field.name]) for field in fields)


def _param(field: dataclasses.Field[Any], hint: Any) -> Param:
    if get_origin(hint) is not Annotated:
        raise TypeError(f"The field {field.name!r} needs Annotated[type, kind, help].")
    inner, *extras = get_args(hint)
    options = [part for part in get_args(inner) if part is not NoneType]
    optional = get_origin(inner) in (Union, UnionType) and NoneType in get_args(inner)
    plain = options[0] if optional else inner
    kind = next((extra for extra in extras if isinstance(extra, Kind)), None)
    if get_origin(plain) is Literal:
        kind, plain = Choice(get_args(plain)), str
    elif plain is bool:
        kind = Switch()
    if kind is None:
        raise TypeError(f"The field {field.name!r} states no range.")
    text = next((extra for extra in extras if isinstance(extra, str)), "")
    return Param(field.name, get_origin(plain) or plain, kind, field.default, text, optional)


def check(method: Any) -> None:
    """Refuse a value outside its range or of another type with one sentence; what the network decides comes on use.

    Numbers of numpy's become Python's.
    """
    for param in params_of(type(method)):
        value = getattr(method, param.name)
        if isinstance(value, numbers.Real) and not isinstance(value, (int, float)):
            value = int(value) if isinstance(value, numbers.Integral) else float(value)
            object.__setattr__(method, param.name, value)
        if not (value is None and param.optional):
            _check_value(type(method).__name__, param, value)


def _check_value(owner: str, param: Param, value: Any) -> None:
    kind = param.kind
    if isinstance(kind, Choice):
        wanted, fits = "one of " + ", ".join(kind.options), value in kind.options
    elif isinstance(kind, Switch):
        wanted, fits = "True or False", isinstance(value, bool)
    elif isinstance(kind, LayerName):
        wanted, fits = "a layer's name", isinstance(value, str)
    elif isinstance(kind, ClassIndex):
        wanted, fits = "a class index", isinstance(value, int) and not isinstance(value, bool) and value >= 0
    elif isinstance(kind, Corners):
        wanted, fits = "a box as four whole numbers (left, top, right, bottom)", _is_box(value)
    else:
        whole = "whole number" if param.type is int else "number"
        wanted = f"a {whole} from {kind.low:g} to {kind.high:g}"
        right = (int,) if param.type is int else (int, float)
        fits = isinstance(value, right) and not isinstance(value, bool) and math.isfinite(value)
        fits = fits and kind.low <= value <= kind.high
    if not fits:
        raise ParameterError(f"{owner} needs {wanted} for {param.name!r}, not {value!r}.")


def _is_box(value: Any) -> bool:
    if not isinstance(value, tuple) or len(value) != 4 or not all(type(edge) is int for edge in value):
        return False
    left, top, right, bottom = value
    return bool(0 <= left < right and 0 <= top < bottom)
