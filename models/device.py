"""The one place that picks a device: CUDA, then Apple's MPS, then the CPU; `CONVLENS_DEVICE` overrides."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch

from models.errors import DeviceError
from models.progress import from_listener


def pick(wanted: str = "auto") -> torch.device:
    """Return the device to compute on.

    `wanted` is "auto", "cpu", "cuda", "cuda:1", "mps" ...; with "auto" the setting `CONVLENS_DEVICE`
    decides, and without it the best device that is there. A device that is not there is refused.
    """
    name = os.environ.get("CONVLENS_DEVICE", "auto") if wanted == "auto" else str(wanted)
    name = name.strip().lower() or "auto"
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    there = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    try:
        chosen = torch.device(name)
        count = there[chosen.type]
    except (RuntimeError, KeyError) as error:
        raise DeviceError(f"There is no device named {name!r}.", "Use cpu, cuda, cuda:0 or mps.") from error
    if (chosen.index or 0) >= count:
        kind = {"cuda": "NVIDIA GPU", "mps": "Apple GPU"}.get(chosen.type, "CPU")
        seen = f"only {count} {kind}" if count else f"no {kind}"
        raise DeviceError(f"The device {name!r} was asked for, but torch sees {seen} here.", "Use cpu or auto.")
    return chosen


def has_bfloat16(device: torch.device) -> bool:
    """Tell whether a device computes in bfloat16 itself; a processor that imitates it is far slower than in float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type != "cpu" or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def out_of_memory(error: BaseException) -> bool:
    """Tell whether memory ran out; only CUDA has an error of its own for that, the CPU and MPS say it in words.

    An error by which a listener ends the work is none of that.
    """
    if from_listener(error):
        return False
    said = str(error).lower() if isinstance(error, RuntimeError) else ""
    known = isinstance(error, (torch.OutOfMemoryError, MemoryError))
    return known or "out of memory" in said or "allocate memory" in said or "not enough memory" in said


def no_memory(network: str = "this network") -> DeviceError:
    """Say that memory does not suffice for a network."""
    return DeviceError(f"There is not enough memory for {network}.", "Pick a smaller one.")


def free_memory() -> int:
    """Return how many bytes of main memory can still be used: half of all where the machine does not say.

    Unlike a GPU, a processor does not refuse what is too much: the system ends the whole program.
    """
    if sys.platform == "win32":
        return 4 * 2**30
    free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    known = Path("/proc/meminfo")
    if known.exists():
        free = next(int(line.split()[1]) * 1024 for line in known.read_text().splitlines() if "MemAvailable" in line)
    group = Path("/sys/fs/cgroup")
    limit, used = group / "memory.max", group / "memory.current"
    if limit.exists() and used.exists() and limit.read_text().strip().isdigit():
        free = min(free, int(limit.read_text()) - int(used.read_text()))
    return free
