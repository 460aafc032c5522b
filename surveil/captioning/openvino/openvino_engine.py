"""BLIP in OpenVINO: Intel and AMD CPUs, Intel GPUs and NPUs for the pictures; the sentences are always the CPU's.

`generate` asks for the next token dozens of times a picture, and a token is little work: on no other device would it be
sooner. A folder made by `surveil model quantize` holds both graphs as OpenVINO's own files.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import torch

from surveil.captioning import devices
from surveil.captioning.blip.blip_engine import BlipCaptioner
from surveil.captioning.blip.model_loading import PARTS, LoadedModel, find_model, load_blip
from surveil.captioning.devices import Device
from surveil.captioning.engine import (
    INT8_TEXT_DECODER,
    INT8_VISION_ENCODER,
    CaptionerSpec,
    is_quantized,
)
from surveil.captioning.openvino.mapped_pages import let_go
from surveil.captioning.openvino.openvino_decoder import OpenVinoDecoder, Sizes
from surveil.captioning.openvino.openvino_encoder import OpenVinoVision
from surveil.captioning.openvino.openvino_graphs import (
    NEW_ENTRIES,
    text_decoder_graph,
    vision_encoder_graph,
)
from surveil.captioning.openvino.openvino_rows import for_one_picture
from surveil.captioning.openvino.openvino_tensors import TYPES
from surveil.errors import DeviceError, ModelError

_HINTS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}


@dataclass(frozen=True, slots=True)
class Graphs:
    """BLIP as two ov.Models, in fp32 or int8; their inputs and outputs are fp32."""

    vision_encoder: Any
    text_decoder: Any
    files: tuple[Path, ...] = ()
    """That hold the weights, where they are mapped."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where and in what the two graphs compute what is not int8."""

    device: str
    """OpenVINO's name of the device of the vision encoder; the text decoder's is the CPU."""
    vision_encoder: str
    """fp32, bf16 or fp16."""
    text_decoder: str
    """fp32 or bf16."""
    threads: int | None = None
    streams: bool = False
    """Whether batches are cut into parts that run beside each other."""
    fixed: bool = False
    """Whether the sentence of a single picture has a graph of its own."""

    @property
    def memory(self) -> torch.dtype:
        """Of the keys and values that attention reads."""
        return devices.DTYPES[self.text_decoder]


def open_openvino(spec: CaptionerSpec) -> BlipCaptioner:
    """Raises DeviceError (no OpenVINO, no such device, no such precision), ModelError."""
    if spec.threads is not None:
        torch.set_num_threads(spec.threads)
    if spec.seed is not None:
        torch.manual_seed(spec.seed)
    device = choose_device(spec.device)
    folder = find_model(spec.model, allow_download=spec.allow_download)
    precision = choose_precision(spec.precision, device, has_int8=is_quantized(folder))
    int8 = precision == "int8"
    sentences = "fp32" if precision == "fp32" else devices.choose_precision("auto", Device("cpu"))
    # Between the int8 products stand small ones; in bf16 each costs a conversion on both sides. Measured on AVX-512
    # with VNNI and bf16: the tower takes 1.29 s of one core with fp32 between, 1.41 with bf16. AMX turns that round.
    between = floats_of(device)[0]
    if device.startswith("CPU") and not devices.cpu_has_amx():
        between = "fp32"
    loaded = load_floats(folder, parts=() if int8 else PARTS)
    places = Places(
        device,
        vision_encoder=between if int8 else precision,
        text_decoder=sentences,
        threads=spec.threads,
        # Where int8 products are quick enough that the cores' caches matter; without AMX it brought nothing.
        streams=int8 and device == "CPU" and devices.cpu_has_amx() and _cores(spec.threads) > 1,
        fixed=int8,  # where weights are small enough to be kept twice
    )
    graphs = read_graphs(folder) if int8 else write_graphs(loaded)
    encoder, decoder = compiled(graphs, loaded.model.config.text_config, places)

    def release_batch_memory() -> None:
        encoder.release_batch_memory()
        decoder.release_batch_memory()

    return BlipCaptioner(
        loaded,
        encode=encoder,
        decoder=decoder,
        release_batch_memory=release_batch_memory,
        vision_device=device.lower(),
        device=Device("cpu"),
        precision=precision,
        name=None if Path(spec.model).expanduser().is_dir() else spec.model,
        generation=spec.generation,
        max_batch=spec.max_batch,
    )


def load_floats(folder: Path, *, parts: tuple[str, ...] = PARTS) -> LoadedModel:
    """In fp32, from which both graphs are written."""
    return load_blip(str(folder), dtype=torch.float32, device=Device("cpu"), parts=parts)


def write_graphs(loaded: LoadedModel) -> Graphs:
    """Empties `loaded` of its weights."""
    vision, text = loaded.model.vision_model, loaded.model.text_decoder
    graphs = Graphs(vision_encoder_graph(vision, text), text_decoder_graph(text))
    loaded.model.to("meta")
    return graphs


def read_graphs(folder: Path) -> Graphs:
    """From `surveil model quantize`; the weights are mapped, not read."""
    encoder, decoder = folder / INT8_VISION_ENCODER, folder / INT8_TEXT_DECODER
    return Graphs(
        _read(encoder),
        _read(decoder),
        files=(encoder.with_suffix(".bin"), decoder.with_suffix(".bin")),
    )


