"""Captioners opened for the configuration's devices, or the fall-back when the real one keeps killing the daemon."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from surveil.captioning import (
    CaptionerSpec,
    CaptionerWorker,
    CaptionSink,
    SampleSource,
    open_captioner,
)
from surveil.clock import Clock
from surveil.config import Config
from surveil.config.specs import captioner_specs, prompts
from surveil.daemon.resources import Resources, yield_to_capture
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
) -> list[CaptionerWorker]:
    """Load and warm up one captioner per device; their threads are not started. Raises DeviceError, ModelError."""
    specs = captioner_specs(config)
    if fall_back:
        specs = fall_back_specs(specs)
    workers = []
    for number, spec in enumerate(map(resources.bound, specs)):
        report(f"loading {spec.model or spec.engine} on {spec.device}")
        captioner = open_captioner(spec)
        captioner.warm_up()
        report(f"{captioner.model_id} is ready on {captioner.device} in {captioner.precision}")
        workers.append(
            CaptionerWorker(
                captioner,
                source=source,
                sink=sink,
                clock=clock,
                prompt_of=prompts(config).get,
                max_wait_s=config.captioner.max_wait_s,
                max_batch=resources.memory.batch,
                deadline_s=spec.deadline_s,
                prepare=yield_to_capture,
                name="captioner" if number == 0 else f"captioner-{number}",
                on_failure=on_failure,
            )
        )
    return workers


def fall_back_specs(specs: Sequence[CaptionerSpec]) -> list[CaptionerSpec]:
    """What to run when the configured engine has killed the daemon again and again.

    The configured `fallback:`, else the same model on the processor in the precision that every processor has.
    """
    first = specs[0]
    if first.fallback is not None:
        return [first.fallback]
    return [
        replace(
            first,
            engine="torch" if first.engine == "openvino" else first.engine,
            device="cpu",
            # A quantised folder has nothing else than int8.
            precision="auto" if first.is_quantized else "fp32",
        )
    ]
