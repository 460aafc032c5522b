"""Matrix products as fast as the device has them.

On a CPU, torch's own `linear` re-lays its weights at every call (bf16) or takes MKL's slower path (small batches).
oneDNN lays them out once, here, when the model is loaded, and can apply GELU or add the residual while the result is
still in cache. Elsewhere a plain `linear` is what the vendor's library wants.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

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
    """Whether oneDNN is there and knows the type; torch for ARM may be built without it."""
    return (
        weight.device.type == "cpu"
        and weight.dtype in _PACKED_DTYPES
        and torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")
    )
