"""OpenVINO's tower beside torch's, and int8 that is measured before it is believed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from samples.render.sampler import sample
from samples.render.scene import draw
from samples.render.wording import CLASSES
from surveil.captioning import CaptionerSpec, GenerationSpec, open_captioner
from surveil.captioning.devices import is_out_of_memory
from surveil.daemon.engines import fall_back_specs
from surveil.errors import DeviceError, ModelError
from surveil.records import Rgb
from tests.captioning.blips import noise_pictures, random_blip, save_blip, tiny_config
from tests.captioning.pairs import DEMO_MODEL, make_pixels
from tests.captioning.test_mapped_pages import resident_kib

pytest.importorskip("openvino", reason="the openvino extra is not installed")

from surveil.captioning.bench import Plan, measure_engine
from surveil.captioning.openvino_engine import Places, compiled, core, read_graphs
from surveil.captioning.quantize import quantize
from surveil.captioning.rounding import write_int8

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
    monkeypatch.setattr("surveil.captioning.openvino_engine.core", lambda: there)


@pytest.fixture(scope="module")
def int8_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model, quantised."""
    pytest.importorskip("nncf", reason="the openvino extra is not installed")
    folder = tmp_path_factory.mktemp("int8")
    source = save_blip(random_blip(tiny_config(), end_bias=0.0), folder / "tiny")
    quantize(str(source), folder / "int8", noise_pictures(10, 32), least_agreement=0.0, told=print)
    return folder / "int8"


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


def test_an_int8_model_opens_like_any_other(tiny_model: Path, tmp_path: Path) -> None:
    """The folder alone is enough; its record says what it cost."""
    pytest.importorskip("nncf", reason="the openvino extra is not installed")
    told: list[str] = []
    small = tmp_path / "tiny-int8"

    drift = quantize(
        str(tiny_model),
        small,
        noise_pictures(40, 32),
        least_agreement=0.0,
        told=told.append,
        generation=SEARCH,
    )

    assert drift.pictures == 8
    assert "GB of memory" in told[0], "how much memory it takes is said before it is taken"
    captioner = open_captioner(CaptionerSpec(model=str(small), device="cpu", generation=SEARCH))
    assert (captioner.model_id, captioner.precision) == ("tiny-int8", "int8")
    assert captioner.caption(noise_pictures(1, 32))[0].confidence is not None
    captioner.close()
    assert (small / "quantization.json").is_file()
    with pytest.raises(DeviceError, match=r"precision bf16 can't be had .* it does int8$"):
        captions(small, "openvino", "bf16", [])
    with pytest.raises(ModelError, match="is in int8 already"):
        quantize(
            str(small), tmp_path / "again", noise_pictures(10, 32), least_agreement=0.0, told=print
        )
    (fallen_back,) = fall_back_specs([CaptionerSpec(model=str(small), engine="openvino")])
    open_captioner(fallen_back).close()
    weights = small / "saying_int8.bin"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(ModelError, match=r"saying_int8.xml can't be read .* copy the folder again"):
        open_captioner(CaptionerSpec(model=str(small)))
    weights.unlink()
    with pytest.raises(ModelError, match=r"saying_int8.bin is missing .* copy it again"):
        open_captioner(CaptionerSpec(model=str(small)))


def test_int8_of_the_demo_model_says_the_same(tmp_path: Path) -> None:
    """Calibrated on drawn scenes, compared on others; every product of both graphs is in 8 bits."""
    pytest.importorskip("nncf", reason="the openvino extra is not installed")
    scenes = [sample(seed, CLASSES[seed % len(CLASSES)]) for seed in range(300)]
    pictures = [draw(scene, width_px=640, height_px=360) for scene in scenes[::3]]
    target = tmp_path / "demo-int8"

    drift = quantize(str(DEMO_MODEL), target, pictures, least_agreement=0.9, told=lambda line: None)

    assert (drift.pictures, drift.same_captions >= 0.9) == (20, True)
    captioner = open_captioner(CaptionerSpec(model=str(target), device="cpu"))
    captioner.caption(pictures[:4])
    weights = target / "seeing_int8.bin"
    assert resident_kib(weights) < weights.stat().st_size / 1024 / 4, (
        "let go once OpenVINO has its own"
    )
    captioner.close()
    graphs = read_graphs(target)
    # The demo model: five layers that see, with four products each, and the patches; two layers that say, with two
    # products each over what is seen, which belong to `seeing`, and six others; two at the end.
    assert (products_in_8_bits(graphs.seeing), products_in_8_bits(graphs.saying)) == (25, 14)


