"""INT8: what `surveil model quantize` writes, and that it is measured before it is believed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from samples.render.sampler import sample
from samples.render.scene import draw
from samples.render.wording import CLASSES
from surveil.captioning import CaptionerSpec, GenerationSpec, open_captioner, plain_spec
from surveil.errors import DeviceError, ModelError
from tests.captioning.blips import noise_pictures, tiny_config
from tests.captioning.pairs import DEMO_MODEL, make_pixels
from tests.captioning.test_mapped_pages import resident_kib

pytest.importorskip("openvino", reason="the openvino extra is not installed")
pytest.importorskip("nncf", reason="the openvino extra is not installed")

from surveil.captioning.openvino import rounding
from surveil.captioning.openvino.openvino_engine import Places, compiled, core, read_graphs
from surveil.captioning.openvino.openvino_graphs import BY_ROWS
from surveil.captioning.openvino.openvino_rows import for_one_picture
from surveil.captioning.openvino.quantization import quantize
from surveil.captioning.openvino.rounding import write_int8

SEARCH = GenerationSpec(max_new_tokens=6)


def test_an_int8_model_opens_like_any_other(tiny_model: Path, tmp_path: Path) -> None:
    """The folder alone is enough; its record says what it cost."""
    told: list[str] = []
    small = tmp_path / "tiny-int8"

    drift = quantize(
        str(tiny_model),
        small,
        noise_pictures(40, 32),
        least_agreement=0.0,
        report=told.append,
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
        open_captioner(
            CaptionerSpec(model=str(small), engine="openvino", device="cpu", precision="bf16")
        )
    with pytest.raises(ModelError, match="is in int8 already"):
        quantize(
            str(small),
            tmp_path / "again",
            noise_pictures(10, 32),
            least_agreement=0.0,
            report=print,
        )
    fallen_back = plain_spec(CaptionerSpec(model=str(small), engine="openvino"))
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
    scenes = [sample(seed, CLASSES[seed % len(CLASSES)]) for seed in range(300)]
    pictures = [draw(scene, width_px=640, height_px=360) for scene in scenes[::3]]
    target = tmp_path / "demo-int8"

    drift = quantize(
        str(DEMO_MODEL), target, pictures, least_agreement=0.9, report=lambda line: None
    )

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
    # products each over what is seen, which belong to the vision encoder, and six others; two at the end.
    assert (products_in_8_bits(graphs.vision_encoder), products_in_8_bits(graphs.text_decoder)) == (
        25,
        14,
    )


def test_keys_of_cross_attention_are_handed_over_in_8_bits(int8_model: Path) -> None:
    """From one graph to the other, a picture at a time or cut in parts; and it is the pictures that differ."""
    graphs = read_graphs(int8_model)
    handed = {one.any_name for one in graphs.vision_encoder.outputs if kind(one) == "i8"}
    assert handed == {"keys_0", "keys_1"}
    assert {one.any_name for one in graphs.text_decoder.inputs if kind(one) == "i8"} == handed
    encoder, _ = compiled(
        graphs, tiny_config().text_config, Places("CPU", "fp32", "fp32", streams=True)
    )
    pixels = make_pixels(32)[:4]
    alone = [
        {name: one.clone() for name, one in encoder(pixels[at : at + 1]).memory.items()}
        for at in range(4)
    ]
    together = encoder(pixels).memory
    assert {name for name, one in together.items() if one.dtype is torch.int8} == handed
    for name in handed:
        batch = together[name]
        apart = torch.cat([one[name] for one in alone])
        assert (batch.int() - apart.int()).abs().max() <= 1, "rounded the other way at most"
        assert apart.int().abs().max() > 100, "the numbers' room is used"
        assert not torch.equal(batch[0], batch[1])


def test_embeddings_are_looked_up_in_8_bits(int8_model: Path) -> None:
    """No table is made floats when the graph is compiled, which would be the largest thing in it."""
    looked_up = [one for one in read_graphs(int8_model).text_decoder.get_ops() if is_lookup(one)]
    tables = [kind(one.input_value(0)) for one in looked_up if len(one.input(0).get_shape()) == 2]
    assert tables.count("i8") == 2, "words and positions"
    floats = [one for one in looked_up if kind(one.input_value(0)) == "f32"]
    assert [one.input(0).get_shape()[1] for one in floats] == [1, 1], "only the rows' steps"


def test_what_is_looked_up_in_8_bits_is_the_same() -> None:
    from openvino import Model, opset13

    rng = np.random.default_rng(0)
    table = opset13.constant(rng.integers(-128, 128, (50, 6), dtype=np.int8))
    steps = opset13.constant(rng.random((50, 1), dtype=np.float32))
    which = opset13.parameter([-1, -1], np.int32)
    floats = opset13.multiply(opset13.convert(table, "f32"), steps)
    found = opset13.gather(floats, which, opset13.constant(np.int32(0)))
    model = Model([opset13.result(found)], [which], "lookup")
    asked = np.array([[3, 49, 0], [7, 7, 21]], dtype=np.int32)
    before = core().compile_model(model, "CPU", {})(asked)[0]
    rounding._look_up_in_int8(model)
    after = core().compile_model(model, "CPU", {})(asked)[0]
    tables = {kind(one.input_value(0)) for one in model.get_ops() if is_lookup(one)}
    assert tables == {"i8", "f32"}, "the table, and the steps that its rows have"
    np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("steps", [(1, 1), (1, 6)])
def test_a_table_rounded_in_another_way_is_left_alone(steps: tuple[int, int]) -> None:
    """OpenVINO would look for the row's step where there is none, and say zero."""
    from openvino import Model, opset13

    table = opset13.constant(np.ones((50, 6), dtype=np.int8))
    floats = opset13.multiply(
        opset13.convert(table, "f32"), opset13.constant(np.ones(steps, np.float32))
    )
    which = opset13.parameter([-1, -1], np.int32)
    found = opset13.gather(floats, which, opset13.constant(np.int32(0)))
    model = Model([opset13.result(found)], [which], "lookup")
    rounding._look_up_in_int8(model)
    (lookup,) = (one for one in model.get_ops() if is_lookup(one))
    assert kind(lookup.input_value(0)) == "f32"


