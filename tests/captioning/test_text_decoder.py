"""The re-arranged decoder and tower say token for token what transformers' own say, in fp32."""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import BlipForConditionalGeneration, GenerationConfig

from surveil.captioning.text_decoder import TextDecoder
from surveil.captioning.vision import TorchVision
from tests.captioning.blips import DEC, SEP, geometry, random_blip, tiny_config

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
]
PROMPTS = {"no prompt": [], "a prompt": [7, 19, 11]}


@dataclass
class Pair:
    """One model twice: untouched, and re-arranged from a copy; both with what the tower sees in eight pictures."""

    plain: Any
    decoder: TextDecoder
    plain_seen: Tensor
    seen: Tensor
    bos: int
    eos: int

    def tokens(self, search: dict[str, Any], *, batch: int, prompt: list[int]) -> list[Tensor]:
        """[untouched, re-arranged], each (batch, tokens)."""
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
            fast = self.decoder.search(start, patches=self.seen[:batch], how=how)
        return [plain, fast]


def make_pair(model: Any, *, bos: int, eos: int) -> Pair:
    torch.manual_seed(11)
    side = model.config.vision_config.image_size
    pixels = torch.randn(8, 3, side // 8, side // 8).repeat_interleave(8, 2).repeat_interleave(8, 3)
    pixels += torch.randn(8, 3, side, side) * 0.3
    taken = copy.deepcopy(model)
    tower = TorchVision(taken.vision_model)
    with torch.inference_mode():
        plain_seen = model.vision_model(pixels).last_hidden_state
        seen = tower(pixels)
    return Pair(model, TextDecoder(taken.text_decoder), plain_seen, seen, bos, eos)


def coinciding(tokens: Tensor) -> float:
    """The share of rows that say what another row says too."""
    rows = Counter(tuple(row) for row in tokens.tolist())
    return sum(count for count in rows.values() if count > 1) / len(tokens)


@pytest.fixture(scope="module")
def tiny() -> Pair:
    return make_pair(random_blip(tiny_config(), end_bias=0.0), bos=DEC, eos=SEP)


@pytest.fixture(scope="module")
def base() -> Pair:
    config = geometry("base", vision_layers=1, text_layers=2)
    return make_pair(random_blip(config, seed=2, end_bias=1.0), bos=30522, eos=102)


@pytest.fixture(scope="module")
def large() -> Pair:
    config = geometry("large", vision_layers=1, text_layers=2)
    return make_pair(random_blip(config, seed=2, end_bias=1.0), bos=30522, eos=102)


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
@pytest.mark.parametrize("search", SEARCHES, ids=str)
@pytest.mark.parametrize("batch", range(1, 9))
def test_tiny(tiny: Pair, search: dict[str, Any], batch: int, prompt: list[int]) -> None:
    """Every search, every batch size, with and without a prompt."""
    plain, fast = tiny.tokens(search, batch=batch, prompt=prompt)
    assert torch.equal(plain, fast)


@pytest.mark.parametrize("size", ["base", "large"])
@pytest.mark.parametrize("search", SEARCHES, ids=str)
def test_published_geometry(
    request: pytest.FixtureRequest, size: str, search: dict[str, Any]
) -> None:
    """Random weights of the published widths, heads and vocabulary; few layers, because time is short in CI."""
    pair: Pair = request.getfixturevalue(size)
    turn = SEARCHES.index(search)
    prompt = PROMPTS["a prompt"] if turn % 2 else []
    plain, fast = pair.tokens(search, batch=1 + turn % 4, prompt=prompt)
    assert torch.equal(plain, fast)


@pytest.mark.parametrize("size", ["tiny", "base", "large"])
def test_the_random_models_tell_pictures_apart(request: pytest.FixtureRequest, size: str) -> None:
    """If most pictures got the same words, the comparisons above would prove nothing."""
    pair: Pair = request.getfixturevalue(size)
    plain, _ = pair.tokens({"num_beams": 3}, batch=8, prompt=[])
    assert coinciding(plain) < 0.5


@pytest.mark.parametrize("size", ["tiny", "base", "large"])
def test_the_tower_sees_the_same(request: pytest.FixtureRequest, size: str) -> None:
    pair: Pair = request.getfixturevalue(size)
    torch.testing.assert_close(pair.seen, pair.plain_seen, rtol=1e-4, atol=1e-4)


@pytest.mark.skipif(not DEMO_MODEL.is_dir(), reason="the demo model is not built")
@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
@pytest.mark.parametrize("search", SEARCHES, ids=str)
def test_demo_model(search: dict[str, Any], prompt: list[int]) -> None:
    """A trained model, whose beams really compete."""
    model: Any = BlipForConditionalGeneration.from_pretrained(DEMO_MODEL).eval()
    words = model.config.text_config
    pair = make_pair(model, bos=words.bos_token_id, eos=words.sep_token_id)
    plain, fast = pair.tokens(search, batch=8, prompt=prompt)
    assert torch.equal(plain, fast)
