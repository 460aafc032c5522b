"""Time, as two clocks that are never mixed.

Durations, due times, cooldowns and deadlines use `monotonic_ns`; payloads and file names use `unix_ms`. A box without
a clock battery starts in 1970 and jumps when NTP arrives, so nothing may subtract two wall-clock times.
"""

from __future__ import annotations

import threading
import time
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
