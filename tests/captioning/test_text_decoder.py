"""The re-arranged decoder and tower say token for token what transformers' own say, in fp32."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from surveil.captioning.blip.blip_networks import TorchVision
from tests.captioning.blips import DEC, SEP, geometry, random_blip, tiny_config
from tests.captioning.pairs import PROMPTS, SEARCHES, Pair, demo_blip, make_pixels, torch_pair


def coinciding(tokens: Tensor) -> float:
    """The share of rows that say what another row says too."""
    rows = Counter(tuple(row) for row in tokens.tolist())
    return sum(count for count in rows.values() if count > 1) / len(tokens)


MODELS: dict[str, Callable[[], Any]] = {
    "tiny": lambda: random_blip(tiny_config(), end_bias=0.0),
    "base": lambda: random_blip(
        geometry("base", vision_layers=1, text_layers=2), seed=2, end_bias=1.0
    ),
    "large": lambda: random_blip(
        geometry("large", vision_layers=1, text_layers=2), seed=2, end_bias=1.0
    ),
}


@pytest.fixture(scope="module")
def tiny() -> Pair:
    return torch_pair(MODELS["tiny"](), bos=DEC, eos=SEP)


@pytest.fixture(scope="module")
def base() -> Pair:
    return torch_pair(MODELS["base"](), bos=30522, eos=102)


@pytest.fixture(scope="module")
def large() -> Pair:
    return torch_pair(MODELS["large"](), bos=30522, eos=102)


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
def test_the_tower_sees_the_same(size: str) -> None:
    model = MODELS[size]()
    pixels = make_pixels(model.config.vision_config.image_size)
    with torch.inference_mode():
        plain = model.vision_model(pixels).last_hidden_state
        encoder_output = TorchVision(model.vision_model)(pixels)
    torch.testing.assert_close(encoder_output, plain, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
@pytest.mark.parametrize("search", SEARCHES, ids=str)
def test_demo_model(search: dict[str, Any], prompt: list[int]) -> None:
    """A trained model, whose beams really compete."""
    model = demo_blip()
    words = model.config.text_config
    pair = torch_pair(model, bos=words.bos_token_id, eos=words.sep_token_id)
    plain, fast = pair.tokens(search, batch=8, prompt=prompt)
    assert torch.equal(plain, fast)