def test_keys_of_cross_attention_are_handed_over_in_8_bits(int8_model: Path) -> None:
    """From one graph to the other, a picture at a time or cut in parts; and it is the pictures that differ."""
    graphs = read_graphs(int8_model)
    handed = {one.any_name for one in graphs.seeing.outputs if kind(one) == "i8"}
    assert handed == {"keys_0", "keys_1"}
    assert {one.any_name for one in graphs.saying.inputs if kind(one) == "i8"} == handed
    see, _ = compiled(
        graphs, tiny_config().text_config, Places("CPU", "fp32", "fp32", streams=True)
    )
    pixels = make_pixels(32)[:4]
    alone = [
        {name: one.clone() for name, one in see(pixels[at : at + 1]).memory.items()}
        for at in range(4)
    ]
    together = see(pixels).memory
    assert {name for name, one in together.items() if one.dtype is torch.int8} == handed
    for name in handed:
        batch = together[name]
        apart = torch.cat([one[name] for one in alone])
        assert (batch.int() - apart.int()).abs().max() <= 1, "rounded the other way at most"
        assert apart.int().abs().max() > 100, "the numbers' room is used"
        assert not torch.equal(batch[0], batch[1])


def test_with_more_care_cross_attention_stays_in_floats(tiny_model: Path, tmp_path: Path) -> None:
    pytest.importorskip("nncf", reason="the openvino extra is not installed")
    target = tmp_path / "careful"
    write_int8(tiny_model, target, noise_pictures(10, 32), told=print, careful=True)
    graphs = read_graphs(target)
    assert {kind(one) for one in (*graphs.seeing.outputs, *graphs.saying.outputs)} == {"f32"}
    assert "i8" not in {kind(one) for one in graphs.saying.inputs}
    # As many products with weights as without the care: two layers with six each, and two at the end.
    assert products_in_8_bits(graphs.saying) == 14
    captioner = open_captioner(CaptionerSpec(model=str(target), generation=SEARCH))
    assert len(captioner.caption(noise_pictures(2, 32))) == 2
    captioner.close()


def kind(end: Any) -> str:
    """OpenVINO's name of what an input or output is made of."""
    name: str = end.element_type.get_type_name()
    return name


def products_in_8_bits(graph: Any) -> int:
    """Products whose weights are stored in 8 bits and whose input is rounded."""
    products = [node for node in graph.get_ops() if node.get_type_name() == "MatMul"]
    stored = [_behind(node.input_value(1), "Multiply", "Convert") for node in products]
    given = [_behind(node.input_value(0), "Reshape", "Transpose") for node in products]
    return sum(
        weights.get_type_name() == "Constant"
        and weights.get_element_type().bitwidth == 8
        and rounded.get_type_name() == "FakeQuantize"
        for weights, rounded in zip(stored, given, strict=True)
    )


def _behind(output: Any, *passed: str) -> Any:
    """The node that this comes from, before those that only pass it on."""
    node = output.get_node()
    return _behind(node.input_value(0), *passed) if node.get_type_name() in passed else node


def test_a_bad_calibration_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    """A tower calibrated on black pictures has never seen a bright patch: its captions go wrong, which is noticed."""
    pytest.importorskip("nncf", reason="the openvino extra is not installed")
    pictures = [
        np.roll(picture, shift, axis=1) for shift in range(3) for picture in noise_pictures(10, 96)
    ]
    target = tmp_path / "bad"
    told: list[str] = []

    with pytest.raises(ModelError, match=r"refused: .*% of 6 held-out captions are the same"):
        quantize(
            str(DEMO_MODEL),
            target,
            pictures,
            least_agreement=0.9,
            told=told.append,
            calibrate_on=[np.zeros((96, 96, 3), dtype=np.uint8)] * 10,
        )
    assert not target.exists()
    assert [line for line in told if "once more, with more care" in line], (
        "the other way was tried too"
    )


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
    monkeypatch.setattr("surveil.captioning.openvino_engine.core", lambda: there)
    monkeypatch.setattr("surveil.captioning.devices.cpu_has_amx", lambda: True)
    monkeypatch.setattr("surveil.captioning.blip.best_batch", lambda run: run(8) and 4)
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


def test_too_few_pictures_are_refused(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="9 pictures are too few"):
        quantize(
            str(tiny_model),
            tmp_path / "q",
            noise_pictures(9, 32),
            least_agreement=0.8,
            told=lambda line: None,
        )


def test_an_existing_folder_is_not_overwritten(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="exists already"):
        quantize(
            str(tiny_model),
            tmp_path,
            noise_pictures(10, 32),
            least_agreement=0.8,
            told=lambda line: None,
        )
