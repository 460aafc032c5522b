"""Waiting longer and longer, but never very long, and never all at one moment."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from surveil.clock import Backoff


def test_waits_double_up_to_the_longest_and_start_again_after_a_success() -> None:
    backoff = Backoff(chance=random.Random(1).random)
    for full_s in (1, 2, 4, 8, 16, 30, 30, 30):
        assert 0.7 * full_s <= backoff.next_s() <= full_s
    assert backoff.failures == 8
    backoff.reset()
    assert backoff.failures == 0
    assert backoff.next_s() <= 1


def test_cameras_that_failed_together_do_not_return_together() -> None:
    waits = {Backoff(chance=random.Random(seed).random).next_s() for seed in range(64)}
    assert len(waits) == 64


def test_what_the_other_side_asks_for_is_obeyed_up_to_the_longest() -> None:
    backoff = Backoff(first_s=1, longest_s=60, chance=lambda: 0.0)
    assert backoff.next_s(at_least_s=30) == 30
    assert backoff.next_s(at_least_s=0.5) == 2
    assert backoff.next_s(at_least_s=86_400) == 60


def test_stepping_back_at_once_does_not_lengthen_what_follows() -> None:
    backoff = Backoff(first_s=1, longest_s=60, chance=lambda: 0.0)
    assert backoff.next_s(longest=True) == 60
    assert backoff.next_s() == 2


@given(
    first_s=st.floats(0.001, 10),
    longest_s=st.floats(0.001, 600),
    jitter=st.floats(0, 1),
    chances=st.lists(st.floats(0, 1), min_size=1, max_size=2_000),
)
def test_no_wait_leaves_its_bounds_however_often_it_fails(
    first_s: float, longest_s: float, jitter: float, chances: list[float]
) -> None:
    draws = iter(chances)
    backoff = Backoff(
        first_s=first_s, longest_s=longest_s, jitter=jitter, chance=lambda: next(draws)
    )
    least_s = min(first_s, longest_s) * (1 - jitter)
    assert all(least_s * 0.999 <= backoff.next_s() <= longest_s for _ in chances)
