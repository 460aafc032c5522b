"""The search for a sentence: transformers' `generate` over a decoder of ours.

`generate` stays in charge (beams, sampling, penalties, n-gram bans, end tokens) and calls this in place of
BlipTextLMHeadModel. What computes the next token's logits is a subclass: torch's in text_decoder.py, OpenVINO's in
openvino_decoder.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, cast

import torch
from torch import Tensor
from transformers import (
    GenerationConfig,
    GenerationMixin,
    LogitsProcessor,
    LogitsProcessorList,
    MinLengthLogitsProcessor,
    MinNewTokensLengthLogitsProcessor,
    PreTrainedModel,
)
from transformers.modeling_outputs import CausalLMOutputWithCrossAttentions
from transformers.models.blip.configuration_blip import BlipTextConfig

from surveil.captioning.engine import GenerationSpec


class TokenSearch(PreTrainedModel, GenerationMixin):
    """Sentences over a batch of images, each read once however many beams look at it."""

    config_class = BlipTextConfig
    main_input_name = "input_ids"

    def __init__(self, config: BlipTextConfig) -> None:
        super().__init__(config)
        self.generation_config = GenerationConfig()

    def new_cache(self, encoder_output: Any, *, positions: int) -> BeamCache:
        """Room for the sentences about `encoder_output`, at most `positions` tokens long."""
        raise NotImplementedError

    def next_logits(
        self, tokens: Tensor, positions: Tensor, *, cache: BeamCache, encoder_output: Any
    ) -> Tensor:
        """Logits (images, queries, vocabulary) after `tokens` (images, queries); of a prompt, only the last query's.

        Queries are the prompt's tokens at first, then one per beam. `positions` (1, queries).
        """
        raise NotImplementedError

    def search(self, start: Tensor, *, encoder_output: Any, how: GenerationConfig) -> Any:
        """What `generate` returns for `start` (images, tokens) and the vision encoder's output."""
        cache = self.new_cache(encoder_output, positions=longest(how, prompt_tokens=start.shape[1]))
        return cast(Any, self).generate(
            start, generation_config=how, encoder_output=encoder_output, past_key_values=cache
        )

    def _get_logits_processor(self, *args: Any, **kwargs: Any) -> LogitsProcessorList:
        """transformers', with the two that keep a least length replaced by one, in their place."""
        return Processors(cast(Any, super())._get_logits_processor(*args, **kwargs))

    def _get_top_k_continuations(self, *args: Any, **named: Any) -> Any:
        """transformers', which picks the best of all beams' words, or draws among them."""
        scores = named.get("accumulated_log_probs")
        # On an accelerator one sort is quicker than ten small operations.
        if scores is not None and scores.device.type == "cpu" and not named.get("do_sample"):
            named |= {"accumulated_log_probs": scores.as_subclass(TopkTensor)}
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
        return {name: model_kwargs[name] for name in ("past_key_values", "encoder_output")} | {
            "input_ids": tokens
        }

    def forward(
        self, input_ids: Tensor, past_key_values: Any, encoder_output: Any, **unused: Any
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
        logits = self.next_logits(tokens, positions, cache=cache, encoder_output=encoder_output)
        cache.advance(tokens.shape[1])
        if at == 0:
            logits = logits.expand(-1, cache.beams, -1)
        return CausalLMOutputWithCrossAttentions(
            logits=logits.reshape(rows, 1, -1), past_key_values=cast(Any, cache)
        )


RUNS = 64
"""The parts that scores are cut in to find the best; see `fast_topk`."""


class EndTokenBlocker(LogitsProcessor):
    """No end token before a row has `tokens` tokens.

    transformers' own look for the end token by comparing it with all words.
    """

    def __init__(self, tokens: int, ends: Tensor) -> None:
        self.tokens = tokens
        self._ends = ends
        self._words = 0

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """`input_ids` (rows, tokens), `scores` (rows, vocabulary)."""
        if input_ids.shape[-1] >= self.tokens:
            return scores
        if self._words != scores.shape[-1]:
            self._words = scores.shape[-1]
            # An end that is no word cannot come, and is not missed.
            self._ends = self._ends[(self._ends >= 0) & (self._ends < self._words)]
        return scores.index_fill(-1, self._ends, -torch.inf)


class Processors(LogitsProcessorList):
    """transformers' processors, those for a least length replaced by one.

    There are two when `min_new_tokens` is asked for, because `generate` derives the other from it.
    """

    def __init__(self, theirs: Iterable[Any]) -> None:
        waits: EndTokenBlocker | None = None
        for one in theirs:
            if type(one) is MinLengthLogitsProcessor:
                tokens = one.min_length
            elif type(one) is MinNewTokensLengthLogitsProcessor:
                tokens = one.prompt_length_to_skip + one.min_new_tokens
            else:
                self.append(one)
                continue
            if waits is None:
                waits = EndTokenBlocker(tokens, one.eos_token_id)
                self.append(waits)
            waits.tokens = max(waits.tokens, tokens)

    def __call__(self, input_ids: Any, scores: Any, **more: Any) -> Any:
        """transformers' own reads the signature of each at each step, to know whether it takes `more`."""
        if more:
            return super().__call__(input_ids, scores, **more)
        for process in self:
            scores = process(input_ids, scores)
        return scores


class TopkTensor(Tensor):
    """A tensor of which `torch.topk` is `fast_topk`."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        more = kwargs or {}
        if func is torch.topk and len(args) == 1 and more.keys() == {"k"}:
            return fast_topk(args[0].as_subclass(Tensor), more["k"])
        with torch._C.DisableTorchFunctionSubclass():
            return func(*args, **more)


def fast_topk(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """`torch.topk` of (rows, n), largest first: values and places, both (rows, k).

    Cut into `RUNS` runs laid over each other, only the k columns with the largest maxima can hold any of them. torch
    copies all scores with their places to sort them: 0.35 ms, and this 0.06.
    """
    rows, n = scores.shape
    columns = n // RUNS
    if columns < RUNS or k > columns // 4:
        return torch.topk(scores, k=k)
    whole = columns * RUNS
    best = torch.topk(scores[:, :whole].view(rows, RUNS, columns).amax(1), k=k).indices
    starts = torch.arange(0, whole, columns, device=scores.device)
    places = (best[:, None, :] + starts[:, None]).flatten(1)
    rest = torch.arange(whole, n, device=scores.device).expand(rows, -1)
    places = torch.cat([places, rest], dim=1)
    values, at = torch.topk(scores.gather(1, places), k=k)
    return values, places.gather(1, at)


DEFAULT_NEW_TOKENS = 20
"""BLIP's own captions are 8 to 14 tokens; an engine that says more repeats itself."""


def longest(search: GenerationConfig, *, prompt_tokens: int) -> int:
    """Most tokens that a sentence can have, begin token and prompt included."""
    if search.max_new_tokens is not None:
        return prompt_tokens + int(search.max_new_tokens)
    return max(int(search.max_length), prompt_tokens + 1)


def search_of(spec: GenerationSpec, text_config: Any) -> GenerationConfig:
    """The search, with raw logits kept (confidence is taken from them, before any penalty).

    `text_config`: the model's BlipTextConfig; BLIP ends sentences with its separator.
    """
    asked = {name: value for name, value in asdict(spec).items() if value is not None}
    if "max_length" not in asked:
        asked.setdefault("max_new_tokens", DEFAULT_NEW_TOKENS)
    return GenerationConfig(
        **asked,
        bos_token_id=text_config.bos_token_id,
        eos_token_id=text_config.sep_token_id,
        pad_token_id=text_config.pad_token_id,
        output_logits=True,
        return_dict_in_generate=True,
    )


class BeamCache:
    """Self-attention entries of `images` x `beams` sentences. Lives for one `generate`; one thread."""

    is_compileable = False  # asked by transformers' generate

    def __init__(
        self,
        *,
        layers: int,
        images: int,
        heads: int,
        head_dim: int,
        like: Tensor,
        positions: int,
        room: Tensor | None = None,
    ) -> None:
        """`positions`: longest sentence, prompt included. `like` gives type and device.

        `room`: the `entries` of a cache that is not needed any more, taken again where they have the right size.
        """
        self.images = images
        self.beams = 0
        self._shape = (layers, 2, images, heads, head_dim)
        self._like = like
        self._positions = positions
        self._filled = 0
        self._prompt = 0
        self._steps = 0
        self._alone = like
        self._entries: Tensor | None = None
        self._room = room
        self._mask: Tensor | None = None

    @property
    def empty(self) -> bool:
        """Until the prompt has been read."""
        return not self._filled

    def get_seq_length(self) -> int:
        """Tokens already seen by each sentence; the name is transformers'."""
        return self._prompt + self._steps

    @property
    def entries(self) -> Tensor:
        """(layers, 2, images, heads, capacity, head_dim): keys and values, zeros where nothing is written yet."""
        assert self._entries is not None
        return self._entries

    def begin(self, *, prompt: int, rows: int) -> None:
        """Make room, once `generate` has said how many sentences it searches."""
        layers, two, images, heads, head_dim = self._shape
        self.beams = rows // images
        self._alone = _each_itself(self.beams).to(self._like)
        self._prompt = prompt
        capacity = prompt + max(0, self._positions - prompt) * self.beams
        shape = (layers, two, images, heads, capacity, head_dim)
        if self._room is not None and self._room.shape == shape:
            self._entries = self._room.zero_()
        else:
            self._entries = self._like.new_zeros(shape)
        if self.beams > 1:
            self._mask = self._own_entries(capacity)

    def mask(self) -> Tensor | None:
        """To be added to the scores of the next queries over the entries that `append` returns for them.

        (1, 1, prompt, prompt) at first, then (images, 1, beams, entries); None lets everything through.
        """
        if self.empty:
            return None if self._prompt == 1 else self._causal()[None, None]
        if self._mask is None:
            return None
        return self._mask[:, None, :, : self._filled + self.beams]

    @property
    def queries(self) -> int:
        """Of the next call for whoever sees all room: the prompt's tokens, then one per beam.

        A prompt of one token is read once for each beam as well, so that all calls have the same sizes.
        """
        return self._prompt if self.empty and self._prompt > 1 else self.beams

    def mask_all(self, room: Tensor) -> None:
        """The same, written to `room`, for queries that see all room, filled or not, and themselves behind it.

        (images, 1, queries, capacity + queries).
        """
        past, own = room[:, 0].split([self.entries.shape[-2], self.queries], dim=2)
        if not self.empty and self._mask is not None:
            past.copy_(self._mask)
        else:
            past[:, :, : self._filled] = 0.0
        past[:, :, self._filled :] = -torch.inf
        own.copy_(self._causal() if self.empty and self._prompt > 1 else self._alone)

    def append(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Write (images, heads, queries, head_dim) behind what is there; returns all entries so far."""
        assert self._entries is not None
        end = self._filled + keys.shape[2]
        both = self._entries[layer]
        both[0, :, :, self._filled : end] = keys
        both[1, :, :, self._filled : end] = values
        return both[0, :, :, :end], both[1, :, :, :end]

    def write(self, entries: Tensor) -> None:
        """All layers of one call at once, (layers, 2, images, heads, queries, head_dim), before `advance`."""
        self.entries[..., self._filled : self._filled + entries.shape[-2], :] = entries

    def advance(self, queries: int) -> None:
        """After the last layer of one call."""
        if self._filled:
            self._steps += 1
        self._filled += queries

    def reorder_cache(self, beam_idx: Tensor) -> None:
        """`beam_idx` (images * beams): the row that each row goes on from; the name is transformers'."""
        if self._mask is None:
            return
        parents = (beam_idx.view(self.images, self.beams) % self.beams).to(self._mask.device)
        visible = self._mask[:, :, : self._filled]
        chosen = parents[:, :, None].expand(-1, -1, self._filled)
        self._mask[:, :, : self._filled] = visible.gather(1, chosen)

    def _own_entries(self, capacity: int) -> Tensor:
        """(images, beams, capacity): the prompt is everyone's, of each later step a beam sees its own entry."""
        own = self._alone
        steps = (capacity - self._prompt) // self.beams
        mask = torch.cat([own.new_zeros(self.beams, self._prompt), own.repeat(1, steps)], dim=1)
        return mask.expand(self.images, -1, -1).contiguous()

    def _causal(self) -> Tensor:
        """(prompt, prompt): each token sees those before it."""
        blocked = torch.full((self._prompt, self._prompt), -torch.inf, dtype=self._like.dtype)
        return blocked.triu(1).to(self._like.device)


def _each_itself(beams: int) -> Tensor:
    """(beams, beams): of a step's entries each beam sees its own."""
    return torch.full((beams, beams), -torch.inf).fill_diagonal_(0.0)
