"""The search for a sentence: transformers' `generate` over a decoder of ours.

`generate` stays in charge (beams, sampling, penalties, n-gram bans, end tokens) and calls this in place of
BlipTextLMHeadModel. What computes the next token's logits is a subclass: torch's in text_decoder.py, OpenVINO's in
openvino_decoder.py.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from transformers import (
    GenerationConfig,
    GenerationMixin,
    LogitsProcessorList,
    PreTrainedModel,
)
from transformers.modeling_outputs import CausalLMOutputWithCrossAttentions
from transformers.models.blip.configuration_blip import BlipTextConfig

from surveil.captioning.beam_cache import BeamCache
from surveil.captioning.generation import longest
from surveil.captioning.quick_steps import Processors, WithQuickTop


class Search(PreTrainedModel, GenerationMixin):
    """Sentences over a batch of images, each read once however many beams look at it."""

    config_class = BlipTextConfig
    main_input_name = "input_ids"

    def __init__(self, config: BlipTextConfig) -> None:
        super().__init__(config)
        self.generation_config = GenerationConfig()

    def new_cache(self, seen: Any, *, positions: int) -> BeamCache:
        """Room for the sentences of `seen`, at most `positions` tokens long."""
        raise NotImplementedError

    def read(self, tokens: Tensor, positions: Tensor, *, cache: BeamCache, seen: Any) -> Tensor:
        """Logits (images, queries, vocabulary) after `tokens` (images, queries); of a prompt, only the last query's.

        Queries are the prompt's tokens at first, then one per beam. `positions` (1, queries).
        """
        raise NotImplementedError

    def search(self, start: Tensor, *, seen: Any, how: GenerationConfig) -> Any:
        """What `generate` returns for `start` (images, tokens) and what the vision tower has `seen`."""
        cache = self.new_cache(seen, positions=longest(how, prompt_tokens=start.shape[1]))
        return cast(Any, self).generate(
            start, generation_config=how, seen=seen, past_key_values=cache
        )

    def _get_logits_processor(self, *args: Any, **kwargs: Any) -> LogitsProcessorList:
        """transformers', with the two that keep a least length replaced by one, in their place."""
        return Processors(cast(Any, super())._get_logits_processor(*args, **kwargs))

    def _get_top_k_continuations(self, *args: Any, **named: Any) -> Any:
        """transformers', which picks the best of all beams' words, or draws among them."""
        scores = named.get("accumulated_log_probs")
        # On an accelerator one sort is quicker than ten small operations.
        if scores is not None and scores.device.type == "cpu" and not named.get("do_sample"):
            named |= {"accumulated_log_probs": scores.as_subclass(WithQuickTop)}
        return cast(Any, super())._get_top_k_continuations(*args, **named)

    def prepare_inputs_for_generation(
        self,
        input_ids: Any,
        next_sequence_length: int | None = None,
        *args: Any,
        **model_kwargs: Any,
    ) -> dict[str, Any]:
        """Called by `generate` before each step; what it would prepare besides is not needed here.

        `generate` checks its arguments against the name `model_kwargs`.
        """
        tokens = input_ids if next_sequence_length is None else input_ids[:, -next_sequence_length:]
        return {name: model_kwargs[name] for name in ("past_key_values", "seen")} | {
            "input_ids": tokens
        }

    def forward(
        self, input_ids: Tensor, past_key_values: Any, seen: Any, **unused: Any
    ) -> CausalLMOutputWithCrossAttentions:
        """`input_ids` (images * beams, tokens): the prompt at first, one token a row afterwards."""
        cache: BeamCache = (
            past_key_values  # transformers' signatures know only their own kind of cache
        )
        rows = input_ids.shape[0]
        at = cache.get_seq_length()
        if at == 0:
            cache.begin(prompt=input_ids.shape[1], rows=rows)
            tokens = input_ids[:: cache.beams]
            positions = torch.arange(tokens.shape[1], device=tokens.device)[None]
        else:
            tokens = input_ids.view(cache.images, cache.beams)
            positions = torch.full_like(tokens[:1], at)
        logits = self.read(tokens, positions, cache=cache, seen=seen)
        cache.advance(tokens.shape[1])
        if at == 0:
            logits = logits.expand(-1, cache.beams, -1)
        return CausalLMOutputWithCrossAttentions(
            logits=logits.reshape(rows, 1, -1), past_key_values=cast(Any, cache)
        )
