"""What runs the graph `seeing`: pictures in, what cross-attention reads out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from surveil.captioning.openvino_tensors import as_openvino, as_torch

STREAMS = 2
"""Measured on two cores. Each is more memory for what it hands on, and a batch has to be a multiple of it."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A batch of images as the graph `saying` looks at them."""

    memory: dict[str, Tensor]
    """`keys_i` and `values_i` of each text layer i, (images, heads, patches + 1, head_dim); the next batch is written
    over them."""
    images: int


class OpenVinoVision:
    """One thread at a time.

    A batch is cut in as many parts as there are streams, each with its own share of the cores: what a part's layers
    hand on stays in its core's cache (0.89 of the time for four pictures on two cores with AMX).
    """

    def __init__(
        self,
        whole: Any,
        *,
        memory: torch.dtype,
        packed: Callable[[], None],
        streams: Callable[[], Sequence[Any]] | None = None,
    ) -> None:
        """`whole`: a request of a compiled `seeing`; `memory`: the type of what leaves here.

        `packed`: called when weights have been laid out anew, which OpenVINO does at a first inference.
        `streams`: makes requests that run beside each other. It is asked at the first batch that can be cut, since it
        costs the weights' memory once more.
        """
        self._whole = whole
        self._memory = memory
        self._make_streams = streams
        self._streams: Sequence[Any] = ()
        self._room: dict[str, Tensor] = {}
        self._packed = packed
        self._bound = 0
        self._known: set[bool] = set()

    def __call__(self, pixels: Tensor) -> Seen:
        """(images, 3, side_px, side_px), normalised."""
        images = pixels.shape[0]
        cut = self._make_streams is not None and images >= STREAMS and images % STREAMS == 0
        requests = self._cut(images) if cut else [self._whole]
        parts = pixels.float().contiguous().chunk(len(requests))
        for request, part in zip(requests, parts, strict=True):
            request.start_async({0: part.numpy()}, share_inputs=True)
        for request in requests:
            request.wait()
        if cut not in self._known:
            self._known.add(cut)
            self._packed()
        if cut:
            return Seen({name: room[:images] for name, room in self._room.items()}, images)
        found = {
            one.any_name: as_torch(self._whole.get_tensor(one)) for one in self._whole.model_outputs
        }
        return Seen({name: one.to(self._memory) for name, one in found.items()}, images)

    def _cut(self, images: int) -> Sequence[Any]:
        """The streams' requests, each writing where its part of the batch belongs."""
        assert self._make_streams is not None
        self._streams = self._streams or self._make_streams()
        if images == self._bound:
            return self._streams
        share = images // len(self._streams)
        for output in self._whole.model_outputs:
            name, (_, *shape) = output.any_name, output.partial_shape
            room = self._room.get(name)
            if room is None or room.shape[0] < images:
                sizes = [size.get_length() for size in shape]
                room = self._room[name] = torch.empty(images, *sizes, dtype=self._memory)
            for request, part in zip(self._streams, room[:images].split(share), strict=True):
                request.set_tensor(name, as_openvino(part))
        self._bound = images
        return self._streams
