"""A model of transformers' own beside the same model as an engine runs it, for comparing what they say."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import BlipForConditionalGeneration, GenerationConfig

from surveil.captioning.blip.blip_networks import TextDecoder, TorchVision
from surveil.captioning.blip.token_search import TokenSearch

DEMO_MODEL = Path(__file__).parents[2] / "samples" / "model"

SEARCHES: list[dict[str, Any]] = [
    {"num_beams": 1},
    {"num_beams": 2},
    {"num_beams": 3},
    {"num_beams": 4},
    {"num_beams": 5},
    {"num_beams": 1, "repetition_penalty": 1.5},
    {"num_beams": 3, "repetition_penalty": 1.5},
    {"num_beams": 3, "length_penalty": 2.0},
    {"num_beams": 3, "length_penalty": -1.0, "early_stopping": True},
    {"num_beams": 1, "no_repeat_ngram_size": 2},
    {"num_beams": 4, "no_repeat_ngram_size": 2, "min_new_tokens": 8},
    {"num_beams": 1, "do_sample": True, "temperature": 0.8, "top_k": 20, "top_p": 0.9},
    {"num_beams": 3, "do_sample": True, "temperature": 1.3},
    {"num_beams": 2, "do_sample": True, "top_k": 9, "min_length": 7},
]
PROMPTS = {"no prompt": [], "a prompt": [7, 19, 11]}


@dataclass
class Pair:
    """One model untouched, and as an engine runs it; both with the same eight pictures."""

    plain: Any
    decoder: TokenSearch
    plain_seen: Tensor
    encode: Callable[[int], Any]
    """The first n pictures as `decoder` looks at them."""
    bos: int
    eos: int

    def tokens(self, search: dict[str, Any], *, batch: int, prompt: list[int]) -> list[Tensor]:
        """[untouched, the engine's], each (batch, tokens)."""
        words = self.plain.config.text_config
        how = GenerationConfig(
            max_new_tokens=12,
            bos_token_id=self.bos,
            eos_token_id=self.eos,
            pad_token_id=words.pad_token_id,
            **search,
        )
        start = torch.tensor([[self.bos, *prompt]]).expand(batch, -1)
        plain_seen = self.plain_seen[:batch]
        with torch.inference_mode():
            torch.manual_seed(5)
            plain = self.plain.text_decoder.generate(
                start,
                generation_config=how,
                encoder_hidden_states=plain_seen,
                encoder_attention_mask=plain_seen.new_ones(plain_seen.shape[:2]).long(),
            )
            torch.manual_seed(5)
            fast = self.decoder.search(start, encoder_output=self.encode(batch), how=how)
        return [plain, fast]


def make_pixels(side: int) -> Tensor:
    """(8, 3, side, side): coarse patches that differ, under noise."""
    torch.manual_seed(11)
    pixels = torch.randn(8, 3, side // 8, side // 8).repeat_interleave(8, 2).repeat_interleave(8, 3)
    return pixels + torch.randn(8, 3, side, side) * 0.3


def torch_pair(model: Any, *, bos: int, eos: int) -> Pair:
    """Beside the torch engine's parts, re-arranged from a copy."""
    pixels = make_pixels(model.config.vision_config.image_size)
    taken = copy.deepcopy(model)
    encoder, decoder = TorchVision(taken.vision_model), TextDecoder(taken.text_decoder)
    with torch.inference_mode():
        plain_seen = model.vision_model(pixels).last_hidden_state
        patches = encoder(pixels)
    return Pair(model, decoder, plain_seen, lambda n: decoder.project(patches[:n]), bos, eos)


def demo_blip() -> Any:
    """The demo model, untouched."""
    return BlipForConditionalGeneration.from_pretrained(DEMO_MODEL).eval()
