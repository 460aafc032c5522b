"""From a GenerationSpec to what transformers' `generate` takes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from transformers import GenerationConfig

from surveil.captioning.engine import GenerationSpec

DEFAULT_NEW_TOKENS = 20
"""BLIP's own captions are 8 to 14 tokens; an engine that says more repeats itself."""


def longest(search: GenerationConfig, *, prompt_tokens: int) -> int:
    """Most tokens that a sentence can have, begin token and prompt included."""
    if search.max_new_tokens is not None:
        return prompt_tokens + int(search.max_new_tokens)
    return max(int(search.max_length), prompt_tokens + 1)


def search_of(spec: GenerationSpec, words: Any) -> GenerationConfig:
    """The search, with raw logits kept (confidence is taken from them, before any penalty).

    `words`: the model's BlipTextConfig; BLIP ends sentences with its separator.
    """
    asked = {name: value for name, value in asdict(spec).items() if value is not None}
    if "max_length" not in asked:
        asked.setdefault("max_new_tokens", DEFAULT_NEW_TOKENS)
    return GenerationConfig(
        **asked,
        bos_token_id=words.bos_token_id,
        eos_token_id=words.sep_token_id,
        pad_token_id=words.pad_token_id,
        output_logits=True,
        return_dict_in_generate=True,
    )
