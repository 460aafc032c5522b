"""Time, as two clocks that are never mixed.

Durations, due times, cooldowns and deadlines use `monotonic_ns`; payloads and file names use `unix_ms`. A box without
a clock battery starts in 1970 and jumps when NTP arrives, so nothing may subtract two wall-clock times.

And how long to wait before trying again, for all who do: `Backoff`.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import Protocol

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000


def ns(seconds: float) -> int:
    """Seconds as whole nanoseconds."""
    return round(seconds * NS_PER_S)


class Clock(Protocol):
    """What every room takes instead of calling `time`."""

    def monotonic_ns(self) -> int:
        """Nanoseconds that only ever grow; the zero is arbitrary."""
        ...

    def unix_ms(self) -> int:
        """Milliseconds since 1970-01-01T00:00Z as the machine believes it; may jump."""
        ...


class SystemClock:
    """The machine's clocks. Any thread."""

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()

    def unix_ms(self) -> int:
        return time.time_ns() // NS_PER_MS


class WallTime:
    """Turns monotonic times into unix times through one shared offset, so that order is kept.

    The offset is taken again by `refresh()`, which main calls every 10 s. Any thread.
    """

    STEP_MS = 1_000

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._offset_ms = self._measure()

    def unix_ms_at(self, mono_ns: int) -> int:
        """The unix time of a moment given on the monotonic clock."""
        with self._lock:
            return mono_ns // NS_PER_MS + self._offset_ms

    def refresh(self) -> int | None:
        """Take the offset again; returns the step in milliseconds when the wall clock jumped, else None."""
        offset_ms = self._measure()
        with self._lock:
            step_ms = offset_ms - self._offset_ms
            self._offset_ms = offset_ms
        return step_ms if abs(step_ms) > self.STEP_MS else None

    def _measure(self) -> int:
        return self._clock.unix_ms() - self._clock.monotonic_ns() // NS_PER_MS


def local_time(unix_ms: int, tz: tzinfo | None = None) -> datetime:
    """In `tz`, or in the machine's own zone when that is None."""
    return datetime.fromtimestamp(unix_ms / 1000, UTC).astimezone(tz)


def rfc3339(unix_ms: int, tz: tzinfo | None = None) -> str:
    """With milliseconds and offset: 2026-11-22T13:04:05.123+08:00."""
    return local_time(unix_ms, tz).isoformat(timespec="milliseconds")


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