def _read(path: Path) -> Any:
    try:
        return core().read_model(path)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise ModelError(
            f"model file {path} can't be read with the .bin beside it ({reason}); copy the folder again, or make it "
            "again with `surveil model quantize`"
        ) from error


def compiled(
    graphs: Graphs, text_config: Any, places: Places
) -> tuple[OpenVinoVision, OpenVinoDecoder]:
    """What runs them; `text_config` is the model's BlipTextConfig."""
    memory = TYPES[places.memory]
    encoder = graphs.vision_encoder
    if places.device == "CPU":
        encoder = _typed(encoder, dict.fromkeys(_floats(encoder.outputs), memory))
    cached = [name for name in _floats(graphs.text_decoder.inputs) if _is_memory(name)]
    decoder = _typed(graphs.text_decoder, dict.fromkeys((*cached, NEW_ENTRIES), memory))

    def encoder_requests(streams: int) -> list[Any]:
        graph = for_one_picture(encoder) if places.streams and streams == 1 else encoder
        model = _compiled(
            graph, places.device, places.vision_encoder, places.threads, streams=streams
        )
        return [model.create_infer_request() for _ in range(streams)]

    def decoder_request(sizes: Sizes | None) -> Any:
        model = decoder if sizes is None else _for(decoder, sizes)
        return _compiled(model, "CPU", places.text_decoder, places.threads).create_infer_request()

    packed = partial(let_go, graphs.files)
    return (
        OpenVinoVision(encoder_requests, memory=places.memory, packed=packed, cut=places.streams),
        OpenVinoDecoder(
            text_config, decoder_request, memory=places.memory, packed=packed, fixed=places.fixed
        ),
    )


def _floats(ends: Any) -> list[str]:
    """The names of those that are not in int8."""
    return [end.any_name for end in ends if end.element_type.get_type_name() == "f32"]


def _is_memory(name: str) -> bool:
    return "keys_" in name or "values_" in name


def _for(decoder: Any, sizes: Sizes) -> Any:
    """A copy of the graph for nothing else than these sizes, over the same constants."""
    images, queries, capacity = sizes.images, sizes.queries, sizes.capacity
    shapes = {}
    for one in decoder.inputs:
        name, shape = one.any_name, list(one.partial_shape)
        if name == "mask":
            shapes[name] = [images, 1, queries, capacity + queries]
        elif name.startswith("past_"):
            shapes[name] = [images, shape[1], capacity, shape[3]]
        elif _is_memory(name):
            shapes[name] = [images, shape[1], sizes.patches, shape[3]]
        else:
            shapes[name] = [images, queries]
    fixed = decoder.clone()
    fixed.reshape(shapes)
    return fixed


def _typed(model: Any, kinds: dict[str, str]) -> Any:
    """The model with these inputs and outputs in another type than fp32."""
    ov = import_openvino()
    changes = ov.preprocess.PrePostProcessor(model)
    inputs = {one.any_name for one in model.inputs}
    for name, kind in kinds.items():
        end = changes.input(name) if name in inputs else changes.output(name)
        end.tensor().set_element_type(getattr(ov.Type, kind))
    return changes.build()


def _compiled(
    model: Any, device: str, precision: str, threads: int | None, *, streams: int = 1
) -> Any:
    settings: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": _HINTS[precision],
    }
    if streams > 1:
        settings["NUM_STREAMS"] = streams
    if threads is not None and device == "CPU":
        settings["INFERENCE_NUM_THREADS"] = threads
    return core().compile_model(model, device, settings)


@lru_cache(maxsize=1)
def core() -> Any:
    """OpenVINO's Core, one for the process and never let go.

    Its CPU plugin gives the thread that makes it a stack for signals, and puts back the one before when it goes. With
    several, going in another order than they came, that was one already freed: the next SIGTERM ended in a crash.
    """
    return import_openvino().Core()


def import_openvino() -> Any:
    """The module. Raises DeviceError when it is not installed."""
    try:
        import openvino
    except ImportError as error:
        raise DeviceError(
            "engine openvino: OpenVINO is not installed; `pip install 'surveil[openvino]'`"
        ) from error
    return openvino


@contextmanager
def other_peoples_warnings_off() -> Iterator[None]:
    """OpenVINO and NNCF tell each other what they will deprecate; nobody here can act on it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _cores(threads: int | None) -> int:
    return threads or len(os.sched_getaffinity(0))


def choose_device(asked: str) -> str:
    """OpenVINO's name of the device; `auto` is the CPU. Raises DeviceError, naming what is there."""
    there = list(core().available_devices)
    wanted = "CPU" if asked == "auto" else asked.upper().replace(":", ".")
    if wanted in there or any(name.startswith(f"{wanted}.") for name in there):
        return wanted
    raise DeviceError(
        f"device {asked}: OpenVINO sees {', '.join(name.lower() for name in there)}; use one of them, or auto"
    )


def choose_precision(asked: str, device: str, *, has_int8: bool) -> str:
    """Raises DeviceError for what the device, or the model's folder, has not."""
    there = ("int8",) if has_int8 else floats_of(device)
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
    can = set(core().get_property(device, "OPTIMIZATION_CAPABILITIES"))
    if device.startswith("CPU"):
        # The CPU plugin lists FP16 where it can only store it.
        return ("bf16", "fp32") if "BF16" in can else ("fp32",)
    return ("fp16", "fp32") if "FP16" in can else ("fp32",)
