"""Which device is picked, and what is refused."""

from __future__ import annotations

import pytest
import torch

from models.device import out_of_memory, pick
from models.errors import DeviceError


@pytest.mark.parametrize("name", ["gpu", "meta", "xpu"])
def test_a_device_that_convlens_does_not_know_is_refused_by_name(name: str) -> None:
    with pytest.raises(DeviceError, match=f"no device named '{name}'"):
        pick(name)


def test_a_device_that_is_not_there_is_refused_however_it_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert pick("cuda:0") == torch.device("cuda:0")
    with pytest.raises(DeviceError, match="'cuda:1' was asked for, but torch sees only 1 NVIDIA GPU"):
        pick("cuda:1")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setenv("CONVLENS_DEVICE", "cuda")
    with pytest.raises(DeviceError, match="'cuda' was asked for, but torch sees no NVIDIA GPU"):
        pick()


def test_memory_that_runs_out_is_known_on_every_device() -> None:
    assert out_of_memory(torch.OutOfMemoryError("anything"))
    assert out_of_memory(MemoryError())
    assert out_of_memory(RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"))
    assert out_of_memory(RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"))
    assert not out_of_memory(RuntimeError("shapes cannot be multiplied"))
