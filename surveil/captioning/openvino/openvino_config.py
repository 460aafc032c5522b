"""BLIP in OpenVINO, as the configuration knows it. Imports neither OpenVINO nor the engine."""

from dataclasses import replace

from surveil.captioning.engine import CaptionerSpec
from surveil.captioning.registry import EngineKind, on_the_processor, register

NAME = "openvino"


def _without_openvino(spec: CaptionerSpec) -> CaptionerSpec:
    """The same model, on the processor, in the default engine."""
    return replace(on_the_processor(spec), engine="")


register(
    EngineKind(
        name=NAME,
        does="run BLIP here",
        opener="surveil.captioning.openvino.openvino_engine:open_openvino",
        gives_confidence=True,
        loads_model=True,
        devices=("auto", "cpu", "gpu", "npu"),
        devices_allowed=f"gpu, gpu:N and npu also with engine {NAME}",
        # What `surveil model quantize` made is OpenVINO's own form, whatever engine was named.
        claims=lambda spec: spec.is_quantized,
        plainly=_without_openvino,
        bench_precisions=("fp32", "bf16", "int8"),
    )
)
