"""How long to wait before trying a camera again."""

from __future__ import annotations

import random

FIRST_S = 1.0
LONGEST_S = 60.0
FACTOR = 2.0
JITTER = 0.3
"""Part of the wait that is left to chance, so that sixty-four cameras behind one switch do not return at one moment."""


class Backoff:
    """1, 2, 4 ... 60 s, each shortened by chance by up to 30 %, for ever."""

    def __init__(self, chance: random.Random | None = None) -> None:
        self._chance = chance or random.Random()
        self._next_s = FIRST_S

    def next_s(self) -> float:
        wait_s = self._next_s * (1.0 - JITTER * self._chance.random())
        self._next_s = min(LONGEST_S, self._next_s * FACTOR)
        return wait_s

    def reset(self) -> None:
        """The camera works: the next failure is a first one."""
        self._next_s = FIRST_S
