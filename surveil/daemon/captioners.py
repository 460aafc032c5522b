"""Captioners opened for the configuration's devices, or the fall-back when the real one keeps killing the daemon."""

from __future__ import annotations

from collections.abc import Callable

from surveil.captioning import (
    CaptionSink,
    CaptionsWorker,
    SampleSource,
    clamped_settings,
    engine,
    open_captioner,
    plain_spec,
    yield_to_capture,
)
from surveil.clock import Clock
from surveil.config import Config
from surveil.config.specs import prompts
from surveil.daemon.resources import Resources
from surveil.worker import WorkerFailed


def open_workers(
    config: Config,
    *,
    resources: Resources,
    fall_back: bool,
    source: SampleSource,
    sink: CaptionSink,
    clock: Clock,
    on_failure: WorkerFailed,
    report: Callable[[str], None],
) -> list[CaptionsWorker]:
    """Load and warm up one captioner per device; their threads are not started. Raises DeviceError, ModelError."""
    specs = config.captioner.specs()
    if fall_back:
        specs = [plain_spec(specs[0])]
    workers = []
    for number, spec in enumerate(map(resources.bound, specs)):
        model = engine(spec.engine).source(model=spec.model, own=spec.own)
        report(f"loading {model} on {spec.device}")
        captioner = open_captioner(spec)
        captioner.warm_up()
        report(f"{captioner.model_id} is ready on {captioner.device} in {captioner.precision}")
        workers.append(
            CaptionsWorker(
                captioner,
                source=source,
                sink=sink,
                clock=clock,
                prompt_of=prompts(config).get,
                max_wait_s=config.captioner.max_wait_s,
                max_batch=resources.memory.batch,
                deadline_s=spec.deadline_s,
                clamped=clamped_settings(spec),
                prepare=yield_to_capture,
                name="captioner" if number == 0 else f"captioner-{number}",
                on_failure=on_failure,
            )
        )
    return workers
