"""Commands and lines of Python that make a report, or compute its maps, again."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from explain.method import kebab
from explain.params import Corners, Switch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.catalogue import MethodEntry

PROGRAM = "convlens"
#: Stands in place of a command.
NOT_SHIPPED = "This network does not ship with ConvLens, so no command has it; the lines below load it from its file."


def command(name: str, *arguments: object) -> str:
    """Write a command line as a shell reads it."""
    return shlex.join([PROGRAM, name, *map(str, arguments)])


def flags(method: MethodEntry, parameters: Sequence[tuple[str, Any]]) -> list[str]:
    """Write a method, and those of its parameters that are not as they usually are, as flags."""
    values = dict(parameters)
    found = ["--method", kebab(method.name)]
    for param in method.params:
        value, name = values[param.name], param.name.replace("_", "-")
        if value == param.default:
            continue
        text = ",".join(map(str, value)) if isinstance(param.kind, Corners) else str(value)
        found += [f"--{'' if value else 'no-'}{name}"] if isinstance(param.kind, Switch) else [f"--{name}", text]
    return found


def call(method: MethodEntry, parameters: Sequence[tuple[str, Any]]) -> str:
    """Write a method with its parameters as Python makes it."""
    return f"explain.{method.name}({', '.join(f'{name}={value!r}' for name, value in parameters)})"


@dataclass(frozen=True)
class Origin:
    """Where a run and its pictures come from.

    run: its folder, None = the one that ships. model, weights, batch: as it was made. data, labels: the folder or zip
    of its pictures and the list of their classes; no data = the samples and their corruptions.
    """

    run: str | None
    model: str
    batch: int
    weights: str | None = None
    data: str | None = None
    labels: str | None = None

    @property
    def flags(self) -> list[str]:
        """Name the pictures, and the weights, as flags."""
        given = {"--data": self.data, "--labels": self.labels, "--weights": self.weights}
        found = [part for flag, value in given.items() if value is not None for part in (flag, value)]
        return found if self.data is not None else ["--samples", *found]

    @property
    def commands(self) -> tuple[str, ...]:
        """Write the command that makes the run; none for the one that ships."""
        if self.run is None:
            return ()
        return (command("evaluate", "--model", self.model, *self.flags, "--batch", self.batch, "--out", self.run),)

    @property
    def imports(self) -> tuple[str, ...]:
        """Write the lines that import what the next two need."""
        if self.data is not None:
            pictures = ["from dashboard.uploads import read_picture", "from explain import sources"]
        else:
            pictures = ["from dashboard.mistakes.source import sample_album"]
        if self.run is not None:
            return (*pictures, "from explain.runs import evaluate")
        return ("from dashboard.mistakes.keeping import SHIPPED", *pictures, "from explain.runs import read_run")

    @property
    def pictures(self) -> str:
        """Write the expression that gives the pictures."""
        if self.data is None:
            return "sample_album().sources"
        listed = "" if self.labels is None else f", Path({self.labels!r})"
        return f"sources.read(Path({self.data!r}), read_picture{listed}).sources"

    @property
    def made(self) -> str:
        """Write the expression that gives the run, made or found made."""
        if self.run is None:
            return "read_run(SHIPPED)"
        return f"evaluate(model, pictures, Path({self.run!r}), {self.batch})"


def python_of_run(origin: Origin, network: str, numbers: Sequence[int], made: str) -> str:
    """Write the lines that compute the maps of a run's cases.

    network: the lines that load it, with `model` as its name. numbers: of the cases. made: the method, as Python
    makes it.
    """
    return "\n".join(
        (
            "from pathlib import Path",
            "import explain, models",
            *origin.imports,
            "",
            network,
            f"pictures = {origin.pictures}",
            f"run = {origin.made}",
            f"method = {made}",
            f"for number in {list(numbers)}:",
            "    case = run.case(list(run.cases.number).index(number))",
            "    picture = pictures[number].open().image",
            "    # The first guess, and the true class; where that is the first guess or not known, the second guess.",
            "    first, second = case.predicted, case.label if case.margin < 0 else int(case.top[1])",
            "    for_first = explain.run(model, picture, method, explain.ClassLogit(first))",
            "    for_second = explain.run(model, picture, method, explain.ClassLogit(second))",
            "    rather = explain.run(model, picture, method, explain.Contrast(first, second))",
        )
    )
