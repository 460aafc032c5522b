"""The batch that pays is found by trying, and memory ends the search quietly."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from surveil.captioning.blip.batch_size import best_batch
from surveil.errors import OutOfMemoryError


def tried(cost_s: Callable[[int], float]) -> tuple[int, list[int]]:
    """(best, sizes that were run) for an engine that takes `cost_s(size)`."""
    now_s = [0.0]
    sizes: list[int] = []

    def run(size: int) -> None:
        sizes.append(size)
        now_s[0] += cost_s(size)

    return best_batch(run, now_s=lambda: now_s[0]), sizes


def test_it_grows_while_it_pays() -> None:
    """100 ms a batch and 50 ms a picture: 16 to 32 still gains 6 %, 32 to 64 only 3."""
    best, _ = tried(lambda size: 0.1 + 0.05 * size)
    assert best == 32


def test_a_box_that_gains_nothing_takes_one_at_a_time() -> None:
    best, sizes = tried(lambda size: 0.5 * size)
    assert best == 1
    assert max(sizes) == 2


def test_a_slow_box_does_not_try_batches_of_minutes() -> None:
    best, sizes = tried(lambda size: 3.0 + 0.01 * size)
    assert (best, max(sizes)) == (1, 1)


@pytest.mark.parametrize("room", [1, 3, 8])
def test_memory_ends_the_search(room: int) -> None:
    def cost_s(size: int) -> float:
        if size > room:
            raise OutOfMemoryError("full")
        return 0.1

    best, _ = tried(cost_s)
    assert best <= room < 2 * best
