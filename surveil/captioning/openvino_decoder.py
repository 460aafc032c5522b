"""What runs the two graphs of openvino_graphs.py: pictures seen, and sentences searched for over them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from surveil.captioning.beam_cache import BeamCache
from surveil.captioning.openvino_graphs import LOGITS, SAID
from surveil.captioning.search import Search

TYPES = {torch.float32: "f32", torch.bfloat16: "bf16"}
"""OpenVINO's names of the types that keys and values are kept in."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A batch of images as the graph `saying` looks at them."""

    memory: dict[str, Any]
    """`keys_i` and `values_i` of each text layer i as ov.Tensor; the next batch is written over them."""
    images: int


class OpenVinoVision:
    """Pixels in, what cross-attention reads out. One request, so one thread at a time."""

    def __init__(self, request: Any, *, memory: torch.dtype) -> None:
        """`request`: of a compiled `seeing`; `memory`: the type of what leaves here."""
        self._request = request
        self._names = [output.any_name for output in request.model_outputs]
        self._memory = memory
        self._converted: list[Tensor] = []

    def __call__(self, pixels: Tensor) -> Seen:
        """(images, 3, side_px, side_px), normalised."""
        self._request.infer({0: pixels.float().contiguous().numpy()}, share_inputs=True)
        found = {name: self._request.get_tensor(name) for name in self._names}
        if any(one.element_type.get_type_name() != TYPES[self._memory] for one in found.values()):
            self._converted = [as_torch(one).to(self._memory) for one in found.values()]
            found = dict(zip(found, map(as_openvino, self._converted), strict=True))
        return Seen(found, pixels.shape[0])


class OpenVinoDecoder(Search):
    """One request, so one thread at a time."""

    def __init__(self, config: Any, request: Any, *, memory: torch.dtype) -> None:
        """`config`: a BlipTextConfig; `request`: of a compiled `saying`, whose keys and values are of type `memory`."""
        super().__init__(config)
        self._request = request
        self._heads = config.num_attention_heads
        self._like = torch.empty(0, dtype=memory)
        self._bound: list[Any] = []
        self.on_the_cpu = nn.Parameter(torch.empty(0), requires_grad=False)  # asked by `generate`

    def new_cache(self, seen: Seen, *, positions: int) -> BeamCache:
        return BeamCache(
            layers=self.config.num_hidden_layers,
            images=seen.images,
            heads=self._heads,
            head_dim=self.config.hidden_size // self._heads,
            like=self._like,
            positions=positions,
        )

    def read(self, tokens: Tensor, positions: Tensor, *, cache: BeamCache, seen: Seen) -> Tensor:
        prompt = cache.empty
        if prompt:
            self._bind(cache, seen)
        step = {
            "tokens": tokens.int().contiguous(),
            "positions": positions.expand_as(tokens).int().contiguous(),
            "mask": cache.mask_of_all().float(),
        }
        self._request.infer(
            {name: tensor.numpy() for name, tensor in step.items()}, share_inputs=True
        )
        said = as_torch(self._request.get_tensor(SAID))
        cache.write(said.view(-1, 2, *said.shape[1:]))
        # A copy: `generate` keeps all steps' logits, and the request's own memory is written again by the next.
        logits = torch.from_numpy(np.array(self._request.get_tensor(LOGITS).data))
        return logits[:, -1:] if prompt else logits

    def _bind(self, cache: BeamCache, seen: Seen) -> None:
        """Memory that stays where it is for a whole search is handed over once."""
        for name, tensor in seen.memory.items():
            self._request.set_tensor(name, tensor)
        # The request reads this memory without holding it.
        self._bound = [cache.entries]
        for number, both in enumerate(cache.entries):
            for name, entries in zip(("past_keys", "past_values"), both, strict=True):
                self._request.set_tensor(f"{name}_{number}", as_openvino(entries))


def as_openvino(tensor: Tensor) -> Any:
    """The same memory as an ov.Tensor; `tensor` is contiguous, and must outlive it."""
    import openvino as ov

    bits = tensor.view(torch.int16) if tensor.dtype is torch.bfloat16 else tensor
    kind = getattr(ov.Type, TYPES[tensor.dtype])
    return ov.Tensor(bits.numpy(), ov.Shape(list(tensor.shape)), kind)


def as_torch(tensor: Any) -> Tensor:
    """The same memory as a torch tensor, valid until the request that owns it runs again."""
    found = torch.from_numpy(tensor.data)
    # numpy has no bfloat16; OpenVINO shows its bits as float16.
    return found.view(torch.bfloat16) if tensor.element_type.get_type_name() == "bf16" else found
