"""BLIP's vision encoder: pictures normalised, pixels in, (images, patches + 1, width) out.

Nine tenths of the work is here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from surveil.captioning import devices
from surveil.errors import ModelError
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
            self.layers.append(_Layer(source.encoder.layers[0], config, rows=rows + 1))
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


class _Layer(nn.Module):
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


CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How pictures are normalised, as `preprocessor_config.json` says; the defaults are BLIP's published ones."""

    side_px: int = 384
    mean: tuple[float, ...] = CLIP_MEAN
    std: tuple[float, ...] = CLIP_STD
    resample: Image.Resampling = Image.Resampling.BICUBIC

    @classmethod
    def read(cls, folder: Path, *, side_px: int) -> Preprocessing:
        """`side_px` comes from the model's config: position embeddings fix it, the processor's file may be absent."""
        settings = _processor_settings(folder)
        return cls(
            side_px=side_px,
            mean=tuple(settings.get("image_mean", CLIP_MEAN)),
            std=tuple(settings.get("image_std", CLIP_STD)),
            resample=Image.Resampling(settings.get("resample", Image.Resampling.BICUBIC)),
        )


def _processor_settings(folder: Path) -> dict[str, Any]:
    """transformers 5 saves one file for words and pictures; published BLIPs have one for pictures only."""
    old, new = folder / "preprocessor_config.json", folder / "processor_config.json"
    path = old if old.is_file() else new
    if not path.is_file():
        return {}
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"model file {path} is not JSON ({error})") from error
    settings: dict[str, Any] = content.get("image_processor", content)
    return settings


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
