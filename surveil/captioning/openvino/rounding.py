"""Both graphs of a model with 8-bit products, their ranges observed by OpenVINO's NNCF over the user's pictures."""

from __future__ import annotations

import logging
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from surveil.captioning.blip.blip_networks import to_pixels
from surveil.captioning.blip.model_loading import LoadedModel
from surveil.captioning.blip.token_search import search_of
from surveil.captioning.engine import INT8_TEXT_DECODER, INT8_VISION_ENCODER, GenerationSpec
from surveil.captioning.openvino.openvino_decoder import OpenVinoDecoder
from surveil.captioning.openvino.openvino_encoder import OpenVinoEncoderOutput
from surveil.captioning.openvino.openvino_engine import (
    Graphs,
    Places,
    compiled,
    import_openvino,
    load_floats,
    other_peoples_warnings_off,
    write_graphs,
)
from surveil.captioning.openvino.openvino_graphs import ATTENTION, CROSS_SCORES
from surveil.errors import DeviceError
from surveil.records import Rgb

SENTENCES = 32
"""Pictures whose captions calibrate the decoder; each has a dozen tokens, which is as many samples."""
LEVELS = 256
"""Numbers that 8 bits hold."""
_ROUNDED = ["Convert", "Constant"]
"""What is multiplied where a table is kept in 8 bits: its numbers, and their steps."""
Report = Callable[[str], None]


