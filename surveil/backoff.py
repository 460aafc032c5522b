"""How long to wait before trying again: a camera, a broker, a webhook, a remote captioner.

Pure but for chance, which is passed in. Not thread-safe: one instance belongs to one thread.
"""

from __future__ import annotations

import random
from collections.abc import Callable


class Backoff:
    """`first_s`, then `factor` times as long after each failure, up to `longest_s`, for ever.

    Each wait is shortened by chance by up to `jitter` of itself, so that sixty-four cameras behind one switch, or a
    hundred nodes of one broker, do not return at one moment.
    """

    def __init__(
        self,
        *,
        first_s: float = 1.0,
        longest_s: float = 30.0,
        factor: float = 2.0,
        jitter: float = 0.3,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`jitter`: 0 to 1. `chance` gives numbers from 0 (nothing off) to 1 (all of `jitter` off)."""
        self.failures = 0
        """Waits that were asked for since the last success."""
        self._first_s, self._longest_s, self._factor = first_s, longest_s, factor
        self._jitter, self._chance = jitter, chance
        self._next_s = min(first_s, longest_s)

    def next_s(self, *, at_least_s: float = 0.0, longest: bool = False) -> float:
        """Seconds to wait now; the next time it is `factor` times as long.

        `at_least_s`: what the other side asked for (Retry-After), obeyed up to `longest_s`. `longest`: as long as it
        ever gets, this time only.
        """
        full_s = self._longest_s if longest else self._next_s
        self._next_s = min(self._longest_s, self._next_s * self._factor)
        self.failures += 1
        wait_s = full_s * (1.0 - self._jitter * self._chance())
        return max(wait_s, min(at_least_s, self._longest_s))

    def reset(self) -> None:
        """It worked: the next failure is a first one."""
        self.failures = 0
        self._next_s = min(self._first_s, self._longest_s)
