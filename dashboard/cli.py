"""`convlens`: serves the dashboard on this machine."""

from __future__ import annotations

import argparse
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / ".streamlit" / "config.toml"
#: What must hold even where the package was installed without our configuration.
WITHOUT_CONFIG: dict[str, Any] = {
    "server": {"address": "127.0.0.1", "headless": True, "enableStaticServing": False, "maxUploadSize": 10},
    "browser": {"gatherUsageStats": False},
    "client": {"showErrorDetails": "none", "showErrorLinks": False, "toolbarMode": "minimal"},
    "runner": {"fastReruns": False, "magicEnabled": False},
}


def main(arguments: list[str] | None = None) -> int:
    """Serve the page until it is interrupted; return the exit status."""
    parser = argparse.ArgumentParser(prog="convlens", description="See how convolutional networks decide.")
    parser.add_argument("--port", type=int, default=8501, help="port on this machine (default: 8501)")
    parser.add_argument("--version", action="version", version=f"convlens {own_version()}")
    chosen = parser.parse_args(arguments)
    trouble = mismatch()
    if trouble is not None:
        print(trouble, file=sys.stderr)
        return 1
    from streamlit.web import cli

    command = ["run", str(ROOT / "app.py"), *flags(), "--server.port", str(chosen.port)]
    status = cli.main(command, standalone_mode=False)
    return int(status or 0)


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
