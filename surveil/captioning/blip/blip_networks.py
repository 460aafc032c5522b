"""BLIP's two networks, rebuilt from a loaded model, layer by layer, as this processor computes them fastest.

The vision encoder: pictures normalised, pixels in, (images, patches + 1, width) out; nine tenths of the work is here.
The text decoder: what it saw and the words so far in, the next word's logits out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from transformers.models.blip.configuration_blip import BlipTextConfig

from surveil.captioning import devices
from surveil.captioning.blip.model_loading import Preprocessing
from surveil.captioning.blip.token_search import BeamCache, TokenSearch
from surveil.records import Rgb


class TorchVision(nn.Module):
    """Built from a loaded BlipVisionModel, whose weights it takes over layer by layer."""

    def __init__(self, source: Any) -> None:
        super().__init__()
        config = source.config
        embeddings = source.embeddings
        self.patch_px = config.patch_size
        width = config.hidden_size
        # A convolution whose kernel is its stride is a product over flattened patches.
        kernel = embeddings.patch_embedding.weight.detach().reshape(width, -1)
        rows = embeddings.num_patches
        self.patches = make_linear(kernel, embeddings.patch_embedding.bias, rows=rows)
        self.first = nn.Parameter(embeddings.class_embedding.detach(), requires_grad=False)
        self.places = nn.Parameter(embeddings.position_embedding.detach(), requires_grad=False)
        self.layers = nn.ModuleList()
        while len(source.encoder.layers):
            self.layers.append(_EncoderLayer(source.encoder.layers[0], config, rows=rows + 1))
            del source.encoder.layers[0]
        self.norm = source.post_layernorm

    def forward(self, pixels: Tensor) -> Tensor:
        flat = functional.pixel_unshuffle(pixels, self.patch_px).flatten(2).transpose(1, 2)
        patches = self.patches(flat.contiguous())
        hidden = (
            torch.cat([self.first.expand(patches.shape[0], -1, -1), patches], dim=1) + self.places
        )
        for layer in self.layers:
            hidden = layer(hidden)
        normed: Tensor = self.norm(hidden)
        return normed


class _EncoderLayer(nn.Module):
    def __init__(self, source: Any, config: Any, *, rows: int) -> None:
        super().__init__()
        attention, mlp = source.self_attn, source.mlp
        self._heads = config.num_attention_heads
        width = config.hidden_size
        scale = (width // self._heads) ** -0.5
        weight, bias = (
            attention.qkv.weight.detach().clone(),
            attention.qkv.bias.detach().clone(),
        )
        weight[:width] *= scale  # a power of two for BLIP's 64: exact
        bias[:width] *= scale
        self.norm1 = source.layer_norm1
        self.qkv = make_linear(weight, bias, rows=rows)
        self.out = make_linear(attention.projection.weight, attention.projection.bias, rows=rows)
        self.norm2 = source.layer_norm2
        self.up = make_linear(mlp.fc1.weight, mlp.fc1.bias, rows=rows)
        self.down = make_linear(mlp.fc2.weight, mlp.fc2.bias, rows=rows)
        self._act = mlp.activation_fn
        self._gelu = config.hidden_act == "gelu"

    def forward(self, hidden: Tensor) -> Tensor:
        hidden = self.out.plus(self._attend(self.qkv(self.norm1(hidden))), hidden)
        normed = self.norm2(hidden)
        grown = self.up.gelu(normed) if self._gelu else self._act(self.up(normed))
        return self.down.plus(grown, hidden)

    def _attend(self, joined: Tensor) -> Tensor:
        """(images, n, 3 * width) -> (images, n, width)."""
        images, n, _ = joined.shape
        queries, keys, values = joined.view(images, n, 3, self._heads, -1).permute(2, 0, 3, 1, 4)
        if _fused_is_slower(joined):
            found = torch.stack(list(map(_attend_one, queries, keys, values)))
        else:
            found = functional.scaled_dot_product_attention(queries, keys, values, scale=1.0)
        return found.transpose(1, 2).flatten(2)


def _fused_is_slower(pixels: Tensor) -> bool:
    """Of bf16 on a CPU without AMX: 0.89 to 0.76 s an image. With AMX it is 2.1 to 3.3 ms a layer, the other way round,
    and in fp32 7.6 to 8.2."""
    return (
        pixels.device.type == "cpu" and pixels.dtype is torch.bfloat16 and not devices.cpu_has_amx()
    )


def _attend_one(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """(heads, n, head_dim) each. Image by image: scores of four are 43 MB, which malloc takes from the system and gives
    back at every layer, and clearing those pages took longer than the products (38 to 14 ms a layer)."""
    scores = functional.softmax(torch.matmul(queries, keys.transpose(1, 2)), dim=-1)
    return torch.matmul(scores, values)


def to_square(picture: Rgb, spec: Preprocessing) -> Rgb:
    """(side_px, side_px, 3); the same array when it already is."""
    if picture.shape[:2] == (spec.side_px, spec.side_px):
        return picture
    scaled = Image.fromarray(picture).resize((spec.side_px, spec.side_px), resample=spec.resample)
    return np.asarray(scaled)


def to_pixels(
    pictures: Sequence[Rgb], spec: Preprocessing, *, device: torch.device, dtype: torch.dtype
) -> Tensor:
    """(len(pictures), 3, side_px, side_px), normalised, on the device. Bytes cross to it, not floats."""
    stacked = np.stack([to_square(picture, spec) for picture in pictures])
    squares = torch.from_numpy(stacked).to(device)
    scale = torch.tensor(spec.std, device=device) * 255.0
    shift = torch.tensor(spec.mean, device=device) * 255.0
    return ((squares.float() - shift) / scale).permute(0, 3, 1, 2).to(dtype)


_PACKED_DTYPES = (torch.float32, torch.bfloat16)


class Linear(nn.Module):
    """y = x W^T + b, x of shape (..., inputs), any device. Weights are only read."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        """`weight` (outputs, inputs), `bias` (outputs)."""
        super().__init__()
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.bias = nn.Parameter(bias, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.weight, self.bias)

    def gelu(self, x: Tensor) -> Tensor:
        """GELU (erf) of the product."""
        return functional.gelu(self(x))

    def plus(self, x: Tensor, other: Tensor) -> Tensor:
        """The product and a tensor of its shape, added."""
        product: Tensor = self(x).add_(other)
        return product


class PackedLinear(nn.Module):
    """The same on a CPU, over weights in oneDNN's own order. The plain weights are not kept."""

    def __init__(self, weight: Tensor, bias: Tensor, *, rows: int) -> None:
        """`rows`: how many rows of x to expect; oneDNN picks its blocks for that, and takes any number."""
        super().__init__()
        self._ops: Any = torch.ops.mkldnn
        self._packed = self._ops._reorder_linear_weight(weight.contiguous(), rows)
        self.bias = nn.Parameter(bias, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        product: Tensor = self._ops._linear_pointwise(x, self._packed, self.bias, "none", [], "")
        return product

    def gelu(self, x: Tensor) -> Tensor:
        product: Tensor = self._ops._linear_pointwise(
            x, self._packed, self.bias, "gelu", [], "none"
        )
        return product

    def plus(self, x: Tensor, other: Tensor) -> Tensor:
        product: Tensor = self._ops._linear_pointwise.binary(
            x, other, self._packed, self.bias, "add"
        )
        return product


def make_linear(weight: Tensor, bias: Tensor | None, *, rows: int) -> Linear | PackedLinear:
    """The faster of the two for this weight's device and type."""
    if bias is None:
        bias = weight.new_zeros(weight.shape[0])
    weight, bias = weight.detach(), bias.detach()
    if can_pack(weight):
        return PackedLinear(weight, bias, rows=rows)
    return Linear(weight, bias)


def can_pack(weight: Tensor) -> bool:
    """Whether oneDNN is there and knows the type on this processor; torch for ARM may be built without it, and bf16
    takes AVX-512 or AVX-NE-CONVERT."""
    return (
        weight.device.type == "cpu"
        and weight.dtype in _PACKED_DTYPES
        and torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")
        and (weight.dtype is torch.float32 or torch.ops.mkldnn._is_mkldnn_bf16_supported())
    )


STEP_ROWS = 12
"""Rows that a decoding step is packed for: four images, three beams."""
PATCH_ROWS = 577
"""Rows of one image in BLIP's published size: 24 x 24 patches and the class token."""


@dataclass(frozen=True, slots=True, eq=False)
class EncoderOutput:
    """A batch of images as the decoder looks at them. Not a tensor, so `generate` does not copy it for each beam."""

    keys: tuple[Tensor, ...]
    """One a layer, (images, heads, head_dim, patches): ready for the product with the queries."""
    values: tuple[Tensor, ...]
    """One a layer, (images, heads, patches, head_dim)."""

    @property
    def images(self) -> int:
        return self.values[0].shape[0]


class TextDecoder(TokenSearch):
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
            self.layers.append(_DecoderLayer(source.bert.encoder.layer[0], config))
            del source.bert.encoder.layer[0]
        head = source.cls.predictions
        self.head_dense = _packed(head.transform.dense)
        self.head_norm = head.transform.LayerNorm
        self.head = make_linear(head.decoder.weight, head.decoder.bias, rows=STEP_ROWS)
        self.head_act = head.transform.transform_act_fn

    def project(self, patches: Tensor) -> EncoderOutput:
        """(images, patches, width) from the vision tower, projected once."""
        pairs = [layer.project(patches) for layer in self.layers]  # type: ignore[operator]
        return EncoderOutput(tuple(keys for keys, _ in pairs), tuple(values for _, values in pairs))

    def new_cache(self, encoder_output: EncoderOutput, *, positions: int) -> BeamCache:
        return BeamCache(
            layers=len(self.layers),
            images=encoder_output.images,
            heads=self._heads,
            head_dim=self._head_dim,
            like=encoder_output.values[0],
            positions=positions,
        )

    def next_logits(
        self, tokens: Tensor, positions: Tensor, *, cache: BeamCache, encoder_output: EncoderOutput
    ) -> Tensor:
        mask = cache.mask()
        prompt = cache.empty
        hidden = self.norm(self.words(tokens) + self.positions(positions))
        for number, layer in enumerate(self.layers):
            hidden = layer(
                hidden, number=number, cache=cache, mask=mask, encoder_output=encoder_output
            )
        return self._logits(hidden[:, -1:] if prompt else hidden)

    def _logits(self, hidden: Tensor) -> Tensor:
        logits: Tensor = self.head(self.head_norm(self.head_act(self.head_dense(hidden))))
        return logits


class _DecoderLayer(nn.Module):
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
        self,
        hidden: Tensor,
        *,
        number: int,
        cache: BeamCache,
        mask: Tensor | None,
        encoder_output: EncoderOutput,
    ) -> Tensor:
        """`hidden` (images, queries, width): queries are the prompt's tokens, then one per beam."""
        queries, keys, values = self._split(self.qkv(hidden), parts=3)
        keys, values = cache.append(number, keys, values)
        found = _attend(queries, keys.transpose(2, 3), values, mask)
        hidden = self.own_norm(self.own_out.plus(found, hidden))
        queries = self._split(self.query(hidden), parts=1)[0]
        found = _attend(queries, encoder_output.keys[number], encoder_output.values[number], None)
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
