"""`convlens`: serves the dashboard on this machine; with a command, answers in the terminal."""

from __future__ import annotations

import argparse
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from dashboard import long_links
from dashboard.commands import COMMANDS, Command, serving
from models.errors import ConvLensError

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / ".streamlit" / "config.toml"
#: What must hold even where the package was installed without our configuration.
WITHOUT_CONFIG: dict[str, Any] = {
    "server": {"address": "127.0.0.1", "headless": True, "enableStaticServing": False, "maxUploadSize": 1024},
    "browser": {"gatherUsageStats": False},
    "client": {"showErrorDetails": "none", "showErrorLinks": False, "toolbarMode": "minimal"},
    "runner": {"fastReruns": False, "magicEnabled": False},
}


def main(arguments: list[str] | None = None) -> int:
    """Do a command, or serve the page until it is interrupted; return the exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    if given and given[0] in COMMANDS:
        return _do(COMMANDS[given[0]], given[1:])
    parser = argparse.ArgumentParser(
        prog="convlens",
        description="See how convolutional networks decide: serve the page, or do a command.",
        epilog="\n".join(
            ("commands (each with --help):", *(f"  {name:18}{command.line}" for name, command in COMMANDS.items()))
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=8501, help="port on this machine (default: 8501)")
    serving.serving(parser)
    parser.add_argument("--version", action="version", version=f"convlens {own_version()}")
    chosen = parser.parse_args(given)
    trouble = mismatch()
    if trouble is None:
        try:
            serving.hand_over(chosen)
        except ConvLensError as error:
            trouble = str(error)
    if trouble is not None:
        print(trouble, file=sys.stderr)
        return 1
    from streamlit.web import cli

    long_links.read()
    command = ["run", str(ROOT / "app.py"), *flags(), "--server.port", str(chosen.port)]
    status = cli.main(command, standalone_mode=False)
    return int(status or 0)


def _do(command: Command, arguments: list[str]) -> int:
    """Do a command; what the user can mend is told in a sentence."""
    trouble = mismatch()
    if trouble is None:
        try:
            return command.main(arguments)
        except ConvLensError as error:
            trouble = str(error)
        except KeyboardInterrupt:
            trouble = "Stopped."
    print(trouble, file=sys.stderr)
    return 1


def own_version() -> str:
    """Return the installed version, or say that the source tree runs uninstalled."""
    try:
        return metadata.version("convlens")
    except metadata.PackageNotFoundError:
        return "(not installed)"


def flags(config: Path = CONFIG) -> list[str]:
    """Turn our configuration into command-line flags, since Streamlit reads that of the folder it is started in."""
    if not config.is_file():
        return list(_flags(WITHOUT_CONFIG, ()))
    with config.open("rb") as file:
        return list(_flags(tomllib.load(file), ()))


def _flags(values: dict[str, Any], path: tuple[str, ...]) -> list[str]:
    found: list[str] = []
    for name, value in values.items():
        if isinstance(value, dict):
            found += _flags(value, (*path, name))
        elif isinstance(value, list):
            for entry in value:
                found += [f"--{'.'.join((*path, name))}", str(entry)]
        else:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            found += [f"--{'.'.join((*path, name))}", text]
    return found


def mismatch() -> str | None:
    """Say in one sentence that torch and torchvision do not fit each other and how to mend it, or nothing.

    Asks the installed packages' own records, so that nothing heavy is imported.
    """
    needs = [Requirement(text) for text in metadata.requires("torchvision") or []]
    wanted = next((need for need in needs if need.name == "torch"), None)
    version = metadata.version("torch")
    if wanted is None or wanted.specifier.contains(version, prereleases=True):
        return None
    return (
        f"torchvision {metadata.version('torchvision')} needs torch {wanted.specifier}, but torch {version} is "
        "installed. Mend it with: pip install -c constraints.txt torch torchvision"
    )


if __name__ == "__main__":
    raise SystemExit(main())
