"""What runs instead when the configured engine keeps killing the daemon."""

from surveil.captioning import CaptionerSpec
from surveil.daemon.captioners import fall_back_specs


def test_the_configured_fallback_is_taken() -> None:
    second = CaptionerSpec(model="small", device="cpu")
    assert fall_back_specs([CaptionerSpec(model="big", device="npu:0", fallback=second)]) == [
        second
    ]


def test_without_one_the_same_model_runs_plainly_on_the_processor() -> None:
    specs = [
        CaptionerSpec(model="big", engine="openvino", device=f"gpu:{n}", precision="int8")
        for n in range(2)
    ]
    (spec,) = fall_back_specs(specs)
    assert (spec.model, spec.engine, spec.device, spec.precision) == ("big", "torch", "cpu", "fp32")
