"""Turns the pickled files that training leaves (.pt, .pth, .ckpt) into safetensors files, in a process of its own.

Only weights are read (`weights_only=True`): nothing in the file is run. What its author packed in such a way that
reading or writing it would fill the memory is refused before that. Only the command line comes here, never a page.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
import zipfile
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from models.errors import WeightsError
from models.header import SUFFIX, TYPES

HOME = Path(__file__).resolve().parent.parent
#: Where training programs put the weights among other things, the likeliest first.
PARTS = ("state_dict", "model_state_dict", "model", "network", "net", "weights", "params", "model_ema", "ema")
#: Beside the memory of torch itself, and of the weights read and written.
ROOM = 2**30
#: How many times the file's size all tensors may take: tied weights are written once for each of their names.
TIMES = 4
HINT = 'In your own program: torch.save(network.state_dict(), "weights.pth"), then convert that.'

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Converted:
    """What a conversion wrote: the file, how many tensors and weights in them; notes: sentences on what was chosen."""

    file: str
    tensors: int
    weights: int
    notes: tuple[str, ...] = ()


def convert(
    source: Path, target: Path | None = None, *, part: str = "", metadata: Mapping[str, str] | None = None
) -> Converted:
    """Write the weights of a pickled file as safetensors, beside it unless `target` says where.

    part: the entry of the file that holds the weights, "" = found. metadata: written into the new file's header
    ("architecture", "classes"). The file is read in a process of its own with bounded memory; one that would
    run code, or that would fill the memory, is refused. An existing target is never overwritten.
    """
    target = target or source.with_suffix(SUFFIX)
    if not source.is_file():
        raise WeightsError(f"There is no file {source.name!r} to convert.")
    if source.suffix == SUFFIX:
        raise WeightsError(f"{source.name!r} is a {SUFFIX} file already.")
    if target.suffix != SUFFIX:
        raise WeightsError(f"What is written ends in {SUFFIX}, not {target.name!r}.")
    if target.exists():
        raise WeightsError(f"There is a file {target.name!r} already.", "Name another with --out.")
    if not target.resolve().parent.is_dir():
        raise WeightsError(f"There is no folder to write {target.name!r} into.")
    # Isolated, so that no package of the folder where this is started is taken for one of ours.
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from models.convert import work; work(*sys.argv[1:])"
    asked = [str(source.resolve()), str(target.resolve()), part, json.dumps(dict(metadata or {}))]
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, str(HOME), *asked], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        log.error("converting %s ended with status %s: %s", source.name, done.returncode, done.stderr)
        raise WeightsError(f"Reading {source.name!r} ended its process: it is damaged, or fills the memory.", HINT)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if "message" in told:
        raise WeightsError(told["message"], told["hint"])
    return Converted(told["file"], told["tensors"], told["weights"], tuple(told["notes"]))


def work(source: str, target: str, part: str, metadata: str) -> None:
    """Convert within this process, and print what was done or refused as JSON; called in a process of its own."""
    try:
        print(json.dumps(asdict(_converted(Path(source), Path(target), part, json.loads(metadata)))))
    except WeightsError as error:
        print(json.dumps({"message": error.message, "hint": error.hint}))


def _converted(source: Path, target: Path, part: str, metadata: dict[str, str]) -> Converted:
    _check_archive(source)
    from safetensors.torch import save_file

    from models.checkpoint import unwrapped

    size = source.stat().st_size
    _bound_memory((1 + 2 * TIMES) * size + ROOM)
    found, told = _weights(_read(source), part, source.name)
    _check_sizes(found, size, source.name)
    wrapper = unwrapped(found)
    # Tied weights share their memory, which safetensors does not allow.
    plain = {name.removeprefix(wrapper): tensor.detach().clone().contiguous() for name, tensor in found.items()}
    if wrapper:
        told.append(f"{wrapper!r} was taken off the beginning of every name.")
    handle, unfinished = tempfile.mkstemp(suffix=".part", dir=target.parent)
    os.close(handle)
    try:
        save_file(plain, unfinished, metadata={"format": "pt", **metadata})
        os.chmod(unfinished, 0o644)
        os.replace(unfinished, target)
    finally:
        Path(unfinished).unlink(missing_ok=True)
    return Converted(target.name, len(plain), sum(tensor.numel() for tensor in plain.values()), tuple(told))


def _check_archive(path: Path) -> None:
    """Refuse an archive that torch did not write: packed parts, which may unpack to any size, or a program."""
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, LookupError) as error:
        raise _damaged(path.name) from error
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise WeightsError(f"{path.name!r} is a packed archive; torch writes its files unpacked.", HINT)
    if sum(member.file_size for member in members) > path.stat().st_size:
        raise WeightsError(f"{path.name!r} lists more bytes than it has.", HINT)
    if any("/code/" in member.filename or member.filename.endswith("/constants.pkl") for member in members):
        raise WeightsError(f"{path.name!r} is a TorchScript program, not only weights.", HINT)


def _read(path: Path) -> Any:
    import torch

    from models.checkpoint import DAMAGE

    try:
        # Command-line options, plain values without behaviour, lie beside the weights in many files.
        with torch.serialization.safe_globals([Namespace]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError as error:
        raise WeightsError(f"{path.name!r} asks for more memory than its size explains.", HINT) from error
    except DAMAGE as error:
        said = str(error)
        if "GLOBAL " in said or "weights_only" in said.lower() or "weights only" in said.lower():
            raise WeightsError(f"{path.name!r} holds more than weights: reading it could run code.", HINT) from error
        raise _damaged(path.name) from error


def _damaged(file: str) -> WeightsError:
    return WeightsError(f"{file!r} is damaged, or no file of torch's.", HINT)


def _weights(content: Any, part: str, file: str) -> tuple[dict[str, Any], list[str]]:
    """Find the weights in what was read, and say what was left out."""
    holding = {str(key): value for key, value in content.items()} if isinstance(content, Mapping) else {}
    if part:
        if not _tensors(holding.get(part)):
            raise WeightsError(f"{file!r} has no weights named {part!r}.", f"There are: {_few(sorted(holding))}.")
        return _tensors(holding[part]), []
    whole = _tensors(content)
    if whole:
        rest = sorted(set(holding) - set(whole))
        return whole, [f"Left out, being no weights: {_few(rest)}."] if rest else []
    parts = [name for name in (*PARTS, *sorted(holding)) if _tensors(holding.get(name))]
    if not parts:
        raise WeightsError(f"{file!r} holds no weights that could be found.", HINT)
    chosen, others = parts[0], sorted({*holding} - {parts[0]})
    return _tensors(holding[chosen]), [f"Taken: {chosen!r}. Left out: {_few(others) or 'nothing'}."]


def _tensors(content: Any) -> dict[str, Any]:
    """Pick the tensors with names out of a mapping; empty where it is none, or holds mappings as well."""
    from torch import Tensor

    if not isinstance(content, Mapping) or any(isinstance(value, Mapping) for value in content.values()):
        return {}
    return {key: value for key, value in content.items() if isinstance(key, str) and isinstance(value, Tensor)}


def _check_sizes(tensors: Mapping[str, Any], size: int, file: str) -> None:
    """Refuse tensors that would be written much larger than they are stored, such as one number repeated."""
    import torch

    kinds = {getattr(torch, name) for name, _ in TYPES.values()}
    for name, tensor in tensors.items():
        if tensor.dtype not in kinds or tensor.layout is not torch.strided or tensor.is_meta:
            raise WeightsError(f"{name} in {file!r} is of a kind that no network here has: {tensor.dtype}.", HINT)
        if tensor.nbytes > tensor.untyped_storage().nbytes():
            raise WeightsError(
                f"{name} in {file!r} would take {tensor.nbytes / 2**20:,.0f} MB, of which only "
                f"{tensor.untyped_storage().nbytes():,} bytes are stored.",
                HINT,
            )
    total = sum(tensor.nbytes for tensor in tensors.values())
    if total > TIMES * size:
        raise WeightsError(
            f"The weights in {file!r} would take {total / 2**20:,.0f} MB, the file has {size / 2**20:,.0f} MB.", HINT
        )


def _bound_memory(more: int) -> None:
    """Let this process take only so many more bytes, where the system can hold it to that."""
    if sys.platform != "linux":
        return
    import resource


    taken = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    most = resource.getrlimit(resource.RLIMIT_AS)[1]
    if most == resource.RLIM_INFINITY or taken + more < most:
        resource.setrlimit(resource.RLIMIT_AS, (taken + more, most))


def _few(names: Sequence[str], most: int = 8) -> str:
    shown = ", ".join(repr(str(name))[:60] for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
