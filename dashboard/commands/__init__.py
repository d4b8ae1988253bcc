"""What `convlens` can do beside serving the page: one file for each command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module


@dataclass(frozen=True)
class Command:
    """A command: what it does, and the module whose `main` takes its arguments and returns the exit status."""

    line: str
    module: str

    @property
    def main(self) -> Callable[[list[str]], int]:
        """Import the command's module and return its `main`."""
        found: Callable[[list[str]], int] = import_module(self.module).main
        return found


COMMANDS = {
    "evaluate": Command("ask a network about every picture of a folder or zip", "dashboard.commands.evaluate"),
    "evaluate-methods": Command(
        "measure every method by every check over a folder or zip", "dashboard.commands.evaluate_methods"
    ),
    "explain": Command("explain what a network sees in a picture", "dashboard.commands.explain"),
    "attack": Command("change a picture a little so that a network is fooled", "dashboard.commands.attack"),
    "report": Command("write a run's mistakes, or one explanation, as one HTML file", "dashboard.commands.report"),
    "convert": Command("turn a .pt or .pth file of weights into .safetensors", "dashboard.commands.convert"),
}
