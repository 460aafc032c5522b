"""How much memory and how many threads each part gets on this machine, from the configuration and what there is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from surveil.captioning import CaptionerSpec
from surveil.config import Config
from surveil.service.budget import (
    DEFAULT_BATCH,
    MIB,
    CpuBudget,
    MemoryBudget,
    Wishes,
    memory_cap_bytes,
    plan_cpu,
    plan_memory,
    usable_cores,
)

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
        ring_bytes=config.memory.ring_bytes,
        packets_bytes=config.memory.packets_bytes,
        batch=config.captioner.max_batch or DEFAULT_BATCH,
    )
    cameras = len(config.cameras)
    on_cpu = config.captioner.engine in ("torch", "openvino") and _on_cpu(config)
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
        + (2 if batches else 1) * _size(folder, "saying_int8.bin")
        + (2 if cut else 1) * _size(folder, "seeing_int8.bin")
    ) or MODEL_BYTES


def _size(folder: Path, files: str) -> int:
    return sum(file.stat().st_size for file in folder.glob(files))


def _has_amx() -> bool:
    """As the captioner finds it, but without torch, which takes seconds to load."""
    return CPUINFO.is_file() and " amx_bf16" in CPUINFO.read_text()
