"""The graph `vision_encoder` for one picture, in which the products from the wider layer back are done in two parts.

oneDNN cuts a product's rows into blocks, and for the 577 rows of a picture it finds none that are good: from 4096 to
1024 they take 1.27 ms, 256 and 321 of them together 0.95, and the tower 0.95 of its time (two cores with AMX). Only in
a graph for one picture are the parts of a tensor pieces of its memory, so that none is copied.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from surveil.captioning.openvino.openvino_graphs import BY_ROWS

PART = 256
"""Rows of the first part. Fewer than twice as many are not cut."""


def for_one_picture(vision_encoder: Any, *, part: int = PART) -> Any:
    """A copy over the same constants."""
    from openvino import opset13

    one = vision_encoder.clone()
    pixels = one.inputs[0]
    one.reshape([1, *list(pixels.partial_shape)[1:]])
    for product in one.get_ordered_ops():
        named = product.get_friendly_name().startswith(f"{BY_ROWS}_")
        if not named or product.get_type_name() != "MatMul":
            continue
        taken = product.input_value(0)
        rows = taken.get_partial_shape()[1].get_length()
        if rows < 2 * part:
            continue
        cut = opset13.constant(np.array([part, rows - part], dtype=np.int64))
        axis = opset13.constant(np.int64(1))
        parts = [
            opset13.matmul(piece, product.input_value(1), False, True)
            for piece in opset13.variadic_split(taken, axis, cut).outputs()
        ]
        product.output(0).replace(opset13.concat(parts, 1).output(0))
    return one
