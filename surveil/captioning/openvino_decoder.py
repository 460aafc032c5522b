"""What runs the graph `saying`: the sentences searched for over pictures that were seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import GenerationConfig

from surveil.captioning.beam_cache import BeamCache
from surveil.captioning.openvino_graphs import LOGITS, SAID
from surveil.captioning.openvino_tensors import as_openvino, as_torch
from surveil.captioning.openvino_vision import Seen
from surveil.captioning.search import Search


class OpenVinoDecoder(Search):
    """One request, so one thread at a time."""

    def __init__(
        self,
        config: Any,
        make: Callable[[], Any],
        *,
        memory: torch.dtype,
        packed: Callable[[], None],
    ) -> None:
        """`config`: a BlipTextConfig. `make`: compiles `saying`, whose keys and values are of type `memory`, and gives
        a request of it.

        `packed`: called after the first inference, when OpenVINO has laid out the weights anew.
        """
        super().__init__(config)
        self._make = make
        self._when_packed = packed
        self._heads = config.num_attention_heads
        self._like = torch.empty(0, dtype=memory)
        self.on_the_cpu = nn.Parameter(torch.empty(0), requires_grad=False)  # asked by `generate`
        self.renew()

    def renew(self) -> None:
        """Give back what larger batches took, and what a failed one left."""
        self._request = self._make()
        self._packed: Callable[[], None] | None = self._when_packed
        self._bound: dict[str, Tensor] = {}

    def new_cache(self, seen: Seen, *, positions: int) -> BeamCache:
        return BeamCache(
            layers=self.config.num_hidden_layers,
            images=seen.images,
            heads=self._heads,
            head_dim=self.config.hidden_size // self._heads,
            like=self._like,
            positions=positions,
        )

    def search(self, start: Tensor, *, seen: Seen, how: GenerationConfig) -> Any:
        with _one_torch_thread():
            return super().search(start, seen=seen, how=how)

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
        if self._packed is not None:
            packed, self._packed = self._packed, None
            packed()
        said = as_torch(self._request.get_tensor(SAID))
        cache.write(said.view(-1, 2, *said.shape[1:]))
        # A copy: `generate` keeps all steps' logits, and the request's own memory is written again by the next.
        logits = torch.from_numpy(np.array(self._request.get_tensor(LOGITS).data))
        return logits[:, -1:] if prompt else logits

    def _bind(self, cache: BeamCache, seen: Seen) -> None:
        """Memory that stays where it is for a whole search is handed over once."""
        given = dict(seen.memory)
        for number, (keys, values) in enumerate(cache.entries):
            given |= {f"past_keys_{number}": keys, f"past_values_{number}": values}
        for name, tensor in given.items():
            self._request.set_tensor(name, as_openvino(tensor))
        self._bound = given  # the request reads this memory without holding it


@contextmanager
def _one_torch_thread() -> Iterator[None]:
    """For this thread. torch's others spin for a while after each operation, on cores that OpenVINO is to use next:
    0.95 of a picture's time at batch 1 on two cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
