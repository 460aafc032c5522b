"""Alerts that a destination refuses for good: kept, not tried again, and told to whoever looks after the node."""

from __future__ import annotations

from surveil.clock import Clock, ns
from surveil.delivery.delivery_queue import DeliveryQueue
from surveil.records import Problem

RECHECK_NS = ns(5.0)


class ParkedAlerts:
    """How many there are of one destination. `check` in the destination's thread, `problem` from any."""

    def __init__(
        self, queue: DeliveryQueue, destination: str, clock: Clock, *, component: str, remedy: str
    ) -> None:
        self.problem: Problem | None = None
        self._queue = queue
        self._destination = destination
        self._clock = clock
        self._component = component
        self._remedy = remedy
        self._next_mono_ns = clock.monotonic_ns()

    def try_again(self) -> None:
        """All of them wait once more: at a start, whoever refused them may have been mended."""
        self._queue.retry_parked(self._destination)

    def check(self) -> None:
        """Count, at most every 5 s: `replay` puts some back, and retention takes some away."""
        now_ns = self._clock.monotonic_ns()
        if now_ns < self._next_mono_ns:
            return
        self._next_mono_ns = now_ns + RECHECK_NS
        parked = self._queue.parked(self._destination)
        if parked is None:
            return
        total, reason = parked
        if not total:
            self.problem = None
            return
        since_ms = self.problem.since_unix_ms if self.problem else self._clock.unix_ms()
        text = f"{total} alerts or clips were refused and are not tried again; the last: {reason}"
        self.problem = Problem(
            "alerts_parked", text, since_ms, component=self._component, remedy=self._remedy
        )

    def recheck(self) -> None:
        """One was refused just now."""
        self._next_mono_ns = self._clock.monotonic_ns()
