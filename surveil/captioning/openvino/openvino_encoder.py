"""What runs the vision encoder's graph: pictures in, what cross-attention reads out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from surveil.captioning.openvino.openvino_tensors import DTYPES, as_openvino, as_torch

STREAMS = 2
"""Measured on two cores. Each is more memory for what it hands on."""


@dataclass(frozen=True, slots=True, eq=False)
class OpenVinoEncoderOutput:
    """A batch of images as the text decoder looks at them."""

    memory: dict[str, Tensor]
    """`keys_i` and `values_i` of each text layer i; the next batch is written over them."""
    images: int


class OpenVinoVision:
    """One thread at a time.

    A batch is cut in as many parts as there are streams, each with its own share of the cores: what a part's layers
    hand on stays in its core's cache (0.93 of the time for four pictures on two cores with AMX). What is left over, an
    odd picture, is encoded afterwards with all cores.
    """

    def __init__(
        self,
        make: Callable[[int], Sequence[Any]],
        *,
        memory: torch.dtype,
        packed: Callable[[], None],
        cut: bool = False,
    ) -> None:
        """`make`: compiles the graph for that many streams, and gives a request of each; costs the weights' memory.

        `memory`: the type of what leaves here in floats. `packed`: called when weights have been laid out anew, which
        OpenVINO does at a first inference. `cut`: whether batches are; the streams are made at the first, and a single
        stream is asked for single pictures only.
        """
        self._make = make
        self._memory = memory
        self._packed = packed
        self._may_cut = cut
        self.release_batch_memory()

    def release_batch_memory(self) -> None:
        """Give back what larger batches took, and what a failed one left."""
        self._streams: Sequence[Any] = ()
        self._room: dict[str, Tensor] = {}
        self._bound = 0
        self._known: set[int] = set()
        (self._whole,) = self._make(1)

    def __call__(self, pixels: Tensor) -> OpenVinoEncoderOutput:
        """(images, 3, side_px, side_px), normalised."""
        pixels = pixels.float().contiguous()
        images = pixels.shape[0]
        if not self._may_cut or images == 1:
            return OpenVinoEncoderOutput(self._encode_at_once(pixels), images)
        paired = images - images % STREAMS
        self._run(self._cut(images, paired), pixels[:paired].chunk(STREAMS))
        for at in range(paired, images):
            for name, found in self._encode_at_once(pixels[at : at + 1]).items():
                self._room[name][at] = found[0]
        return OpenVinoEncoderOutput(
            {name: room[:images] for name, room in self._room.items()}, images
        )

    def _encode_at_once(self, pixels: Tensor) -> dict[str, Tensor]:
        self._run([self._whole], [pixels])
        found = {
            one.any_name: as_torch(self._whole.get_tensor(one)) for one in self._whole.model_outputs
        }
        return {name: self._as_read(one) for name, one in found.items()}

    def _run(self, requests: Sequence[Any], parts: Sequence[Tensor]) -> None:
        _run(requests, parts)
        if len(requests) not in self._known:
            self._known.add(len(requests))
            self._packed()

    def _as_read(self, found: Tensor) -> Tensor:
        return found if found.dtype is torch.int8 else found.to(self._memory)

    def _cut(self, images: int, paired: int) -> Sequence[Any]:
        """The streams' requests, each writing where its part of the batch's first `paired` belongs."""
        self._streams = self._streams or self._make(STREAMS)
        if paired == self._bound and images <= self._room_for:
            return self._streams
        # Until all is bound anew nothing counts as bound: memory may run out in between.
        self._bound = 0
        if images > self._room_for:
            self._room = {
                output.any_name: torch.empty(
                    images,
                    *(size.get_length() for size in output.partial_shape[1:]),
                    dtype=DTYPES[output.element_type.get_type_name()],
                )
                for output in self._whole.model_outputs
            }
        share = paired // len(self._streams)
        for name, room in self._room.items():
            for request, part in zip(self._streams, room[:paired].split(share), strict=True):
                request.set_tensor(name, as_openvino(part))
        self._bound = paired
        return self._streams

    @property
    def _room_for(self) -> int:
        """Pictures whose keys and values have room; the whole of it, or none, is there."""
        return min((room.shape[0] for room in self._room.values()), default=0)


def _run(requests: Sequence[Any], parts: Sequence[Tensor]) -> None:
    """Beside each other. Returns, or raises the first error, when none of them runs any more."""
    errors: list[Exception] = []
    started = []
    for request, part in zip(requests, parts, strict=True):
        try:
            request.start_async({0: part.numpy()}, share_inputs=True)
            started.append(request)
        except Exception as error:  # raised again below
            errors.append(error)
    for request in started:
        try:
            request.wait()
        except Exception as error:  # raised again below
            errors.append(error)
    if errors:
        raise errors[0]
