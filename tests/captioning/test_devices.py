"""Which device, which precision; Ascend's module is a stand-in, as no such machine is at hand."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest
import torch

from surveil.captioning import devices
from surveil.captioning.devices import Device, choose_device, choose_precision, is_out_of_memory
from surveil.errors import DeviceError


@dataclass
class Npu:
    """What `torch.npu` offers, with `count` devices; says whether it has bf16."""

    count: int = 2
    bf16: bool = False
    called: list[object] = field(default_factory=list)

    def is_available(self) -> bool:
        return self.count > 0

    def device_count(self) -> int:
        return self.count

    def is_bf16_supported(self) -> bool:
        return self.bf16

    def synchronize(self, index: int) -> None:
        self.called.append(("synchronize", index))

    def empty_cache(self) -> None:
        self.called.append("empty_cache")


@pytest.fixture
def npu(monkeypatch: pytest.MonkeyPatch) -> Npu:
    """torch-npu installed, CANN there."""
    module = Npu()
    monkeypatch.setitem(sys.modules, "torch_npu", ModuleType("torch_npu"))
    monkeypatch.setattr(torch, "npu", module, raising=False)
    return module


def test_an_npu_is_chosen_by_number(npu: Npu) -> None:
    assert str(choose_device("npu:1")) == "npu:1"
    assert str(choose_device("npu")) == "npu:0"
    with pytest.raises(DeviceError, match=r"npu:2 is not there: .* 2 npu device.*npu-smi info"):
        choose_device("npu:2")


def test_an_npu_without_a_driver_is_told(npu: Npu) -> None:
    npu.count = 0
    with pytest.raises(DeviceError, match=r"sees no npu device; check `npu-smi info`"):
        choose_device("npu")


@pytest.mark.parametrize("bf16", [True, False])
def test_an_npu_computes_in_bf16_only_where_it_says_so(npu: Npu, bf16: bool) -> None:
    npu.bf16 = bf16
    device = Device("npu")
    assert choose_precision("auto", device) == "fp16"
    if bf16:
        assert choose_precision("bf16", device) == "bf16"
    else:
        with pytest.raises(DeviceError, match=r"bf16 can't be had on npu:0 .* it does fp16, fp32"):
            choose_precision("bf16", device)


def test_waiting_and_memory_go_to_the_devices_own_module(npu: Npu) -> None:
    device = Device("npu", 1)
    device.synchronize()
    device.release_cache()
    assert npu.called == [("synchronize", 1), "empty_cache"]


def test_torch_npu_without_cann_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The import fails deep inside, for want of Huawei's libraries."""

    def fails(name: str) -> Any:
        raise ImportError("libhccl.so: cannot open shared object file")

    monkeypatch.setattr("importlib.import_module", fails)
    with pytest.raises(DeviceError, match=r"CANN is not usable \(libhccl.so.*set_env.sh"):
        choose_device("npu")


def test_torch_npu_that_is_not_there_is_told() -> None:
    with pytest.raises(
        DeviceError, match=r"torch-npu is not installed; `pip install 'surveil\[npu\]'`"
    ):
        choose_device("npu:0")


def test_a_processor_is_always_there() -> None:
    assert str(choose_device("cpu")) == "cpu"
    assert choose_precision("fp32", Device("cpu")) == "fp32"
    Device("cpu").synchronize()
    Device("cpu").release_cache()


@pytest.mark.parametrize("asked", ["cpu:0", "gpu", "cuda:x", ""])
def test_names_that_mean_nothing_are_told(asked: str) -> None:
    with pytest.raises(DeviceError, match="allowed are auto, cpu, cuda"):
        choose_device(asked)


@pytest.mark.parametrize(
    ("capabilities", "faster", "expected"),
    [
        ({"avx2": True}, True, ("fp32",)),
        ({"avx512_f": True, "avx512_bf16": False}, True, ("fp32",)),
        ({"avx512_bf16": True}, True, ("bf16", "fp32")),
        ({"avx512_bf16": True}, False, ("fp32", "bf16")),
        ({"bf16": True}, True, ("bf16", "fp32")),
    ],
)
def test_a_processor_is_asked_for_bf16_and_timed(
    monkeypatch: pytest.MonkeyPatch,
    capabilities: dict[str, bool],
    faster: bool,
    expected: tuple[str, ...],
) -> None:
    """What it has is one thing, what is faster another: bf16 without AMX may be the slower of the two."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    monkeypatch.setattr(devices, "_bf16_is_faster", lambda: faster)
    assert devices.precisions(Device("cpu")) == expected


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("NPU out of memory. Tried to allocate"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), True),
        (MemoryError(), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_out_of_memory_is_told_from_other_troubles(error: BaseException, full: bool) -> None:
    assert is_out_of_memory(error) is full
