"""The one place that picks a device: CUDA, then Apple's MPS, then the CPU; `CONVLENS_DEVICE` overrides."""

from __future__ import annotations

import os

import torch

from models.errors import DeviceError


def pick(wanted: str = "auto") -> torch.device:
    """Return the device to compute on.

    `wanted` is "auto", "cpu", "cuda", "cuda:1", "mps" ...; with "auto" the setting `CONVLENS_DEVICE`
    decides, and without it the best device that is there. A device that is not there is refused.
    """
    name = os.environ.get("CONVLENS_DEVICE", "auto") if wanted == "auto" else wanted
    name = name.strip().lower() or "auto"
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        chosen = torch.device(name)
    except RuntimeError as error:
        raise DeviceError(f"There is no device named {name!r}.", "Use cpu, cuda, cuda:0 or mps.") from error
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise DeviceError("CONVLENS_DEVICE asks for CUDA, but torch sees no NVIDIA GPU here.", "Use cpu or auto.")
    if chosen.type == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("CONVLENS_DEVICE asks for MPS, but torch sees no Apple GPU here.", "Use cpu or auto.")
    return chosen
