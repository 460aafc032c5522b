"""A model of the published geometry with random weights: as slow as the real one, and no download."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from transformers import BlipConfig, BlipForConditionalGeneration

GEOMETRIES = {"base": (768, 12, 12), "large": (1024, 16, 24)}
"""BLIP's vision width, heads and layers; patches of 16 pixels in 384, and BERT's own text side."""
VOCABULARY = 30524


def published_config(size: str) -> BlipConfig:
    """`base` or `large`. `initializer_range` is not BLIP's 1e-10, with which all pictures look the same."""
    width, heads, layers = GEOMETRIES[size]
    vision = {
        "hidden_size": width,
        "intermediate_size": 4 * width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "image_size": 384,
        "patch_size": 16,
        "initializer_range": 0.02,
    }
    text = {
        "vocab_size": VOCABULARY,
        "encoder_hidden_size": width,
        "num_attention_heads": 12,
        "initializer_range": 0.02,
    }
    return BlipConfig(vision_config=vision, text_config=text)


def write_random_model(size: str, folder: Path) -> Path:
    """Saved as float32, as the published weights are: 1.0 GB for base, 1.9 GB for large."""
    torch.manual_seed(0)
    model: Any = BlipForConditionalGeneration(published_config(size))
    model.save_pretrained(folder)
    words = ["[PAD]", *(f"[unused{n}]" for n in range(99)), "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words += [f"w{n}" for n in range(VOCABULARY - len(words))]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer"}))
    return folder
