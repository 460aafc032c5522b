"""WATCHDOG=1 is sent only while every watched thread moves; one that hangs starves it, and systemd acts."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from surveil.clock import Clock, ns
from surveil.service.sd_notify import Notifier

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Watched:
    age_s: Callable[[], float]
    allowance_s: Callable[[], float]
    stack: Callable[[], str] | None

    def late(self) -> bool:
        return self.age_s() > self.allowance_s()


class Watchdog:
    """Main thread only. Main itself is watched by being the one who calls `step`."""

    def __init__(self, notifier: Notifier, clock: Clock) -> None:
        self._notifier = notifier
        self._clock = clock
        self._watched: dict[str, _Watched] = {}
        self._late: list[str] = []
        self._next_ns = clock.monotonic_ns()

    def watch(
        self,
        name: str,
        age_s: Callable[[], float],
        allowance_s: Callable[[], float],
        *,
        stack: Callable[[], str] | None = None,
    ) -> None:
        """Expect `age_s()` (seconds since the last beat) to stay within `allowance_s()`; both are asked at each step.

        `stack`, a Worker's own, is logged once when the thread becomes late: it is the only trace of where it hung.
        """
        self._watched[name] = _Watched(age_s, allowance_s, stack)

    def step(self) -> list[str]:
        """Names of the threads that are late; tells systemd, as often as it asked for, when there are none."""
        late = [name for name, watched in self._watched.items() if watched.late()]
        self._log_change(late)
        now_ns = self._clock.monotonic_ns()
        interval_s = self._notifier.watchdog_interval_s
        if not late and interval_s is not None and now_ns >= self._next_ns:
            self._notifier.watchdog()
            self._next_ns = now_ns + ns(interval_s)
        return late

    def _log_change(self, late: list[str]) -> None:
        for name in late:
            if name not in self._late:
                self._log_late(name, self._watched[name])
        for name in self._late:
            if name not in late:
                logger.warning("thread %s moves again", name)
        self._late = late

    def _log_late(self, name: str, watched: _Watched) -> None:
        logger.error(
            "thread %s has not moved for %.0f s, %.0f s are allowed; it stands at: %s",
            name,
            watched.age_s(),
            watched.allowance_s(),
            watched.stack() if watched.stack else "(unknown)",
        )
