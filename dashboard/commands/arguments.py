"""What the commands share: a method's parameters as flags, the picture, the class, the files to write."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dashboard.answers import Choice as Asked
from dashboard.uploads import read_picture
from explain.method import kebab
from explain.params import Choice, ClassIndex, Corners, LayerName, Param, Range, Switch
from explain.sources import bytes_of
from models.errors import ParameterError, TargetError

if TYPE_CHECKING:
    from collections.abc import Callable

    from dashboard.catalogue import MethodEntry
    from models.progress import Listener


def parser_for(command: str, line: str) -> argparse.ArgumentParser:
    """Begin a command's parser with the network."""
    parser = argparse.ArgumentParser(prog=f"convlens {command}", description=line, allow_abbrev=False)
    parser.add_argument("--model", required=True, metavar="KEY", help="the network, such as resnet50")
    return parser


def add_picture(parser: argparse.ArgumentParser, kinds: Sequence[str]) -> None:
    """Add the picture, the files to write, and whether the network is left untrained."""
    written = f"what to write ({', '.join(kinds)}); may be repeated"
    parser.add_argument("--image", type=Path, required=True, metavar="FILE", help="the picture")
    parser.add_argument("--out", type=Path, required=True, action="append", metavar="FILE", help=written)
    parser.add_argument("--untrained", action="store_true", help="fill the network with random numbers")


def add_method(
    parser: argparse.ArgumentParser, methods: dict[str, MethodEntry], arguments: list[str], usual: str
) -> MethodEntry:
    """Add the method, and the flags of the one that was chosen; return it."""
    named = {kebab(name): entry for name, entry in methods.items()}
    options: dict[str, Any] = {"choices": list(named), "default": kebab(usual), "help": f"default: {kebab(usual)}"}
    first = argparse.ArgumentParser(prog=parser.prog, add_help=False, allow_abbrev=False)
    for wanted in (first, parser):
        wanted.add_argument("--method", **options)
    method = named[first.parse_known_args(arguments)[0].method]
    group = parser.add_argument_group(f"{method.label} ({method.caption})")
    for param in method.params:
        _add(group, param)
    return method


def choice_of(
    chosen: argparse.Namespace, method: MethodEntry, listener: Listener
) -> tuple[Asked, tuple[str, ...]]:
    """Load the network, and put what was asked as the page does; also return the names of the classes."""
    picture = read_picture(bytes_of(chosen.image), chosen.image.name)

    from dashboard import cache

    names = cache.model(chosen.model, chosen.untrained, listener).card.classes
    asked = Asked(
        model=chosen.model,
        picture=picture,
        method=method.name,
        parameters=parameters(method, chosen, names),
        index=None if chosen.target is None else class_index(chosen.target, names),
        untrained=chosen.untrained,
    )
    return asked, names


def parameters(method: MethodEntry, chosen: argparse.Namespace, classes: Sequence[str]) -> tuple[tuple[str, Any], ...]:
    """Return the method's parameters by name, in the order of its fields, classes by index."""
    return tuple((param.name, _value(param, chosen, classes)) for param in method.params)


def class_index(text: str, classes: Sequence[str]) -> int:
    """Look up a class by its index or its name."""
    if text.isdecimal():
        return int(text)
    found = [index for index, name in enumerate(classes) if name.casefold() == text.strip().casefold()]
    if len(found) == 1:
        return found[0]
    several = f"Several classes are named {text!r}: {', '.join(map(str, found))}."
    raise TargetError(several if found else f"The network has no class named {text!r}.", "Give the class by its index.")


def write_all(outputs: Sequence[Path], makers: dict[str, Callable[[], bytes]]) -> None:
    """Write each file that was asked for, made as its name ends."""
    for path in outputs:
        try:
            path.write_bytes(makers[path.suffix.lower()]())
        except OSError as error:
            raise ParameterError(f"The file {path.name!r} cannot be written.", "Is its folder there?") from error
        print(f"Wrote {path}")


def check_ends(outputs: Sequence[Path], kinds: Sequence[str]) -> None:
    """Refuse a kind of file that is not written, before anything is computed."""
    for path in outputs:
        if path.suffix.lower() not in kinds:
            raise ParameterError(f"{path.name!r} cannot be written; its name must end in {', '.join(kinds)}.")


def _value(param: Param, chosen: argparse.Namespace, classes: Sequence[str]) -> Any:
    value = getattr(chosen, _stored(param))
    return class_index(value, classes) if isinstance(param.kind, ClassIndex) and value is not None else value


def _stored(param: Param) -> str:
    # Beside a method's own `seed` or `goal` there may be a flag of the command's of that name.
    return f"parameter_{param.name}"


def _add(group: argparse._ArgumentGroup, param: Param) -> None:
    flag, options = f"--{param.name.replace('_', '-')}", {"dest": _stored(param), "default": param.default}
    usual = "automatic" if param.default is None else _number(param.default)
    options["help"] = f"{param.help} (default: {usual})".replace("%", "%%")
    match param.kind:
        case Switch():
            group.add_argument(flag, action=argparse.BooleanOptionalAction, **options)
        case Choice(words):
            group.add_argument(flag, choices=words, **options)
        case LayerName():
            group.add_argument(flag, metavar="NAME", **options)
        case ClassIndex():
            group.add_argument(flag, metavar="CLASS", **options)
        case Corners():
            group.add_argument(flag, type=_corners, metavar="LEFT,TOP,RIGHT,BOTTOM", **options)
        case Range() as numbers:
            shown = f"{numbers.low:g}..{numbers.high:g}"
            group.add_argument(flag, type=int if param.type is int else _share, metavar=shown, **options)


def _share(text: str) -> float:
    """Read a number, also one written as 8/255."""
    try:
        return float(Fraction(text))
    except ZeroDivisionError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from error


def _corners(text: str) -> tuple[int, ...]:
    return tuple(int(edge) for edge in text.split(","))


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
