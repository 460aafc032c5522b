"""The vision tower's two ways to attend say the same, and each is taken where it is the faster one."""

from __future__ import annotations

import pytest
import torch
from transformers import BlipVisionConfig, BlipVisionModel

from surveil.captioning import devices
from surveil.captioning.blip import blip_networks as vision
from surveil.captioning.blip.blip_networks import TorchVision


@pytest.fixture
def tower() -> TorchVision:
    """Two random layers in bf16; transformers' own initialisation is all zeros but for 1e-10."""
    torch.manual_seed(5)
    config = BlipVisionConfig(
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=48,
        patch_size=16,
        initializer_range=0.1,
    )
    return TorchVision(BlipVisionModel(config).eval().to(torch.bfloat16)).eval()


@pytest.mark.parametrize("pictures", [1, 3])
def test_fused_attention_and_two_products_say_the_same(
    tower: TorchVision, monkeypatch: pytest.MonkeyPatch, pictures: int
) -> None:
    pixels = torch.randn(pictures, 3, 48, 48).to(torch.bfloat16)
    seen = []
    for has_amx in (True, False):
        monkeypatch.setattr(devices, "cpu_has_amx", lambda has=has_amx: has)
        with torch.inference_mode():
            seen.append(tower(pixels).float())
    assert seen[0].std() > 0.5
    assert torch.nn.functional.cosine_similarity(seen[0], seen[1], dim=-1).min() > 0.999


@pytest.mark.parametrize(
    ("dtype", "has_amx", "slower"),
    [
        (torch.bfloat16, False, True),
        (torch.bfloat16, True, False),
        (torch.float32, False, False),
    ],
)
def test_only_bf16_without_amx_attends_in_two_products(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype, has_amx: bool, slower: bool
) -> None:
    monkeypatch.setattr(devices, "cpu_has_amx", lambda: has_amx)
    assert vision._fused_is_slower(torch.zeros(1, dtype=dtype)) is slower
