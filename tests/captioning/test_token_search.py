"""What `generate` does at each step, done by us: the same result as torch's and transformers' own."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import (
    GenerationConfig,
    LogitsProcessorList,
    MinLengthLogitsProcessor,
    MinNewTokensLengthLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
)

from surveil.captioning.blip import token_search as quick_steps
from surveil.captioning.blip.token_search import Processors, TopkTensor, fast_topk
from tests.captioning.blips import geometry, random_blip
from tests.captioning.pairs import torch_pair


def distinct(rows: int, n: int, seed: int = 0) -> torch.Tensor:
    """(rows, n) scores of which no two of a row are equal."""
    torch.manual_seed(seed)
    return torch.stack([torch.randperm(n) for _ in range(rows)]).float() / n


@pytest.mark.parametrize("n", [4096, 4097, 30524, 91572, 91585])
@pytest.mark.parametrize(("rows", "k"), [(1, 1), (1, 6), (4, 6), (8, 10)])
def test_the_same_values_and_places_as_torch(rows: int, n: int, k: int) -> None:
    scores = distinct(rows, n, seed=n + k)
    wanted, found = torch.topk(scores, k=k), fast_topk(scores, k)
    assert torch.equal(wanted.values, found[0])
    assert torch.equal(wanted.indices, found[1])


@pytest.mark.parametrize("place", ["one column", "the rest", "one run"])
def test_wherever_the_best_are(place: str) -> None:
    n, k = 91572, 6
    columns = n // 64
    where = {
        "one column": torch.arange(k) * columns + 17,
        "the rest": torch.arange(n - k, n),
        "one run": torch.arange(k) + 5 * columns,
    }[place]
    scores = distinct(2, n)
    scores[:, where] = 2.0 + torch.arange(k) / k
    assert fast_topk(scores, k)[1].tolist() == [where.flip(0).tolist()] * 2


def test_few_that_are_possible() -> None:
    """Bans may leave less than are asked for: the rest is -inf, as from torch."""
    scores = torch.full((1, 91572), -torch.inf)
    scores[0, [5, 70000]] = torch.tensor([-3.0, -1.0])
    values, places = fast_topk(scores, 6)
    assert values[0].tolist() == [-1.0, -3.0, *[-torch.inf] * 4]
    assert places[0, :2].tolist() == [70000, 5]
    assert len(set(places[0].tolist())) == 6


@pytest.mark.parametrize(("n", "k"), [(100, 6), (4095, 3), (6400, 60), (5, 5)])
def test_small_vocabularies_and_many_beams_are_left_to_torch(n: int, k: int) -> None:
    scores = distinct(3, n)
    assert torch.equal(fast_topk(scores, k)[1], torch.topk(scores, k=k).indices)


def test_only_its_topk_is_another() -> None:
    scores = distinct(1, 30524).as_subclass(TopkTensor)
    assert type(scores + 1) is torch.Tensor
    assert type(torch.softmax(input=scores, dim=-1)) is torch.Tensor
    assert (torch.cat([scores, scores]).shape, torch.stack((scores,)).ndim) == ((2, 30524), 3)
    assert torch.equal(
        torch.topk(scores, k=3)[1], torch.topk(scores.as_subclass(torch.Tensor), 3)[1]
    )


def test_one_waits_for_the_least_length_in_the_place_of_two() -> None:
    ends = torch.tensor([7, 9])
    penalty = RepetitionPenaltyLogitsProcessor(1.3)
    theirs = [
        penalty,
        MinLengthLogitsProcessor(5, ends),
        MinNewTokensLengthLogitsProcessor(2, 6, ends),
        RepetitionPenaltyLogitsProcessor(1.1),
    ]
    ours = Processors(theirs)
    assert [type(one).__name__ for one in ours] == [
        "RepetitionPenaltyLogitsProcessor",
        "EndTokenBlocker",
        "RepetitionPenaltyLogitsProcessor",
    ]
    torch.manual_seed(0)
    for length in range(1, 12):
        tokens: Any = torch.randint(0, 30, (3, length))
        scores: Any = torch.randn(3, 30)
        before = scores.clone()
        wanted: Any = LogitsProcessorList(theirs)(tokens, scores)
        found: Any = ours(tokens, scores)
        assert torch.equal(wanted, found), f"after {length} tokens"
        assert torch.equal(scores, before), "raw scores are kept by `generate`"
        assert bool(torch.isinf(found[:, ends]).all()) is (length < 8)


@pytest.mark.parametrize("ends", [[102], [-1], [30, 5]])
def test_an_end_that_is_no_word_is_not_banned(ends: list[int]) -> None:
    theirs = MinLengthLogitsProcessor(5, torch.tensor(ends))
    torch.manual_seed(0)
    tokens: Any = torch.randint(0, 30, (2, 3))
    scores: Any = torch.randn(2, 30)
    assert torch.equal(theirs(tokens, scores), Processors([theirs])(tokens, scores))


def test_generate_calls_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else they would be fast and of no use: transformers may rename what is overridden."""
    tops: list[int] = []
    real = quick_steps.fast_topk

    def counted(scores: torch.Tensor, k: int) -> Any:
        tops.append(k)
        return real(scores, k)

    monkeypatch.setattr(quick_steps, "fast_topk", counted)
    for theirs in (MinLengthLogitsProcessor, MinNewTokensLengthLogitsProcessor):
        monkeypatch.setattr(theirs, "__call__", lambda *_: pytest.fail("transformers' own"))
    model = random_blip(geometry("base", vision_layers=1, text_layers=1))
    pair = torch_pair(model, bos=30522, eos=102)
    how = GenerationConfig(
        num_beams=3,
        max_new_tokens=4,
        min_new_tokens=4,
        bos_token_id=30522,
        eos_token_id=102,
        pad_token_id=0,
    )
    with torch.inference_mode():
        said = pair.decoder.search(torch.tensor([[30522]]), encoder_output=pair.encode(1), how=how)
    assert (said.shape, tops) == ((1, 5), [6] * 4)
