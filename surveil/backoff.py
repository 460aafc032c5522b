"""How long to wait before trying a camera again. Pure but for chance, which is passed in."""

from __future__ import annotations

import random

FACTOR = 2.0
JITTER = 0.3
"""Part of the wait that is left to chance, so that sixty-four cameras behind one switch do not return at one moment."""


class Backoff:
    """1, 2, 4 ... 30 s, each shortened by chance by up to 30 %, for ever."""

    def __init__(
        self,
        *,
        first_s: float = 1.0,
        longest_s: float = 30.0,
        chance: random.Random | None = None,
    ) -> None:
        self._first_s, self._longest_s = first_s, longest_s
        self._chance = chance or random.Random()
        self._next_s = first_s

    def next_s(self) -> float:
        """Seconds to wait now; twice as many the next time."""
        wait_s = self._next_s * (1.0 - JITTER * self._chance.random())
        self._next_s = min(self._longest_s, self._next_s * FACTOR)
        return wait_s

    def reset(self) -> None:
        """The camera works: the next failure is a first one."""
        self._next_s = self._first_s
