"""How sure the model was of a sentence: exp(mean log-probability) of the tokens that it chose."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def confidences(
    logits: Sequence[Tensor], tokens: Tensor, beam_indices: Tensor | None, *, eos_token_id: int
) -> list[float]:
    """One value in 0..1 per row of `tokens`.

    `logits`: one (rows * beams, vocabulary) float32 tensor per step, raw, before penalties and temperature.
    `tokens`: (rows, steps) int64, generated ones only: prompt excluded, end token included, padding after it.
    `beam_indices`: (rows, steps) from a beam search: the row of that step's logits a token came from,
    -1 after the end.
    """
    if beam_indices is None:
        rows = torch.arange(tokens.shape[0], device=tokens.device)
        sources = rows[:, None].expand(tokens.shape)
        counted = _through_end(tokens, eos_token_id)
    else:
        sources = beam_indices.long().clamp(min=0)
        counted = beam_indices >= 0
    chosen = torch.stack(
        [step[sources[:, at]] for at, step in enumerate(logits[: tokens.shape[1]])]
    )
    log_probs = chosen.log_softmax(dim=-1).gather(2, tokens.T[:, :, None])[:, :, 0].T
    counted = counted.to(log_probs.dtype)
    mean = (log_probs * counted).sum(1) / counted.sum(1).clamp(min=1)
    return [float(value) for value in mean.exp().clamp(0, 1)]


def _through_end(tokens: Tensor, eos_token_id: int) -> Tensor:
    """True for every token up to and including the first end token."""
    ended_before = (tokens == eos_token_id).cumsum(1) - (tokens == eos_token_id).long()
    return ended_before == 0
