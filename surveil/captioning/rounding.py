"""Both graphs of a model with 8-bit products, their ranges observed by OpenVINO's NNCF over the user's pictures."""

from __future__ import annotations

import logging
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from surveil.captioning.devices import Device
from surveil.captioning.engine import INT8_SAYING, INT8_SEEING, GenerationSpec
from surveil.captioning.generation import search_of
from surveil.captioning.loading import LoadedModel
from surveil.captioning.openvino_decoder import OpenVinoDecoder
from surveil.captioning.openvino_engine import (
    Graphs,
    Places,
    compiled,
    import_openvino,
    load_floats,
    other_peoples_warnings_off,
    write_graphs,
)
from surveil.captioning.openvino_graphs import IN_FLOATS
from surveil.captioning.openvino_vision import Seen
from surveil.captioning.pictures import to_pixels
from surveil.errors import DeviceError
from surveil.records import Rgb

SENTENCES = 32
"""Pictures whose captions calibrate the decoder; each has a dozen tokens, which is as many samples."""
Told = Callable[[str], None]


def write_int8(
    folder: Path, target: Path, pictures: Sequence[Rgb], *, told: Told, evened: bool = False
) -> None:
    """The copy, not yet compared with anything.

    `evened`: SmoothQuant, for models with a few channels far above the rest. Without it the tower takes 0.96 of the
    time, and of the demo model's captions as many stay (98.8 % of 500; with it 99.0): the graphs' norms have their gain
    in the next product, so that channels are even to begin with.
    """
    ov = import_openvino()
    loaded = load_floats(folder)
    floats = write_graphs(loaded)
    some = pictures[:: max(1, len(pictures) // SENTENCES)][:SENTENCES]
    told(f"  the sentences of {len(some)} pictures")
    saying = _rounded_saying(floats, loaded, some, evened=evened)
    steps = iter(range(1, len(pictures) + 1))

    def as_input(picture: Rgb) -> Any:
        at = next(steps, None)
        if at is not None and at % 10 == 0:
            told(f"  {at} of {len(pictures)}")
        return _pixels(picture, loaded).numpy()

    seeing = _rounded(floats.seeing, pictures, as_input, evened=evened)
    target.mkdir(parents=True)
    ov.save_model(saying, target / INT8_SAYING)
    ov.save_model(seeing, target / INT8_SEEING)
    for path in folder.iterdir():
        if path.suffix in (".json", ".txt") and "index" not in path.name:
            shutil.copyfile(path, target / path.name)


def _rounded_saying(
    floats: Graphs, loaded: LoadedModel, pictures: Sequence[Rgb], *, evened: bool
) -> Any:
    """Its inputs are the model's own sentences, each read at once, and what it sees."""
    see, decoder = compiled(floats, loaded.model.config.text_config, Places("CPU", "fp32", "fp32"))
    sentences = [_sentence(see(_pixels(picture, loaded)), decoder) for picture in pictures]

    def as_input(at: int) -> Any:
        return _read_again(sentences[at], see(_pixels(pictures[at], loaded)), decoder)

    return _rounded(floats.saying, range(len(pictures)), as_input, evened=evened)


def _rounded(
    model: Any, items: Sequence[Any], as_input: Callable[[Any], Any], *, evened: bool
) -> Any:
    """The graph in int8, its ranges observed over what `as_input` makes of `items`."""
    nncf = import_nncf()
    more = nncf.AdvancedQuantizationParameters()
    if not evened:
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
            # Attention in int8 was slower than in bf16 or fp32 (0.22 to 0.19 s an image with AMX, 0.59 to 0.44 without
            # it): its rounding costs more than its two small products save.
            ignored_scope=nncf.IgnoredScope(patterns=[f"{IN_FLOATS}.*"]),
            subset_size=len(items),
        )


def _pixels(picture: Rgb, loaded: LoadedModel) -> Tensor:
    return to_pixels([picture], loaded.pictures, device=Device("cpu"), dtype=torch.float32)


def _sentence(seen: Seen, decoder: OpenVinoDecoder) -> Tensor:
    """What the model says of one picture, (1, tokens), begin token included."""
    how = search_of(GenerationSpec(num_beams=1), decoder.config)
    start = torch.tensor([[decoder.config.bos_token_id]])
    with torch.inference_mode():
        found: Tensor = decoder.search(start, seen=seen, how=how).sequences
    return found


def _read_again(tokens: Tensor, seen: Seen, decoder: OpenVinoDecoder) -> dict[str, Any]:
    """What the graph `saying` is given to read a whole sentence at once."""
    cache = decoder.new_cache(seen, positions=tokens.shape[1])
    cache.begin(prompt=tokens.shape[1], rows=1)
    given = seen.memory | {
        "tokens": tokens.int(),
        "positions": torch.arange(tokens.shape[1])[None].int(),
        "mask": cache.mask_of_all(),
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
