"""Reading a file of weights into a network: checked against the architecture before anything is read."""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from models.errors import WeightsError

if TYPE_CHECKING:
    from models.card import Builder, WeightsVersion

#: A tensor in a file: its shape, and a function that reads it.
Stored = tuple[tuple[int, ...], Callable[[], Tensor]]
#: What reading a damaged file ends in: torch's unpickler trips over garbage in its own ways.
DAMAGE = (
    *(SafetensorError, pickle.UnpicklingError, zipfile.BadZipFile, EOFError, OSError),
    *(RuntimeError, LookupError, ValueError, TypeError, AttributeError),
)
#: Counters that batch norms of older files lack; they play no part in a prediction.
COUNTER = "num_batches_tracked"
#: What DataParallel, torch.compile and Lightning put before the names of weights.
WRAPPERS = ("module.", "_orig_mod.", "model.", "net.", "network.")


class _Unfilled(TorchFunctionMode):
    """Puts what a builder leaves to be initialised on the meta device, and nothing else.

    A whole build on the meta device would lose what is computed while building: the tables of Swin v2
    are no part of its weights, and RegNet reads its widths from tensors.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func is torch.empty and kwargs.get("device") is None:
            kwargs["device"] = "meta"
        return func(*args, **kwargs)


def unfilled(builder: Builder) -> nn.Module:
    """Build a network whose weights take no memory yet, where its builder can do without their values."""
    with torch.random.fork_rng(devices=[]):
        try:
            with _Unfilled():
                return builder()
        except RuntimeError:
            return builder()


def incomplete(network: nn.Module) -> bool:
    """Whether something beside the weights was left unfilled: a buffer, or a tensor that a module just holds."""
    held = (value for module in network.modules() for value in (*module.buffers(recurse=False), *vars(module).values()))
    return any(isinstance(value, Tensor) and value.is_meta for value in held)


def load_weights(
    path: Path, label: str, version: WeightsVersion, *, read_through: bool = True
) -> tuple[nn.Module, str]:
    """Build the version's network with the weights in the file, as float32; and what to say of them.

    `read_through`: look for values that are no numbers. Files that were published need not be, and stay
    mapped on disk until they are used.
    """
    return filled(_stored(path), path.name, label, version, read_through=read_through)


def filled(
    stored: dict[str, Stored], file: str, label: str, version: WeightsVersion, *, read_through: bool = True
) -> tuple[nn.Module, str]:
    """Build the version's network with stored tensors, read only once all of them fit; `file` is their file's name."""
    network = unfilled(version.builder)
    expected = network.state_dict()
    stored = renamed(stored, version)
    for name, tensor in expected.items():
        if name.endswith(COUNTER):
            stored.setdefault(name, ((), partial(torch.zeros, (), dtype=tensor.dtype)))
    _compare({name: tuple(tensor.shape) for name, tensor in expected.items()}, stored, file, label)
    state = type(expected)((name, _read(stored[name][1], expected[name], file)) for name in expected)
    # The names are today's, whatever format the file says it has.
    state._metadata = expected._metadata  # type: ignore[attr-defined]
    network.load_state_dict(state, assign=True)
    if incomplete(network):
        # A builder that leaves unfilled what is no weight has to be run for real.
        with torch.random.fork_rng(devices=[]):
            network = version.builder()
        network.load_state_dict(state, assign=True)
    return network, _note(state.values()) if read_through else ""


def _stored(path: Path) -> dict[str, Stored]:
    """List what a file holds; of a safetensors file only the header is read."""
    try:
        if path.suffix == ".safetensors":
            file: Any = safe_open(path, framework="pt")
            names: list[str] = file.keys()
            return {name: (tuple(file.get_slice(name).get_shape()), partial(file.get_tensor, name)) for name in names}
        # Files from before torch 1.6 are no zip archives and cannot be mapped into memory.
        mapped = zipfile.is_zipfile(path)
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except DAMAGE as error:
        raise _damaged(path.name) from error
    if not isinstance(content, dict) or not all(isinstance(tensor, Tensor) for tensor in content.values()):
        raise WeightsError(f"The file {path.name!r} holds something else than a network's weights.")
    return {str(name): (tuple(tensor.shape), tensor.detach) for name, tensor in content.items()}


def _damaged(file: str) -> WeightsError:
    return WeightsError(f"The file {file!r} is damaged or not a file of weights.", "Delete it and fetch it again.")


def unwrapped(names: Iterable[str]) -> str:
    """Return what stands before every name because the network was saved inside another: "module.", "_orig_mod."."""
    listed, found = list(names), ""
    while True:
        wrapper = next((word for word in WRAPPERS if all(name.startswith(found + word) for name in listed)), None)
        if wrapper is None or not listed:
            return found
        found += wrapper


def renamed(stored: dict[str, Stored], version: WeightsVersion) -> dict[str, Stored]:
    """Drop what the network does not use, and spell old names as today's."""
    result = {}
    for name, entry in stored.items():
        if not name.startswith(version.ignored):
            for pattern, replacement in version.renamed:
                name = re.sub(pattern, replacement, name)
            result[name] = entry
    return result


def _compare(wanted: dict[str, tuple[int, ...]], given: dict[str, Stored], file: str, label: str) -> None:
    """Refuse weights of another network, with the first few differences."""
    wrong = [
        f"{name} is {_size(given[name][0])} instead of {_size(shape)}"
        for name, shape in wanted.items()
        if name in given and given[name][0] != shape
    ]
    reasons = [
        f"it lacks {_few(wanted.keys() - given.keys())}" if wanted.keys() - given.keys() else "",
        f"it has {_few(given.keys() - wanted.keys())} too much" if given.keys() - wanted.keys() else "",
        _few(wrong) if wrong else "",
    ]
    if any(reasons):
        raise WeightsError(f"The file {file!r} does not fit {label}: {'; '.join(filter(None, reasons))}.")


def _few(names: Iterable[str], most: int = 3) -> str:
    listed = sorted(names)
    shown = ", ".join(listed[:most])
    return f"{shown} and {len(listed) - most} more" if len(listed) > most else shown


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "a single number"


def _read(read: Callable[[], Tensor], expected: Tensor, file: str) -> Tensor:
    try:
        tensor = read()
    except DAMAGE as error:
        raise _damaged(file) from error
    if tensor.is_floating_point() != expected.is_floating_point() or tensor.is_complex():
        raise WeightsError(f"The file {file!r} holds numbers of the wrong kind: {tensor.dtype}.")
    return tensor.to(torch.float32 if expected.is_floating_point() else expected.dtype)


def _note(tensors: Iterable[Tensor]) -> str:
    broken = sum(not bool(torch.isfinite(tensor).all()) for tensor in tensors if tensor.is_floating_point())
    if not broken:
        return ""
    return f"These weights hold values that are no finite numbers (in {broken} tensors): answers may be meaningless."