def write_int8(
    folder: Path, target: Path, pictures: Sequence[Rgb], *, report: Report, careful: bool = False
) -> None:
    """The copy, not yet compared with anything.

    `careful`: with SmoothQuant, for models with a few channels far above the rest, and cross-attention in floats. The
    other way a picture takes 0.96 of the time, and of the demo model's captions about as many stay: norms have their
    gain in the next product, so that channels are even to begin with.
    """
    ov = import_openvino()
    loaded = load_floats(folder)
    floats = write_graphs(loaded)
    some = pictures[:: max(1, len(pictures) // SENTENCES)][:SENTENCES]
    report(f"  the sentences of {len(some)} pictures")
    text_decoder = _rounded_decoder(floats, loaded, some, careful=careful)
    steps = iter(range(1, len(pictures) + 1))

    def as_input(picture: Rgb) -> Any:
        at = next(steps, None)
        if at is not None and at % 10 == 0:
            report(f"  {at} of {len(pictures)}")
        return _pixels(picture, loaded).numpy()

    vision_encoder = _rounded(floats.vision_encoder, pictures, as_input, careful=careful)
    _hand_over_in_int8(vision_encoder, text_decoder)
    _look_up_in_int8(text_decoder)
    target.mkdir(parents=True)
    ov.save_model(text_decoder, target / INT8_TEXT_DECODER)
    ov.save_model(vision_encoder, target / INT8_VISION_ENCODER)
    for path in folder.iterdir():
        if path.suffix in (".json", ".txt") and "index" not in path.name:
            shutil.copyfile(path, target / path.name)


def _rounded_decoder(
    floats: Graphs, loaded: LoadedModel, pictures: Sequence[Rgb], *, careful: bool
) -> Any:
    """Its inputs are the model's own sentences, each read at once, and what it sees."""
    encoder, decoder = compiled(
        floats, loaded.model.config.text_config, Places("CPU", "fp32", "fp32")
    )
    sentences = [_sentence(encoder(_pixels(picture, loaded)), decoder) for picture in pictures]

    def as_input(at: int) -> Any:
        return _read_again(sentences[at], encoder(_pixels(pictures[at], loaded)), decoder)

    return _rounded(floats.text_decoder, range(len(pictures)), as_input, careful=careful)


def _rounded(
    model: Any, items: Sequence[Any], as_input: Callable[[Any], Any], *, careful: bool
) -> Any:
    """The graph in int8, its ranges observed over what `as_input` makes of `items`."""
    nncf = import_nncf()
    more = nncf.AdvancedQuantizationParameters()
    if not careful:
        more.smooth_quant_alphas.matmul = -1
    # NNCF draws its progress on standard output, which belongs to what the command was asked for.
    with other_peoples_warnings_off(), redirect_stdout(sys.stderr):
        return nncf.quantize(
            model,
            nncf.Dataset(items, as_input),
            model_type=nncf.ModelType.TRANSFORMER,
            # Ranges around zero: NNCF's own choice for transformers, ranges from the least to the most, cost 4 to 8 %
            # of the tower's time, and the demo model's captions changed as often.
            preset=nncf.QuantizationPreset.PERFORMANCE,
            advanced_parameters=more,
            # Self-attention in int8 was slower than in bf16 or fp32 (0.22 to 0.19 s an image with AMX, 0.59 to 0.44
            # without it): its rounding costs more than its two small products save.
            ignored_scope=nncf.IgnoredScope(
                patterns=[f"{ATTENTION}.*", *([f"{CROSS_SCORES}.*"] if careful else [])],
                validate=False,
            ),
            subset_size=len(items),
        )


def _hand_over_in_int8(vision_encoder: Any, text_decoder: Any) -> None:
    """The keys of cross-attention, which the decoder would round at each step, leave the encoder rounded.

    They are half the bytes then, and all of them are read for each token. Values stay in floats: in 8 bits, what they
    are weighed by would be too, and of the demo model's captions in clips 91 % stayed, so 100 %.
    """
    from openvino import Type, opset13

    results = {one.get_output_tensor(0).get_any_name(): one for one in vision_encoder.get_results()}
    for given in text_decoder.get_parameters():
        name = given.get_output_tensor(0).get_any_name()
        rounding = _rounding_of(given)
        if name not in results or rounding is None:
            continue
        low, high, step, least = rounding
        ends = [opset13.constant(np.float32(end)) for end in (low, high, least, least + LEVELS - 1)]
        source = results[name].input_value(0)
        handed = opset13.convert(opset13.fake_quantize(source, *ends, LEVELS), "i8")
        source.get_tensor().set_names(set())
        results[name].input(0).replace_source_output(handed.output(0))
        handed.output(0).set_names({name})

        taken = opset13.parameter(given.get_partial_shape(), Type.i8)
        taken.set_friendly_name(name)
        back = opset13.multiply(opset13.convert(taken, "f32"), opset13.constant(np.float32(step)))
        (reader,) = given.output(0).get_target_inputs()
        reader.get_node().output(0).replace(back.output(0))
        text_decoder.remove_parameter(given)
        text_decoder.add_parameters([taken])
        taken.output(0).set_names({name})


def _look_up_in_int8(text_decoder: Any) -> None:
    """Words' and positions' embeddings stay in 8 bits, and only those looked up are made floats.

    As NNCF leaves it, the whole table is: OpenVINO does that once and keeps it, 94 MB for BLIP's 30524 words.
    """
    from openvino import opset13

    for node in text_decoder.get_ops():
        if node.get_type_name() != "Gather":
            continue
        table, which, axis = node.input_values()
        scaled = table.get_node()
        if scaled.get_type_name() != "Multiply" or _kinds_of_inputs(scaled) != _ROUNDED:
            continue
        rounded, steps = scaled.input_value(0).get_node().input_value(0), scaled.input_value(1)
        rows, _ = rounded.get_shape()
        if list(steps.get_shape()) != [rows, 1]:
            continue  # not one a row, so another kind of rounding
        found = opset13.convert(opset13.gather(rounded, which, axis), "f32")
        node.output(0).replace(
            opset13.multiply(found, opset13.gather(steps, which, axis)).output(0)
        )


def _kinds_of_inputs(node: Any) -> list[str]:
    return [one.get_node().get_type_name() for one in node.input_values()]


def _rounding_of(given: Any) -> tuple[float, float, float, int] | None:
    """Range, step and least number of the only FakeQuantize that reads a parameter, if it has one range for all."""
    readers = given.output(0).get_target_inputs()
    node = next(iter(readers)).get_node()
    if len(readers) != 1 or node.get_type_name() != "FakeQuantize":
        return None
    low, high = (node.input_value(at).get_node().get_data() for at in (1, 2))
    if low.size != 1 or high.size != 1 or node.get_attributes()["levels"] != LEVELS:
        return None
    step = (float(high.item()) - float(low.item())) / (LEVELS - 1)
    least = round(float(low.item()) / step)
    return (float(low.item()), float(high.item()), step, least) if least == -LEVELS // 2 else None


def _pixels(picture: Rgb, loaded: LoadedModel) -> Tensor:
    return to_pixels(
        [picture], loaded.preprocessing, device=torch.device("cpu"), dtype=torch.float32
    )


def _sentence(encoder_output: OpenVinoEncoderOutput, decoder: OpenVinoDecoder) -> Tensor:
    """What the model says of one picture, (1, tokens), begin token included."""
    how = search_of(GenerationSpec(num_beams=1), decoder.config)
    start = torch.tensor([[decoder.config.bos_token_id]])
    with torch.inference_mode():
        found: Tensor = decoder.search(start, encoder_output=encoder_output, how=how).sequences
    return found


def _read_again(
    tokens: Tensor, encoder_output: OpenVinoEncoderOutput, decoder: OpenVinoDecoder
) -> dict[str, Any]:
    """What the text decoder's graph is given to read a whole sentence at once."""
    cache = decoder.new_cache(encoder_output, positions=tokens.shape[1])
    with torch.inference_mode():
        cache.begin(prompt=tokens.shape[1], rows=1)
        mask = torch.empty(1, 1, cache.queries, cache.entries.shape[-2] + cache.queries)
        cache.mask_all(mask)
    given = encoder_output.memory | {
        "tokens": tokens.int(),
        "positions": torch.arange(tokens.shape[1])[None].int(),
        "mask": mask,
    }
    for number, (keys, values) in enumerate(cache.entries):
        given |= {f"past_keys_{number}": keys, f"past_values_{number}": values}
    return {name: tensor.numpy() for name, tensor in given.items()}


def import_nncf() -> Any:
    """The module. Raises DeviceError when it is not installed."""
    try:
        with other_peoples_warnings_off():
            import nncf
    except ImportError as error:
        raise DeviceError(
            "quantising needs NNCF, which is not installed; `pip install 'surveil[openvino]'`"
        ) from error
    logging.getLogger("nncf").setLevel(logging.ERROR)
    return nncf
