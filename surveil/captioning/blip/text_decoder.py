"""BLIP's text decoder in torch, re-arranged for search: the same numbers, a fraction of the work.

What differs from transformers' BlipTextLMHeadModel:

- an image is projected to cross-attention keys and values once, not once per beam, and its beams are folded into the
  query axis: (images, heads, beams, head_dim) against (images, heads, patches, head_dim);
- the prompt is read once per image;
- query, key and value of self-attention are one product, and its cache is written in place (see beam_cache.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.models.blip.configuration_blip import BlipTextConfig

from surveil.captioning.blip.token_search import BeamCache, Search
from surveil.captioning.blip.vision_encoder import Linear, PackedLinear, make_linear

STEP_ROWS = 12
"""Rows that a decoding step is packed for: four images, three beams."""
PATCH_ROWS = 577
"""Rows of one image in BLIP's published size: 24 x 24 patches and the class token."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A batch of images as the decoder looks at them. Not a tensor, so `generate` does not copy it for each beam."""

    keys: tuple[Tensor, ...]
    """One a layer, (images, heads, head_dim, patches): ready for the product with the queries."""
    values: tuple[Tensor, ...]
    """One a layer, (images, heads, patches, head_dim)."""

    @property
    def images(self) -> int:
        return self.values[0].shape[0]


class TextDecoder(Search):
    """Built from a loaded BlipTextLMHeadModel, whose weights it takes over layer by layer."""

    def __init__(self, source: Any) -> None:
        """`source`: a BlipTextLMHeadModel in its final type, on its device; it is emptied, to hold weights once."""
        super().__init__(source.config)
        config = source.config
        self._heads = config.num_attention_heads
        self._head_dim = config.hidden_size // config.num_attention_heads
        embeddings = source.bert.embeddings
        self.words = embeddings.word_embeddings
        self.positions = embeddings.position_embeddings
        self.norm = embeddings.LayerNorm
        self.layers = nn.ModuleList()
        while len(source.bert.encoder.layer):
            self.layers.append(_Layer(source.bert.encoder.layer[0], config))
            del source.bert.encoder.layer[0]
        head = source.cls.predictions
        self.head_dense = _packed(head.transform.dense)
        self.head_norm = head.transform.LayerNorm
        self.head = make_linear(head.decoder.weight, head.decoder.bias, rows=STEP_ROWS)
        self.head_act = head.transform.transform_act_fn

    def look_at(self, patches: Tensor) -> Seen:
        """(images, patches, width) from the vision tower, projected once."""
        pairs = [layer.project(patches) for layer in self.layers]  # type: ignore[operator]
        return Seen(tuple(keys for keys, _ in pairs), tuple(values for _, values in pairs))

    def new_cache(self, seen: Seen, *, positions: int) -> BeamCache:
        return BeamCache(
            layers=len(self.layers),
            images=seen.images,
            heads=self._heads,
            head_dim=self._head_dim,
            like=seen.values[0],
            positions=positions,
        )

    def read(self, tokens: Tensor, positions: Tensor, *, cache: BeamCache, seen: Seen) -> Tensor:
        mask = cache.mask()
        prompt = cache.empty
        hidden = self.norm(self.words(tokens) + self.positions(positions))
        for number, layer in enumerate(self.layers):
            hidden = layer(hidden, number=number, cache=cache, mask=mask, seen=seen)
        return self._logits(hidden[:, -1:] if prompt else hidden)

    def _logits(self, hidden: Tensor) -> Tensor:
        logits: Tensor = self.head(self.head_norm(self.head_act(self.head_dense(hidden))))
        return logits


class _Layer(nn.Module):
    """Self-attention over the sentence, cross-attention over the image, feed-forward; a norm after each."""

    def __init__(self, source: Any, config: BlipTextConfig) -> None:
        super().__init__()
        self._heads = config.num_attention_heads
        self._head_dim = config.hidden_size // config.num_attention_heads
        own, cross = source.attention, source.crossattention
        scale = (
            self._head_dim**-0.5
        )  # a power of two for BLIP's 64, so folding it into the queries is exact
        self.qkv = _joined([own.self.query, own.self.key, own.self.value], scale=scale)
        self.own_out = _packed(own.output.dense)
        self.own_norm = own.output.LayerNorm
        self.query = _joined([cross.self.query], scale=scale)
        self.keys_values = _joined([cross.self.key, cross.self.value], rows=PATCH_ROWS)
        self.cross_out = _packed(cross.output.dense)
        self.cross_norm = cross.output.LayerNorm
        self.up = _packed(source.intermediate.dense)
        self.down = _packed(source.output.dense)
        self.norm = source.output.LayerNorm
        self._act = source.intermediate.intermediate_act_fn
        self._gelu = config.hidden_act == "gelu"

    def project(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        both = self._split(self.keys_values(patches), parts=2)
        return both[0].transpose(2, 3).contiguous(), both[1].contiguous()

    def forward(
        self, hidden: Tensor, *, number: int, cache: BeamCache, mask: Tensor | None, seen: Seen
    ) -> Tensor:
        """`hidden` (images, queries, width): queries are the prompt's tokens, then one per beam."""
        queries, keys, values = self._split(self.qkv(hidden), parts=3)
        keys, values = cache.append(number, keys, values)
        found = _attend(queries, keys.transpose(2, 3), values, mask)
        hidden = self.own_norm(self.own_out.plus(found, hidden))
        queries = self._split(self.query(hidden), parts=1)[0]
        found = _attend(queries, seen.keys[number], seen.values[number], None)
        hidden = self.cross_norm(self.cross_out.plus(found, hidden))
        grown = self.up.gelu(hidden) if self._gelu else self._act(self.up(hidden))
        normed: Tensor = self.norm(self.down.plus(grown, hidden))
        return normed

    def _split(self, joined: Tensor, *, parts: int) -> Tensor:
        """(images, n, parts * width) -> (parts, images, heads, n, head_dim), a view."""
        images, n, _ = joined.shape
        return joined.view(images, n, parts, self._heads, self._head_dim).permute(2, 0, 3, 1, 4)


def _attend(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
    """Scaled queries (images, heads, q, d), keys (images, heads, d, n) -> (images, q, heads * d).

    Written out: for a handful of queries torch's fused attention is slower than two products and a softmax.
    """
    scores = torch.matmul(queries, keys)
    if mask is not None:
        scores = scores + mask
    found = torch.matmul(functional.softmax(scores, dim=-1), values)
    return found.transpose(1, 2).flatten(2)


def _packed(source: nn.Linear, *, rows: int = STEP_ROWS) -> Linear | PackedLinear:
    return make_linear(source.weight, source.bias, rows=rows)


def _joined(
    sources: list[nn.Linear], *, scale: float = 1.0, rows: int = STEP_ROWS
) -> Linear | PackedLinear:
    """Several products of one input as one; the first is scaled."""
    weights = [source.weight.detach() for source in sources]
    biases = [source.bias.detach() for source in sources]
    weights[0], biases[0] = weights[0] * scale, biases[0] * scale
    return make_linear(torch.cat(weights), torch.cat(biases), rows=rows)
