"""Keys and values of the sentences under way, laid out so that beams never have to be copied.

transformers re-orders the whole cache after every step of a beam search. Here a written entry stays where it is:
all beams of one image see all entries of that image, and a mask says which of them are a beam's own ancestors.
Re-ordering is then a gather over that small mask.

    entries of one image:  prompt (n, shared by all beams) | step 0: beam 0..b-1 | step 1: beam 0..b-1 | ...
"""

from __future__ import annotations

import torch
from torch import Tensor


class BeamCache:
    """Self-attention entries of `images` x `beams` sentences. Lives for one `generate`; one thread."""

    is_compileable = False  # asked by transformers' generate

    def __init__(
        self,
        *,
        layers: int,
        images: int,
        heads: int,
        head_dim: int,
        like: Tensor,
        positions: int,
        room: Tensor | None = None,
    ) -> None:
        """`positions`: longest sentence, prompt included. `like` gives type and device.

        `room`: the `entries` of a cache that is not needed any more, taken again where they have the right size.
        """
        self.images = images
        self.beams = 0
        self._shape = (layers, 2, images, heads, head_dim)
        self._like = like
        self._positions = positions
        self._filled = 0
        self._prompt = 0
        self._steps = 0
        self._alone = like
        self._entries: Tensor | None = None
        self._room = room
        self._mask: Tensor | None = None

    @property
    def empty(self) -> bool:
        """Until the prompt has been read."""
        return not self._filled

    def get_seq_length(self) -> int:
        """Tokens already seen by each sentence; the name is transformers'."""
        return self._prompt + self._steps

    @property
    def entries(self) -> Tensor:
        """(layers, 2, images, heads, capacity, head_dim): keys and values, zeros where nothing is written yet."""
        assert self._entries is not None
        return self._entries

    def begin(self, *, prompt: int, rows: int) -> None:
        """Make room, once `generate` has said how many sentences it searches."""
        layers, two, images, heads, head_dim = self._shape
        self.beams = rows // images
        self._alone = _each_itself(self.beams).to(self._like)
        self._prompt = prompt
        capacity = prompt + max(0, self._positions - prompt) * self.beams
        shape = (layers, two, images, heads, capacity, head_dim)
        if self._room is not None and self._room.shape == shape:
            self._entries = self._room.zero_()
        else:
            self._entries = self._like.new_zeros(shape)
        if self.beams > 1:
            self._mask = self._own_entries(capacity)

    def mask(self) -> Tensor | None:
        """To be added to the scores of the next queries over the entries that `append` returns for them.

        (1, 1, prompt, prompt) at first, then (images, 1, beams, entries); None lets everything through.
        """
        if self.empty:
            return None if self._prompt == 1 else self._causal()[None, None]
        if self._mask is None:
            return None
        return self._mask[:, None, :, : self._filled + self.beams]

    @property
    def queries(self) -> int:
        """Of the next call for whoever sees all room: the prompt's tokens, then one per beam.

        A prompt of one token is read once for each beam as well, so that all calls have the same sizes.
        """
        return self._prompt if self.empty and self._prompt > 1 else self.beams

    def mask_all(self, room: Tensor) -> None:
        """The same, written to `room`, for queries that see all room, filled or not, and themselves behind it.

        (images, 1, queries, capacity + queries).
        """
        past, own = room[:, 0].split([self.entries.shape[-2], self.queries], dim=2)
        if not self.empty and self._mask is not None:
            past.copy_(self._mask)
        else:
            past[:, :, : self._filled] = 0.0
        past[:, :, self._filled :] = -torch.inf
        own.copy_(self._causal() if self.empty and self._prompt > 1 else self._alone)

    def append(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Write (images, heads, queries, head_dim) behind what is there; returns all entries so far."""
        assert self._entries is not None
        end = self._filled + keys.shape[2]
        both = self._entries[layer]
        both[0, :, :, self._filled : end] = keys
        both[1, :, :, self._filled : end] = values
        return both[0, :, :, :end], both[1, :, :, :end]

    def write(self, said: Tensor) -> None:
        """All layers of one call at once, (layers, 2, images, heads, queries, head_dim), before `advance`."""
        self.entries[..., self._filled : self._filled + said.shape[-2], :] = said

    def advance(self, queries: int) -> None:
        """After the last layer of one call."""
        if self._filled:
            self._steps += 1
        self._filled += queries

    def reorder_cache(self, beam_idx: Tensor) -> None:
        """`beam_idx` (images * beams): the row that each row goes on from; the name is transformers'."""
        if self._mask is None:
            return
        parents = (beam_idx.view(self.images, self.beams) % self.beams).to(self._mask.device)
        seen = self._mask[:, :, : self._filled]
        chosen = parents[:, :, None].expand(-1, -1, self._filled)
        self._mask[:, :, : self._filled] = seen.gather(1, chosen)

    def _own_entries(self, capacity: int) -> Tensor:
        """(images, beams, capacity): the prompt is everyone's, of each later step a beam sees its own entry."""
        own = self._alone
        steps = (capacity - self._prompt) // self.beams
        mask = torch.cat([own.new_zeros(self.beams, self._prompt), own.repeat(1, steps)], dim=1)
        return mask.expand(self.images, -1, -1).contiguous()

    def _causal(self) -> Tensor:
        """(prompt, prompt): each token sees those before it."""
        blocked = torch.full((self._prompt, self._prompt), -torch.inf, dtype=self._like.dtype)
        return blocked.triu(1).to(self._like.device)


def _each_itself(beams: int) -> Tensor:
    """(beams, beams): of a step's entries each beam sees its own."""
    return torch.full((beams, beams), -torch.inf).fill_diagonal_(0.0)
