"""Waiting longer and longer, but never very long, and never all at one moment."""

from __future__ import annotations

import random

from surveil.backoff import Backoff


def test_waits_double_up_to_the_longest_and_start_again_after_a_success() -> None:
    backoff = Backoff(chance=random.Random(1))
    for full_s in (1, 2, 4, 8, 16, 30, 30, 30):
        assert 0.7 * full_s <= backoff.next_s() <= full_s
    backoff.reset()
    assert backoff.next_s() <= 1


def test_cameras_that_failed_together_do_not_return_together() -> None:
    waits = {Backoff(chance=random.Random(seed)).next_s() for seed in range(64)}
    assert len(waits) == 64
