"""Where the arithmetic happens: which devices this machine has, what precisions they have, and how they run out.

`cuda` and `npu` differ only in the module that speaks for them (`torch.cuda`, `torch.npu`), so everything else in this
room sees one `Device`. The npu module comes from torch-npu, which needs Huawei's CANN on the machine.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
from dataclasses import dataclass
from functools import lru_cache
from time import perf_counter
from typing import Any

import torch

from surveil.errors import DeviceError

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, slots=True)
class Device:
    """One processor that can run the model."""

    kind: str
    """`cpu`, `cuda` or `npu`."""
    index: int = 0

    def __str__(self) -> str:
        return self.kind if self.kind == "cpu" else f"{self.kind}:{self.index}"

    @property
    def target(self) -> torch.device:
        return torch.device(str(self))

    def synchronize(self) -> None:
        """Wait until the work queued so far is done, so that a clock reads what was really spent."""
        if self.kind != "cpu":
            accelerator_module(self.kind).synchronize(self.index)

    def release_cache(self) -> None:
        """Hand unused cached memory back, so that a smaller batch finds room after an out-of-memory."""
        if self.kind != "cpu":
            accelerator_module(self.kind).empty_cache()


def choose_device(asked: str) -> Device:
    """`auto | cpu | cuda[:n] | npu[:n]` as a Device that exists. Raises DeviceError, naming what is missing."""
    if asked == "auto":
        return _best_device()
    found = re.fullmatch(r"(cpu|cuda|npu)(?::(\d+))?", asked)
    if found is None or (found[1] == "cpu" and found[2]):
        raise DeviceError(f"device is {asked!r}; allowed are auto, cpu, cuda, cuda:N, npu, npu:N")
    kind, index = found[1], int(found[2] or 0)
    if kind != "cpu":
        _check_present(kind, index)
    return Device(kind, index)


def choose_precision(asked: str, device: Device) -> str:
    """The precision to load in; `auto` is the fastest that the device itself reports. Raises DeviceError."""
    there = precisions(device)
    if asked == "auto":
        return there[0]
    if asked not in there:
        raise DeviceError(
            f"precision {asked} can't be had on {device} with the torch engine; it does {', '.join(there)}"
            + (" (int8 on a CPU: engine: openvino)" if asked == "int8" else "")
        )
    return asked


def precisions(device: Device) -> tuple[str, ...]:
    """What the device computes in hardware, fastest first; asked of it, never assumed."""
    if device.kind == "cpu":
        if not _cpu_has_bf16():
            return ("fp32",)
        return ("bf16", "fp32") if _bf16_is_faster() else ("fp32", "bf16")
    # fp16 first: every CUDA and Ascend generation has it, BLIP's activations fit, and it rounds 8 times
    # finer than bf16.
    module = accelerator_module(device.kind)
    return ("fp16", "bf16", "fp32") if _reports_bf16(module) else ("fp16", "fp32")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception of torch (any backend) means that the batch did not fit."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error).lower()
    # The CPU allocator raises a plain RuntimeError, and torch-npu reports its own through one too.
    return isinstance(error, RuntimeError) and (
        "out of memory" in text
        or "can't allocate memory" in text
        or "not enough memory" in text
        or ("failed to allocate" in text and "bytes of memory" in text)  # OpenVINO
    )


def accelerator_module(kind: str) -> Any:
    """`torch.cuda` or `torch.npu`. Raises DeviceError when torch-npu or CANN is missing."""
    if kind == "cuda":
        return torch.cuda
    try:
        importlib.import_module("torch_npu")
    except ModuleNotFoundError as error:
        if error.name != "torch_npu":
            raise DeviceError(_cann_is_missing(error)) from error
        raise DeviceError(
            "device npu: torch-npu is not installed; `pip install 'surveil[npu]'` (see docs/ascend.md)"
        ) from error
    except (ImportError, OSError, RuntimeError) as error:
        raise DeviceError(_cann_is_missing(error)) from error
    return torch.npu  # type: ignore[attr-defined]  # torch-npu adds it


def _cann_is_missing(error: BaseException) -> str:
    return (
        f"device npu: torch-npu is installed but CANN is not usable ({error}); install Huawei's CANN toolkit and "
        "`source /usr/local/Ascend/ascend-toolkit/set_env.sh` before starting (see docs/ascend.md)"
    )


def _best_device() -> Device:
    if torch.cuda.is_available():
        return Device("cuda")
    if importlib.util.find_spec("torch_npu") is not None:
        try:
            _check_present("npu", 0)
        except DeviceError:
            return Device("cpu")
        return Device("npu")
    return Device("cpu")


def _check_present(kind: str, index: int) -> None:
    module = accelerator_module(kind)
    count = module.device_count() if module.is_available() else 0
    if index < count:
        return
    tool = "nvidia-smi" if kind == "cuda" else "npu-smi info"
    have = f"{count} {kind} device(s), numbered from 0" if count else f"no {kind} device"
    raise DeviceError(
        f"device {kind}:{index} is not there: torch {torch.__version__} sees {have}; check `{tool}`, "
        f"or use device: auto"
    )


def _reports_bf16(module: Any) -> bool:
    asks = getattr(module, "is_bf16_supported", None)
    if asks is None:
        return False
    try:
        # torch.cuda says yes to slow emulation unless told not to; torch.npu's takes no argument.
        return bool(asks(including_emulation=False))
    except TypeError:
        return bool(asks())


CLEARLY = 0.8
_TURNS = 10


@lru_cache(maxsize=1)
def _bf16_is_faster() -> bool:
    """With AMX it is (2.5 against 0.3 TFLOPS on two cores). Without, it is measured, since an AVX-512 machine was
    seen to do bf16 at half the pace of fp32; bf16 must win clearly, so that the answer is the same at every start."""
    if cpu_has_amx():
        return True
    times_s = [(_product_s(torch.bfloat16), _product_s(torch.float32)) for _ in range(_TURNS)]
    bf16_s, fp32_s = min(pair[0] for pair in times_s), min(pair[1] for pair in times_s)
    return bf16_s < CLEARLY * fp32_s


def _product_s(dtype: torch.dtype) -> float:
    """Seconds on the clock for one of the vision tower's products. Processor time will not do: the kernel books another
    thread's at its 4 ms ticks, several times what the product takes."""
    patches, weights = torch.ones(577, 1024, dtype=dtype), torch.ones(1024, 1024, dtype=dtype)
    began = perf_counter()
    torch.nn.functional.linear(patches, weights)
    return perf_counter() - began


@lru_cache(maxsize=1)
def cpu_has_amx() -> bool:
    """Intel's matrix tiles: bf16 products at 2.5 TFLOPS on two cores where fp32 did 0.3 (measured)."""
    asks = getattr(torch.cpu, "get_capabilities", None)
    if asks is None:
        return bool(torch.cpu._is_amx_tile_supported())
    return bool(asks().get("amx_bf16", False))


def _cpu_has_bf16() -> bool:
    """Native bf16 dot products; an AVX-512 machine without them emulates bf16 more slowly than it does fp32."""
    asks = getattr(torch.cpu, "get_capabilities", None)  # newer than the oldest torch we accept
    if asks is None:
        return bool(torch.cpu._is_avx512_bf16_supported())
    has = asks()
    return any(has.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16"))
