"""Random BLIPs: small ones saved to a folder, and the published geometries without their knowledge.

`initializer_range` is 0.02 because BlipVisionConfig's own default, 1e-10, makes every picture look the same: any two
implementations then agree, however wrong.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import BlipConfig, BlipForConditionalGeneration

from surveil.records import Rgb

WORDS = """
a man woman person dog cat car fire yard street fence window package door the is are in on over at of with near and no
two standing walking running climbing lying burning broken open empty dark red blue small large . , ' - picture photo s
""".split()  # noqa: SIM905  # sixty words read better as a sentence than as a list
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]")
PAD, SEP, DEC = 0, 3, 5


def tiny_config(**text: Any) -> BlipConfig:
    """A BLIP of a few thousand parameters over the words above."""
    return BlipConfig(
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "image_size": 32,
            "patch_size": 8,
            "initializer_range": 0.02,
        },
        text_config={
            "vocab_size": len(SPECIAL) + len(WORDS),
            "hidden_size": 32,
            "encoder_hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "max_position_embeddings": 48,
            "bos_token_id": DEC,
            "eos_token_id": 2,
            "sep_token_id": SEP,
            "pad_token_id": PAD,
            "initializer_range": 0.02,
            **text,
        },
    )


def geometry(size: str, *, vision_layers: int | None = None, text_layers: int = 12) -> BlipConfig:
    """`base` or `large` as published; fewer layers on request."""
    width, heads, layers = {"base": (768, 12, 12), "large": (1024, 16, 24)}[size]
    return BlipConfig(
        vision_config={
            "hidden_size": width,
            "intermediate_size": 4 * width,
            "num_hidden_layers": vision_layers or layers,
            "num_attention_heads": heads,
            "image_size": 384,
            "patch_size": 16,
            "initializer_range": 0.02,
        },
        text_config={
            "vocab_size": 30524,
            "encoder_hidden_size": width,
            "num_hidden_layers": text_layers,
            "num_attention_heads": 12,
            "initializer_range": 0.02,
        },
    )


def random_blip(
    config: BlipConfig, *, seed: int = 7, end_bias: float = 0.06, cross_gain: float = 12.0
) -> Any:
    """Random weights, made lively: plain 0.02 weights let every picture end in much the same words.

    `cross_gain` 12 suits two layers. With twelve it is chaos: the untouched decoder's own logits then differ between
    float32 and float64 by six standard deviations, and equal tokens would be luck.
    """
    torch.manual_seed(seed)
    model: Any = BlipForConditionalGeneration(config).eval()
    with torch.no_grad():
        for layer in model.text_decoder.bert.encoder.layer:
            for name in ("query", "key", "value"):
                getattr(layer.crossattention.self, name).weight.mul_(cross_gain)
            layer.crossattention.output.dense.weight.mul_(cross_gain)
        bias = model.text_decoder.cls.predictions.decoder.bias
        words: Any = config.text_config
        bias[words.pad_token_id] = -30.0
        bias[words.sep_token_id] = end_bias
    return model


def save_blip(model: Any, folder: Path) -> Path:
    """Model, words and picture size, as `from_pretrained` expects them."""
    model.save_pretrained(folder)
    words = [*SPECIAL, *WORDS]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "BertTokenizer", "do_lower_case": True})
    )
    side = model.config.vision_config.image_size
    (folder / "preprocessor_config.json").write_text(
        json.dumps(
            {"image_processor_type": "BlipImageProcessor", "size": {"height": side, "width": side}}
        )
    )
    return folder


def noise_pictures(count: int, side_px: int, *, seed: int = 3) -> list[Rgb]:
    """Different pictures with structure at several scales."""
    generator = np.random.default_rng(seed)
    pictures = []
    for _ in range(count):
        coarse = (
            generator.integers(0, 256, (4, 4, 3)).repeat(side_px // 4, 0).repeat(side_px // 4, 1)
        )
        fine = generator.integers(-40, 40, coarse.shape)
        pictures.append(np.clip(coarse + fine, 0, 255).astype(np.uint8))
    return pictures