def is_lookup(node: Any) -> bool:
    name: str = node.get_type_name()
    return name == "Gather"


def test_int8_still_knows_which_products_are_done_in_parts(int8_model: Path) -> None:
    model = read_graphs(int8_model).vision_encoder
    known = [
        one
        for one in model.get_ops()
        if one.get_type_name() == "MatMul" and one.get_friendly_name().startswith(BY_ROWS)
    ]
    config: Any = tiny_config()
    assert len(known) == config.vision_config.num_hidden_layers
    in_parts = for_one_picture(model, part=5)
    pixels = make_pixels(32)[:1].numpy()
    for before, after in zip(
        *(core().compile_model(one, "CPU", {})(pixels).values() for one in (model, in_parts)),
        strict=True,
    ):
        assert np.abs(before.astype(np.float32) - after.astype(np.float32)).max() <= 1


def test_with_more_care_cross_attention_stays_in_floats(tiny_model: Path, tmp_path: Path) -> None:
    target = tmp_path / "careful"
    write_int8(tiny_model, target, noise_pictures(10, 32), report=print, careful=True)
    graphs = read_graphs(target)
    assert {
        kind(one) for one in (*graphs.vision_encoder.outputs, *graphs.text_decoder.outputs)
    } == {"f32"}
    assert "i8" not in {kind(one) for one in graphs.text_decoder.inputs}
    # As many products with weights as without the care: two layers with six each, and two at the end.
    assert products_in_8_bits(graphs.text_decoder) == 14
    captioner = open_captioner(CaptionerSpec(model=str(target), generation=SEARCH))
    assert len(captioner.caption(noise_pictures(2, 32))) == 2
    captioner.close()


def test_a_bad_calibration_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    """A tower calibrated on black pictures has never seen a bright patch: its captions go wrong, which is noticed."""
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
            report=told.append,
            calibrate_on=[np.zeros((96, 96, 3), dtype=np.uint8)] * 10,
        )
    assert not target.exists()
    assert [line for line in told if "once more, with more care" in line], (
        "the other way was tried too"
    )


def test_too_few_pictures_are_refused(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="9 pictures are too few"):
        quantize(
            str(tiny_model),
            tmp_path / "q",
            noise_pictures(9, 32),
            least_agreement=0.8,
            report=lambda line: None,
        )


def test_an_existing_folder_is_not_overwritten(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="exists already"):
        quantize(
            str(tiny_model),
            tmp_path,
            noise_pictures(10, 32),
            least_agreement=0.8,
            report=lambda line: None,
        )


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
