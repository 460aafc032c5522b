"""What this box can do: captions a second and latency of each engine, beside the script one would otherwise write.

Each engine runs in a process of its own, so that its memory is its own and nothing of it slows the next one.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from surveil.captioning.engine import CaptionerSpec, GenerationSpec
from surveil.captioning.registry import open_captioner, quiet_libraries
from surveil.records import Rgb

NAIVE = "naive"
"""The name of the script that one would otherwise write, among ways."""
FORCED_TOKENS = 15
"""Every sentence is made this long, so that engines do the same work whatever they would say."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One engine at one batch size and beam width."""

    way: str
    """NAIVE, or engine and precision."""
    device: str
    batch: int
    beams: int
    best_s: float
    """Shortest time of one batch."""
    median_s: float
    cpu_s: float
    """Processor time of the cheapest batch, all threads; on a busy box it tells more than the clock on the wall."""
    resident_mib: int
    """After this measurement; of the process that ran this engine alone."""
    peak_mib: int

    @property
    def per_picture_s(self) -> float:
        return self.best_s / self.batch

    @property
    def per_second(self) -> float:
        return self.batch / self.best_s


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure."""

    model: str
    device: str = "auto"
    batches: tuple[int, ...] = (1, 4)
    beams: tuple[int, ...] = (1, 3)
    repeats: int = 3
    threads: int | None = None


def in_own_process(run: Callable[..., Any], *arguments: Any) -> Any:
    """What `run` returns, or raises, in a fresh process."""
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawned) as pool:
        return pool.submit(run, *arguments).result()


def measure_engine(plan: Plan, engine: str, precision: str) -> list[Measured]:
    """Every batch size and beam width of the plan. Raises DeviceError, ModelError."""
    spec = CaptionerSpec(
        model=plan.model,
        engine=engine,
        device=plan.device,
        precision=precision,
        threads=plan.threads,
        max_batch=max(plan.batches),
    )
    captioner: Any = open_captioner(spec)
    pictures = _pictures(max(plan.batches), captioner.picture_size.px)
    found = []
    for beams in plan.beams:
        captioner.search_with(forced(beams))
        for batch in plan.batches:
            some = pictures[:batch]
            times_s = _times(partial(captioner.caption, some), plan.repeats)
            way = f"{engine} {captioner.precision}"
            found.append(_measured(way, captioner.device, batch, beams, times_s))
    captioner.close()
    return found


def measure_naive(plan: Plan) -> list[Measured]:
    """The usual script: transformers in fp32, one picture at a time, its processor included."""
    quiet_libraries(allow_download=False)
    import torch
    from transformers import (
        AutoTokenizer,
        BlipForConditionalGeneration,
        BlipImageProcessorPil,
        BlipProcessor,
    )

    if plan.threads is not None:
        torch.set_num_threads(plan.threads)
    model: Any = BlipForConditionalGeneration.from_pretrained(plan.model).eval()
    side = model.config.vision_config.image_size
    images = BlipImageProcessorPil(size={"height": side, "width": side})
    processor = BlipProcessor(images, AutoTokenizer.from_pretrained(plan.model))
    picture = _pictures(1, side)[0]

    def caption(beams: int) -> None:
        inputs = processor(images=picture, return_tensors="pt")
        found = model.generate(
            **inputs, num_beams=beams, min_new_tokens=FORCED_TOKENS, max_new_tokens=FORCED_TOKENS
        )
        processor.decode(found[0], skip_special_tokens=True)

    return [
        _measured(NAIVE, "cpu", 1, beams, _times(partial(caption, beams), plan.repeats))
        for beams in plan.beams
    ]


def forced(beams: int) -> GenerationSpec:
    """A search of exactly FORCED_TOKENS."""
    return GenerationSpec(
        num_beams=beams, min_new_tokens=FORCED_TOKENS, max_new_tokens=FORCED_TOKENS
    )


def make_int8(model: str, target: str) -> None:
    """A quantised copy for measuring only: few pictures, any drift."""
    quiet_libraries(allow_download=False)
    from surveil.captioning.openvino.rounding import write_int8

    write_int8(Path(model), Path(target), _pictures(4, 384), report=lambda line: None)


def make_random(size: str, target: str) -> None:
    quiet_libraries(allow_download=False)
    from surveil.captioning.blip.random_model import write_random_model

    write_random_model(size, Path(target))


def cameras_carried(measured: Sequence[Measured], *, interval_s: float) -> tuple[Measured, int]:
    """The fastest row, and how many cameras it captions once every `interval_s`."""
    best = max(measured, key=lambda one: one.per_second)
    return best, int(best.per_second * interval_s)


def quickest_naive_s(measured: Sequence[Measured], *, beams: int) -> float | None:
    """Seconds a picture of the naive way, in the quicker of its runs; None where it was left out."""
    naive = [one for one in measured if one.way == NAIVE and one.beams == beams]
    return min((one.per_picture_s for one in naive), default=None)


def _pictures(count: int, side_px: int) -> list[Rgb]:
    noise = np.random.default_rng(1)
    return [noise.integers(0, 256, (side_px, side_px, 3), dtype=np.uint8) for _ in range(count)]


def _times(run: Callable[[], object], repeats: int) -> list[tuple[float, float]]:
    """Wall and processor seconds of each of `repeats` runs, quickest first, after one that is not counted."""
    run()
    times_s = []
    for _ in range(repeats):
        began_s, began_cpu_s = time.perf_counter(), time.process_time()
        run()
        times_s.append((time.perf_counter() - began_s, time.process_time() - began_cpu_s))
    return sorted(times_s)


def _measured(
    way: str, device: str, batch: int, beams: int, times_s: list[tuple[float, float]]
) -> Measured:
    memory = _memory_mib()
    return Measured(
        way=way,
        device=device,
        batch=batch,
        beams=beams,
        best_s=times_s[0][0],
        median_s=times_s[len(times_s) // 2][0],
        cpu_s=min(cpu_s for _, cpu_s in times_s),
        resident_mib=memory.get("VmRSS", 0),
        peak_mib=memory.get("VmHWM", 0),
    )


def _memory_mib() -> dict[str, int]:
    """What Linux says of this process; empty elsewhere."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return {}
    lines = (line.split() for line in status.read_text().splitlines())
    return {
        words[0].rstrip(":"): int(words[1]) // 1024 for words in lines if words[0].startswith("Vm")
    }
