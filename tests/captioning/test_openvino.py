"""The OpenVINO engine: what it opens, on which device, and what it compiles when."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from surveil.captioning import CaptionerSpec, GenerationSpec, open_captioner
from surveil.captioning.devices import is_out_of_memory
from surveil.errors import DeviceError
from surveil.records import Rgb
from tests.captioning.blips import noise_pictures

pytest.importorskip("openvino", reason="the openvino extra is not installed")

from surveil.captioning.caption_bench import Plan, measure_engine
from surveil.captioning.openvino.openvino_engine import core

SEARCH = GenerationSpec(max_new_tokens=6)


def captions(folder: Path, engine: str, precision: str, pictures: list[Rgb]) -> list[str]:
    captioner = open_captioner(
        CaptionerSpec(
            model=str(folder), engine=engine, device="cpu", precision=precision, generation=SEARCH
        )
    )
    assert captioner.precision == precision
    said = [answer.text for answer in captioner.caption(pictures)]
    captioner.close()
    return said


def test_fp32_says_what_torch_says(tiny_model: Path) -> None:
    pictures = noise_pictures(5, 32)
    torch_said = captions(tiny_model, "torch", "fp32", pictures)
    assert captions(tiny_model, "openvino", "fp32", pictures) == torch_said
    assert captions(tiny_model, "openvino", "fp32", pictures[:1]) == torch_said[:1]
    assert len(set(torch_said)) > 1


def test_a_precision_or_device_that_is_not_there_is_told(tiny_model: Path) -> None:
    with pytest.raises(DeviceError, match=r"int8 can't be had .*`surveil model quantize`"):
        captions(tiny_model, "openvino", "int8", [])
    with pytest.raises(DeviceError, match=r"device npu: OpenVINO sees .*cpu"):
        open_captioner(CaptionerSpec(model=str(tiny_model), engine="openvino", device="npu"))


class CoreWithIntelGraphics:
    """OpenVINO's Core on a box with two GPUs and an NPU; what they are given is computed on the CPU."""

    available_devices = ("CPU", "GPU.0", "GPU.1", "NPU")

    def __init__(self) -> None:
        self._core = core()

    def get_property(self, _device: str, _name: str) -> list[str]:
        return ["FP32", "FP16"]

    def compile_model(self, model: Any, device: str, _settings: dict[str, Any]) -> Any:
        compiled_on.append(device)
        return self._core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


compiled_on: list[str] = []


@pytest.fixture
def intel_graphics(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled_on.clear()
    there = CoreWithIntelGraphics()
    monkeypatch.setattr("surveil.captioning.openvino.openvino_engine.core", lambda: there)


@pytest.mark.usefixtures("intel_graphics")
@pytest.mark.parametrize(
    ("asked", "told", "compiled"),
    [
        ("gpu", "gpu", "GPU"),
        ("gpu:1", "gpu.1", "GPU.1"),
        ("npu", "npu", "NPU"),
        ("auto", "cpu", "CPU"),
    ],
)
def test_the_device_told_is_that_which_sees_and_the_processor_says(
    tiny_model: Path, asked: str, told: str, compiled: str
) -> None:
    captioner = open_captioner(
        CaptionerSpec(model=str(tiny_model), engine="openvino", device=asked, generation=SEARCH)
    )
    assert (captioner.device, compiled_on) == (told, [compiled, "CPU"])
    pictures = noise_pictures(2, 32)
    assert len(captioner.caption(pictures)) == 2, "the processor writes the sentences"
    captioner.close()


@pytest.mark.usefixtures("intel_graphics")
def test_the_bench_names_the_device_of_the_tower(tiny_model: Path) -> None:
    plan = Plan(model=str(tiny_model), device="gpu:1", batches=(1,), beams=(1,), repeats=1)
    (row,) = measure_engine(plan, "openvino", "fp32")
    assert row.device == "gpu.1"


@pytest.mark.parametrize("engine", ["torch", "openvino"])
def test_a_seed_draws_the_same_at_every_start(tiny_model: Path, engine: str) -> None:
    said = []
    for seed in (3, 3, 4):
        captioner = open_captioner(
            CaptionerSpec(
                model=str(tiny_model),
                engine=engine,
                device="cpu",
                precision="fp32",
                seed=seed,
                generation=GenerationSpec(num_beams=1, do_sample=True, max_new_tokens=12),
            )
        )
        said.append([answer.text for answer in captioner.caption(noise_pictures(4, 32))])
        captioner.close()
    assert said[0] == said[1] != said[2]


def test_what_openvino_says_when_memory_runs_out_is_known() -> None:
    told = RuntimeError(
        "Exception from src/inference/src/cpp/infer_request.cpp:74:\n"
        "Exception from src/plugins/intel_cpu/src/cpu_memory.cpp:257:\n"
        "Failed to allocate 26112000 bytes of memory\n"
    )
    assert is_out_of_memory(told)
    assert not is_out_of_memory(RuntimeError("Failed to allocate a stream"))


@pytest.mark.parametrize("max_batch", [4, None])
def test_nothing_is_left_to_be_compiled_after_the_warm_up(
    int8_model: Path, monkeypatch: pytest.MonkeyPatch, max_batch: int | None
) -> None:
    """Batches are cut in parts with AMX, and their sentences are another graph's than a single picture's: both are
    compiled for at the first of them, which is not a real one."""
    real, compiled = core(), []

    class Counting:
        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

        def compile_model(self, *arguments: Any) -> Any:
            compiled.append(arguments)
            return real.compile_model(*arguments)

    there = Counting()
    monkeypatch.setattr("surveil.captioning.openvino.openvino_engine.core", lambda: there)
    monkeypatch.setattr("surveil.captioning.devices.cpu_has_amx", lambda: True)
    monkeypatch.setattr("surveil.captioning.blip.blip_engine.best_batch", lambda run: run(8) and 4)
    captioner = open_captioner(CaptionerSpec(model=str(int8_model), max_batch=max_batch, threads=2))
    captioner.warm_up()
    warm = len(compiled)
    assert [one[2].get("NUM_STREAMS") for one in compiled[-2:]] == [2, None]
    captioner.caption(noise_pictures(4, 32))
    captioner.caption(noise_pictures(1, 32))
    captioner.close()
    assert (captioner.max_batch, len(compiled)) == (4, warm)


SIGNALLED = """
import gc, os, signal, sys
from surveil.captioning import CaptionerSpec, GenerationSpec, open_captioner
spec = CaptionerSpec(model=sys.argv[1], engine="openvino", generation=GenerationSpec(max_new_tokens=3))
first, second = open_captioner(spec), open_captioner(spec)
first.warm_up()
second.warm_up()
first.close()
del first
gc.collect()
second.close()
del second
gc.collect()
taken = []
signal.signal(signal.SIGTERM, lambda *_: taken.append(1))
os.kill(os.getpid(), signal.SIGTERM)
print("taken", len(taken))
"""


def test_a_signal_after_engines_have_gone_is_taken(tiny_model: Path) -> None:
    """OpenVINO changes the stack that signals are taken on; see openvino_engine.core."""
    ran = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", SIGNALLED, str(tiny_model)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ran.returncode, ran.stdout.strip()) == (0, "taken 1"), ran.stderr
