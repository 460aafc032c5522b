"""How much of the machine each part may have: decided once, at the start, and printed.

Memory: what must be there (the process, the decoders, the model) is taken off the cap first; a batch's activations,
the waiting captions and the two stores of frames and packets share what is left. Processors: capture is served first,
because a frame that is not decoded now is lost, while a caption that comes late is only late.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from surveil.captioning import CaptionerSpec
from surveil.captioning.captions_worker import CAPTIONER_NICE
from surveil.captioning.engine import INT8_TEXT_DECODER, INT8_VISION_ENCODER
from surveil.config import Config
from surveil.errors import ConfigError

MIB = 1 << 20
PROCESS_BYTES = 450 * MIB
"""Python with torch, transformers, PyAV and OpenCV loaded: 369 MiB resident measured on x86-64; room for threads."""
DECODER_BYTES = 30 * MIB
"""One 1080p H.264 decoder with its reference pictures (up to 17 of 3.1 MB are allowed, 4 to 6 usual) and buffers."""
FRAME_BYTES = 1920 * 1080 * 3 // 2
"""A 1080p picture as decoded, YUV 4:2:0."""
MIN_FRAMES = 3
"""A camera needs the newest frame, the one being captioned, and one for the snapshot."""
MAX_CAPTION_QUEUE, MIN_CAPTION_QUEUE = 64, 4
DEFAULT_BATCH = 8
"""Pictures; the captioner measures at warm-up which of 1 to this many is best."""
OF_MACHINE = 0.8
"""Where nobody names a cap: the rest is the system's and the page cache's, which the databases live on."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is wanted, in bytes; a wish is granted whole when the cap allows it, and never exceeded."""

    frame_buffer_bytes: int
    packets_bytes: int
    batch: int = DEFAULT_BATCH
    batch_picture_bytes: int = 60 * MIB
    """Activations for one picture of a batch: BLIP at 384 px with three beams."""
    frame_bytes: int = FRAME_BYTES


@dataclass(frozen=True, slots=True)
class MemoryBudget:
    """Bytes, except `batch` (pictures) and `caption_queue` (captions, each holding its frame)."""

    cap_bytes: int
    process_bytes: int
    decoders_bytes: int
    model_bytes: int
    batch: int
    batch_bytes: int
    caption_queue: int
    caption_queue_bytes: int
    frame_buffer_bytes: int
    packets_bytes: int

    def __str__(self) -> str:
        return (
            f"memory {_mib(self.cap_bytes)}: process {_mib(self.process_bytes)}, decoders {_mib(self.decoders_bytes)}, "
            f"model {_mib(self.model_bytes)}, batch of {self.batch} {_mib(self.batch_bytes)}, "
            f"{self.caption_queue} waiting captions {_mib(self.caption_queue_bytes)}, "
            f"frames {_mib(self.frame_buffer_bytes)}, packets {_mib(self.packets_bytes)}"
        )


@dataclass(frozen=True, slots=True)
class CpuBudget:
    """Threads of each library."""

    cores: int
    captioner: int
    """torch's intra-op threads, or OpenVINO's."""
    opencv: int
    decoder: int
    """FFmpeg's, for each camera."""

    def __str__(self) -> str:
        return (
            f"{self.cores} cores: captioner {self.captioner} threads at nice {CAPTIONER_NICE}, "
            f"decoders {self.decoder} a camera, OpenCV {self.opencv}"
        )


