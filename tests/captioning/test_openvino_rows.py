"""Products done in parts of their rows say what they say whole."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("openvino", reason="the openvino extra is not installed")

from surveil.captioning.openvino.openvino_engine import core
from surveil.captioning.openvino.openvino_graphs import vision_encoder_graph
from surveil.captioning.openvino.openvino_rows import for_one_picture
from tests.captioning.blips import random_blip, tiny_config
from tests.captioning.pairs import make_pixels

F32 = {"INFERENCE_PRECISION_HINT": "f32"}


@pytest.mark.parametrize("part", [1, 5, 8])
def test_a_picture_seen_in_parts_of_rows_looks_the_same(part: int) -> None:
    model = random_blip(tiny_config(), end_bias=0.0)
    whole = vision_encoder_graph(model.vision_model, model.text_decoder)
    in_parts = for_one_picture(whole, part=part)
    pixels = make_pixels(32)[:1].numpy()
    wanted, found = (
        {
            end.any_name: tensor
            for end, tensor in core().compile_model(graph, "CPU", F32)(pixels).items()
        }
        for graph in (whole, in_parts)
    )
    assert wanted.keys() == found.keys()
    for name, tensor in wanted.items():
        np.testing.assert_allclose(found[name], tensor, rtol=1e-4, atol=1e-5)
    splits = [one for one in in_parts.get_ops() if one.get_type_name() == "VariadicSplit"]
    assert len(splits) == model.config.vision_config.num_hidden_layers
    assert not [one for one in whole.get_ops() if one.get_type_name() == "VariadicSplit"]


def test_few_rows_are_not_cut() -> None:
    model = random_blip(tiny_config(), end_bias=0.0)
    one = for_one_picture(vision_encoder_graph(model.vision_model, model.text_decoder))
    assert not [node for node in one.get_ops() if node.get_type_name() == "VariadicSplit"]
    assert one.inputs[0].partial_shape.to_shape()[0] == 1
