"""`convlens convert`: turn a pickled file of weights (.pt, .pth, .ckpt) into a safetensors file that the page takes."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from dashboard.catalogue import catalogue
from models.convert import convert
from models.errors import ModelError
from models.labels import MOST_BYTES, read_names

LINE = "turn a .pt, .pth or .ckpt file of weights into a .safetensors file, without running what is in it"


def main(arguments: list[str]) -> int:
    """Convert a file of weights and say what was written."""
    parser = argparse.ArgumentParser(prog="convlens convert", description=f"{LINE.capitalize()}.", allow_abbrev=False)
    parser.add_argument("file", type=Path, help="the file that torch.save wrote")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to write (default: beside it)")
    parser.add_argument("--part", default="", metavar="NAME", help="the entry that holds the weights (default: found)")
    parser.add_argument("--architecture", metavar="KEY", help="note in the file which network these weights are for")
    parser.add_argument(
        "--classes", type=Path, metavar="FILE", help="note in the file the names of the classes: text or JSON"
    )
    chosen = parser.parse_args(arguments)
    done = convert(chosen.file, chosen.out, part=chosen.part, metadata=_metadata(chosen.architecture, chosen.classes))
    print(f"{done.file}: {done.tensors:,} tensors, {done.weights:,} numbers")
    for note in done.notes:
        print(note)
    return 0


def _metadata(architecture: str | None, classes: Path | None) -> dict[str, str]:
    """Return what the new file is to say of itself."""
    noted = {}
    if architecture is not None:
        if architecture not in catalogue().models:
            raise ModelError(f"There is no architecture named {architecture!r}.", "The page lists all there are.")
        noted["architecture"] = architecture
    if classes is not None:
        if not classes.is_file():
            raise ModelError(f"There is no file {classes.name!r} to read the names of classes from.")
        with classes.open("rb") as file:
            noted["classes"] = json.dumps(read_names(file.read(MOST_BYTES + 1), classes.name))
    return noted