def plan_memory(wishes: Wishes, *, cap_bytes: int, cameras: int, model_bytes: int) -> MemoryBudget:
    """Share out the cap. Raises ConfigError, with the least that would do, when it is too small.

    `model_bytes` is what the model holds in this machine's memory: about its files' size for cpu, nothing for cuda.
    """
    cameras = max(1, cameras)
    decoders_bytes = cameras * DECODER_BYTES
    fixed_bytes = PROCESS_BYTES + decoders_bytes + model_bytes
    least_buffer_bytes = min(wishes.frame_buffer_bytes, cameras * MIN_FRAMES * wishes.frame_bytes)
    least_queue_bytes = MIN_CAPTION_QUEUE * wishes.frame_bytes
    least_bytes = fixed_bytes + least_buffer_bytes + least_queue_bytes + wishes.batch_picture_bytes
    if cap_bytes < least_bytes:
        raise ConfigError(
            f"memory: {_mib(cap_bytes)} are too little for {cameras} cameras and this model, which need "
            f"{_mib(least_bytes)}: allow more, or take a smaller model, fewer cameras or their substreams"
        )
    spare_bytes = cap_bytes - least_bytes
    batch = 1 + min(wishes.batch - 1, spare_bytes // 3 // wishes.batch_picture_bytes)
    spare_bytes -= (batch - 1) * wishes.batch_picture_bytes
    fitting = spare_bytes // 4 // wishes.frame_bytes
    caption_queue = MIN_CAPTION_QUEUE + min(MAX_CAPTION_QUEUE - MIN_CAPTION_QUEUE, fitting)
    spare_bytes -= (caption_queue - MIN_CAPTION_QUEUE) * wishes.frame_bytes
    packets_bytes = min(wishes.packets_bytes, spare_bytes // 3)
    frame_buffer_bytes = min(
        wishes.frame_buffer_bytes, least_buffer_bytes + spare_bytes - packets_bytes
    )
    return MemoryBudget(
        cap_bytes=cap_bytes,
        process_bytes=PROCESS_BYTES,
        decoders_bytes=decoders_bytes,
        model_bytes=model_bytes,
        batch=batch,
        batch_bytes=batch * wishes.batch_picture_bytes,
        caption_queue=caption_queue,
        caption_queue_bytes=caption_queue * wishes.frame_bytes,
        frame_buffer_bytes=frame_buffer_bytes,
        packets_bytes=packets_bytes,
    )


def plan_cpu(*, cores: int, cameras: int, on_cpu: bool, asked: int | None = None) -> CpuBudget:
    """Threads for a machine. `on_cpu`: the model runs on the processor; `asked`: what the configuration insists on.

    One core in four is left to capture; with fewer than four, the captioner's lower priority has to do. Decoding is
    parallel by camera, so a second thread each pays only while cameras are fewer than cores.
    """
    reserved = cores // 4
    captioner = max(1, cores - reserved) if on_cpu else min(2, cores)
    decoder = 2 if cameras * 2 <= cores else 1
    return CpuBudget(cores=cores, captioner=asked or captioner, opencv=1, decoder=decoder)


def usable_cores() -> int:
    """Processors that this process may run on, which a container or `taskset` may have narrowed."""
    return len(os.sched_getaffinity(0))


def memory_cap_bytes(
    asked_bytes: int | None = None,
    *,
    meminfo: Path = Path("/proc/meminfo"),
    cgroup: Path = Path("/sys/fs/cgroup"),
) -> int:
    """The least of: what was asked for, the control group's limit (systemd's MemoryMax=), 80 % of the machine."""
    caps = [round(_machine_bytes(meminfo) * OF_MACHINE)]
    caps += [bytes_ for bytes_ in (asked_bytes, _cgroup_bytes(cgroup)) if bytes_ is not None]
    return min(caps)


def _machine_bytes(meminfo: Path) -> int:
    row = next(r for r in meminfo.read_text().splitlines() if r.startswith("MemTotal:"))
    return int(row.split()[1]) * 1024


def _cgroup_bytes(root: Path) -> int | None:
    """The tightest memory.max from our own group up to the root; None where version 2 is not mounted or sets none."""
    try:
        own = Path("/proc/self/cgroup").read_text().strip().rpartition("::")[2]
    except OSError:
        return None
    folder = root / own.lstrip("/")
    limits = [
        _limit(path / "memory.max")
        for path in (folder, *folder.parents)
        if path.is_relative_to(root)
    ]
    return min((limit for limit in limits if limit is not None), default=None)


def _limit(path: Path) -> int | None:
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _mib(bytes_: int) -> str:
    return f"{bytes_ / MIB:.0f} MiB"


CPUINFO = Path("/proc/cpuinfo")
MODEL_BYTES = 1900 * MIB
"""Where the model's files are not at hand to be weighed: BLIP-large in fp32, the biggest of the published ones."""


@dataclass(frozen=True, slots=True)
class Resources:
    """Granted at the start, and printed."""

    memory: MemoryBudget
    cpu: CpuBudget

    def bound(self, spec: CaptionerSpec) -> CaptionerSpec:
        """The captioner's spec within its share."""
        return replace(spec, threads=spec.threads or self.cpu.captioner)


def plan_resources(config: Config) -> Resources:
    """Raises ConfigError, with the least that would do, when the memory cap is too small."""
    wishes = Wishes(
        frame_buffer_bytes=config.memory.ring_bytes,
        packets_bytes=config.memory.packets_bytes,
        batch=config.captioner.max_batch or DEFAULT_BATCH,
    )
    cameras = len(config.cameras)
    on_cpu = config.captioner.kind.loads_model and _on_cpu(config)
    cpu = plan_cpu(
        cores=usable_cores(), cameras=cameras, on_cpu=on_cpu, asked=config.captioner.threads
    )
    batches = wishes.batch > 1
    threads = config.captioner.threads or cpu.captioner
    return Resources(
        memory=plan_memory(
            wishes,
            cap_bytes=memory_cap_bytes(config.memory.cap_bytes),
            cameras=cameras,
            model_bytes=_model_bytes(config, batches=batches, threads=threads) if on_cpu else 0,
        ),
        cpu=cpu,
    )


def _on_cpu(config: Config) -> bool:
    return any(device in ("auto", "cpu") for device in config.captioner.devices)


def _model_bytes(config: Config, *, batches: bool, threads: int) -> int:
    """In int8 a batch has graphs of its own beside a single picture's: of the words always, of the tower where it is
    cut in parts."""
    folder = Path(config.captioner.model)
    cut = batches and threads != 1 and _has_amx()
    return (
        _size(folder, "*.safetensors")
        + (2 if batches else 1) * _weights_bytes(folder, INT8_TEXT_DECODER)
        + (2 if cut else 1) * _weights_bytes(folder, INT8_VISION_ENCODER)
    ) or MODEL_BYTES


def _weights_bytes(folder: Path, graph: str) -> int:
    return _size(folder, Path(graph).with_suffix(".bin").name)


def _size(folder: Path, files: str) -> int:
    return sum(file.stat().st_size for file in folder.glob(files))


def _has_amx() -> bool:
    """As the captioner finds it, but without torch, which takes seconds to load."""
    return CPUINFO.is_file() and " amx_bf16" in CPUINFO.read_text()
