"""BLIP with its vision tower in OpenVINO: Intel and AMD CPUs, Intel GPUs and NPUs; the sentences are still torch's.

The tower is nine tenths of the arithmetic and has no loop, which is what OpenVINO is good at; in int8 it is the
fastest that a CPU can do. A folder made by `surveil model quantize` holds the tower as OpenVINO's own files.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from surveil.captioning import devices
from surveil.captioning.blip import BlipCaptioner
from surveil.captioning.devices import Device
from surveil.captioning.engine import CaptionerSpec
from surveil.captioning.linear import plain_linear
from surveil.captioning.loading import find_model, load_blip
from surveil.captioning.opening import INT8_TOWER
from surveil.captioning.vision import TorchVision
from surveil.errors import DeviceError

_HINTS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}


class OpenVinoVision:
    """A VisionTower. One request, so one thread at a time."""

    def __init__(
        self, model: Any, *, device: str, precision: str, threads: int | None, dtype: torch.dtype
    ) -> None:
        """`model`: an ov.Model with one input (images, 3, side, side). `dtype`: what the decoder wants to see."""
        ov = import_openvino()
        settings: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": _HINTS[precision],
        }
        if threads is not None and device == "CPU":
            settings["INFERENCE_NUM_THREADS"] = threads
        self._request = ov.Core().compile_model(model, device, settings).create_infer_request()
        self._dtype = dtype

    def __call__(self, pixels: Tensor) -> Tensor:
        self._request.infer({0: pixels.float().contiguous().numpy()}, share_inputs=True)
        # A copy: the request's own memory is written again by the next batch.
        seen = np.array(self._request.get_output_tensor(0).data)
        return torch.from_numpy(seen).to(self._dtype)


def open_openvino(spec: CaptionerSpec) -> BlipCaptioner:
    """Raises DeviceError (no OpenVINO, no such device, no such precision), ModelError."""
    if spec.threads is not None:
        torch.set_num_threads(spec.threads)
    device = choose_device(spec.device)
    folder = find_model(spec.model, allow_download=spec.allow_download)
    precision = choose_precision(spec.precision, device, has_int8=(folder / INT8_TOWER).is_file())
    cpu = Device("cpu")
    words = devices.choose_precision("fp32" if precision == "fp32" else "auto", cpu)
    dtype = devices.DTYPES[words]
    loaded = load_blip(str(folder), dtype=dtype, device=cpu, parts=("text_decoder",))
    int8 = precision == "int8"
    tower = read_tower(folder / INT8_TOWER) if int8 else convert_tower(str(folder))
    # Between the int8 products stand small ones; in bf16 each costs a conversion on both sides. Measured on AVX-512
    # with VNNI and bf16: the tower takes 1.29 s of one core with fp32 between, 1.41 with bf16. AMX turns that round.
    between = floats_of(device)[0]
    if device.startswith("CPU") and not devices.cpu_has_amx():
        between = "fp32"
    rest = between if int8 else precision
    return BlipCaptioner(
        loaded,
        vision=OpenVinoVision(
            tower, device=device, precision=rest, threads=spec.threads, dtype=dtype
        ),
        vision_device=device.lower(),
        device=cpu,
        precision=precision,
        name=None if Path(spec.model).expanduser().is_dir() else spec.model,
        generation=spec.generation,
        max_batch=spec.max_batch,
    )


def import_openvino() -> Any:
    """The module. Raises DeviceError when it is not installed."""
    try:
        import openvino
    except ImportError as error:
        raise DeviceError(
            "engine openvino: OpenVINO is not installed; `pip install 'surveil[openvino]'`"
        ) from error
    return openvino


def convert_tower(name: str) -> Any:
    """The vision tower of a BLIP folder as an ov.Model in fp32, for any number of images."""
    ov = import_openvino()
    loaded = load_blip(name, dtype=torch.float32, device=Device("cpu"), parts=("vision_model",))
    side = loaded.pictures.side_px
    tower = TorchVision(loaded.model.vision_model, make=plain_linear).eval()
    # Two images: with one, torch.export takes the batch for a constant.
    example = torch.zeros(2, 3, side, side)
    with torch.no_grad(), other_peoples_warnings_off():
        graph = torch.export.export(
            tower, (example,), dynamic_shapes={"pixels": {0: torch.export.Dim.DYNAMIC}}
        )
        return ov.convert_model(graph)


@contextmanager
def other_peoples_warnings_off() -> Iterator[None]:
    """torch.export, OpenVINO and NNCF tell each other what they will deprecate; nobody here can act on it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def read_tower(path: Path) -> Any:
    """An ov.Model from its .xml and .bin; the weights are mapped, not read."""
    return import_openvino().Core().read_model(path)


def choose_device(asked: str) -> str:
    """OpenVINO's name of the device; `auto` is the CPU. Raises DeviceError, naming what is there."""
    there = list(import_openvino().Core().available_devices)
    wanted = "CPU" if asked == "auto" else asked.upper().replace(":", ".")
    if wanted in there or any(name.startswith(f"{wanted}.") for name in there):
        return wanted
    raise DeviceError(
        f"device {asked}: OpenVINO sees {', '.join(name.lower() for name in there)}; use one of them, or auto"
    )


def choose_precision(asked: str, device: str, *, has_int8: bool) -> str:
    """Raises DeviceError for what the device, or the model's folder, has not."""
    there = (("int8",) if has_int8 else ()) + floats_of(device)
    if asked == "auto":
        return there[0]
    if asked in there:
        return asked
    remedy = "; `surveil model quantize` makes an int8 model" if asked == "int8" else ""
    raise DeviceError(
        f"precision {asked} can't be had on OpenVINO's {device} with this model; it does {', '.join(there)}{remedy}"
    )


def floats_of(device: str) -> tuple[str, ...]:
    """What the device reports, fastest first."""
    core = import_openvino().Core()
    can = set(core.get_property(device, "OPTIMIZATION_CAPABILITIES"))
    if device.startswith("CPU"):
        # The CPU plugin lists FP16 where it can only store it.
        return ("bf16", "fp32") if "BF16" in can else ("fp32",)
    return ("fp16", "fp32") if "FP16" in can else ("fp32",)
