"""The same memory for OpenVINO and for torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

TYPES = {torch.float32: "f32", torch.bfloat16: "bf16", torch.int8: "i8", torch.int32: "i32"}
"""OpenVINO's names of them."""
DTYPES = {name: dtype for dtype, name in TYPES.items()}


def as_openvino(tensor: Tensor) -> Any:
    """`tensor` is contiguous, and must outlive what is returned."""
    import openvino as ov

    bits = tensor.view(torch.int16) if tensor.dtype is torch.bfloat16 else tensor
    kind = getattr(ov.Type, TYPES[tensor.dtype])
    return ov.Tensor(bits.numpy(), ov.Shape(list(tensor.shape)), kind)


def as_torch(tensor: Any) -> Tensor:
    """Valid until the request that owns `tensor` runs again."""
    found = torch.from_numpy(tensor.data)
    # numpy has no bfloat16; OpenVINO shows its bits as float16.
    return found.view(torch.bfloat16) if tensor.element_type.get_type_name() == "bf16" else found
