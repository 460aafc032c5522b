"""BLIP in torch, as the configuration knows it. Imports neither torch nor the engine."""

from surveil.captioning.registry import EngineKind, register

register(
    EngineKind(
        name="torch",
        does="run BLIP here",
        opener="surveil.captioning.blip.blip_engine:open_blip",
        gives_confidence=True,
        loads_model=True,
        devices=("auto", "cpu", "cuda", "npu"),
        devices_allowed="auto, cpu, cuda, cuda:N, npu, npu:N",
        bench_precisions=("fp32", "bf16", "fp16"),
        is_default=True,
    )
)
