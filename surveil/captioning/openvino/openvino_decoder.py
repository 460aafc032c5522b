"""What runs the text decoder's graph: the sentences searched for over pictures that were encoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import GenerationConfig

from surveil.captioning.blip.token_search import BeamCache, TokenSearch
from surveil.captioning.openvino.openvino_encoder import OpenVinoEncoderOutput
from surveil.captioning.openvino.openvino_graphs import LOGITS, NEW_ENTRIES
from surveil.captioning.openvino.openvino_tensors import as_openvino, as_torch


@dataclass(frozen=True, slots=True)
class Sizes:
    """What the decoder's graph is compiled for, where that is not all sizes."""

    images: int
    queries: int
    capacity: int
    """Of the KV cache; see BeamCache."""
    patches: int
    """Of a picture, with the class token."""


class OpenVinoDecoder(TokenSearch):
    """One thread at a time.

    The graph compiled for all sizes asks at every node of every step whether they have changed. `fixed`: single
    pictures without a prompt have one compiled for them alone, which takes 0.85 of the time, and the weights' memory
    once more. Either is compiled when it is first needed; another search's sizes are others, and compiled for again.
    """

    def __init__(
        self,
        config: Any,
        make: Callable[[Sizes | None], Any],
        *,
        memory: torch.dtype,
        packed: Callable[[], None],
        fixed: bool = False,
    ) -> None:
        """`config`: a BlipTextConfig. `make`: compiles the graph, whose keys and values are of type `memory`, for all
        sizes or for these, and gives a request of it; asked when first needed.

        `packed`: called after a first inference, when OpenVINO has laid out the weights anew.
        """
        super().__init__(config)
        self._make = make
        self._packed = packed
        self._may_fix = fixed
        self._heads = config.num_attention_heads
        self._like = torch.empty(0, dtype=memory)
        self.on_the_cpu = nn.Parameter(torch.empty(0), requires_grad=False)  # asked by `generate`
        self.release_batch_memory()

    def release_batch_memory(self) -> None:
        """Give back what larger batches took, and what a failed one left."""
        self._graphs: dict[Sizes | None, _Graph] = {}
        self._sizes: Sizes | None = None
        self._rooms: dict[bool, Tensor] = {}
        if not self._may_fix:
            self._graph_for(None)

    def new_cache(self, encoder_output: OpenVinoEncoderOutput, *, positions: int) -> BeamCache:
        return BeamCache(
            layers=self.config.num_hidden_layers,
            images=encoder_output.images,
            heads=self._heads,
            head_dim=self.config.hidden_size // self._heads,
            like=self._like,
            positions=positions,
            room=self._rooms.get(encoder_output.images > 1),
        )

    def search(
        self, start: Tensor, *, encoder_output: OpenVinoEncoderOutput, how: GenerationConfig
    ) -> Any:
        # Memory is taken again by later searches, which torch allows inside this mode only if it was made there.
        with _one_torch_thread(), torch.inference_mode():
            return super().search(start, encoder_output=encoder_output, how=how)

    def next_logits(
        self,
        tokens: Tensor,
        positions: Tensor,
        *,
        cache: BeamCache,
        encoder_output: OpenVinoEncoderOutput,
    ) -> Tensor:
        prompt = cache.empty
        queries = tokens.shape[1]
        if prompt:
            self._sizes = self._sizes_of(cache, encoder_output, prompt_tokens=queries)
            self._graph_for(self._sizes).bind(encoder_output, cache)
            self._rooms[cache.images > 1] = cache.entries
        graph = self._graphs[self._sizes]
        step = graph.step(cache)
        step["tokens"].copy_(tokens)
        step["positions"].copy_(positions)
        cache.mask_all(step["mask"])
        entries, logits = graph.run()
        cache.write(entries.view(-1, 2, *entries.shape[1:])[..., :queries, :])
        return logits[:, -1:] if prompt else logits

    def _sizes_of(
        self, cache: BeamCache, encoder_output: OpenVinoEncoderOutput, *, prompt_tokens: int
    ) -> Sizes | None:
        """Of all steps of this search; None for the graph that takes all."""
        if not self._may_fix or cache.images > 1 or prompt_tokens > 1:
            return None
        patches = encoder_output.memory["keys_0"].shape[2]
        return Sizes(cache.images, cache.beams, cache.entries.shape[-2], patches)

    def _graph_for(self, sizes: Sizes | None) -> _Graph:
        """Of those for some sizes only the last is kept."""
        if sizes not in self._graphs:
            if sizes is not None:  # gone before the next is made
                self._graphs = {size: one for size, one in self._graphs.items() if size is None}
            self._graphs[sizes] = _Graph(self._make(sizes), self._packed)
        return self._graphs[sizes]


class _Graph:
    """A compiled text decoder and the memory that it reads."""

    def __init__(self, request: Any, packed: Callable[[], None]) -> None:
        self._request = request
        self._packed: Callable[[], None] | None = packed
        self._read: dict[str, Tensor] = {}  # a request reads memory without holding it

    def bind(self, encoder_output: OpenVinoEncoderOutput, cache: BeamCache) -> None:
        """What stays where it is for a whole search."""
        for name, tensor in encoder_output.memory.items():
            self._hand_over(name, tensor)
        for number, (keys, values) in enumerate(cache.entries):
            self._hand_over(f"past_keys_{number}", keys)
            self._hand_over(f"past_values_{number}", values)

    def step(self, cache: BeamCache) -> dict[str, Tensor]:
        """What is written anew for each step: tokens and positions (images, queries), and the mask."""
        token_shape = (cache.images, cache.queries)
        mask = (cache.images, 1, cache.queries, cache.entries.shape[-2] + cache.queries)
        if "mask" not in self._read or self._read["mask"].shape != mask:
            self._read.pop("mask", None)  # until all three are handed over none counts as such
            self._hand_over("tokens", torch.empty(token_shape, dtype=torch.int32))
            self._hand_over("positions", torch.empty(token_shape, dtype=torch.int32))
            self._hand_over("mask", torch.empty(mask))
        return self._read

    def run(self) -> tuple[Tensor, Tensor]:
        """NEW_ENTRIES and LOGITS, in the request's own memory, which the next step writes again.

        That is early enough: `generate` copies the logits that it keeps.
        """
        self._request.infer(share_outputs=True)
        if self._packed is not None:
            packed, self._packed = self._packed, None
            packed()
        return as_torch(self._request.get_tensor(NEW_ENTRIES)), as_torch(
            self._request.get_tensor(LOGITS)
        )

    def _hand_over(self, name: str, tensor: Tensor) -> None:
        was = self._read.get(name)
        if was is None or was.data_ptr() != tensor.data_ptr() or was.shape != tensor.shape:
            self._request.set_tensor(name, as_openvino(tensor))
            self._read[name] = tensor


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
