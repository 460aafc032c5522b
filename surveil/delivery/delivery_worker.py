"""The thread of a destination that takes one alert at a time: webhook, speech. None can slow another."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Mapping, Sequence

from surveil.clock import NS_PER_S, Backoff, Clock, ns
from surveil.delivery.delivery_queue import DeliveryQueue
from surveil.errors import DeliveryError, SurveilError
from surveil.records import Gap, Outgoing, Problem
from surveil.worker import Worker, WorkerFailed

logger = logging.getLogger(__name__)

RETRY_MIN_S = 1.0
RETRY_MAX_S = 300.0
IDLE_S = 1.0


class TryLater(SurveilError):
    """The destination cannot take it now; `after_s` is what it asked for, if it did."""

    def __init__(self, text: str, *, after_s: float | None = None) -> None:
        super().__init__(text)
        self.after_s = after_s


class DeliveryWorker(Worker):
    """Subclasses say how; the deliveries table, order, and retrying are the same for all."""

    def __init__(
        self,
        queue: DeliveryQueue,
        destination: str,
        *,
        clock: Clock,
        on_failure: WorkerFailed | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`chance`: as Backoff takes it."""
        super().__init__(f"delivery-{destination}", clock=clock, on_failure=on_failure)
        self.destination = destination
        self._queue = queue
        self._backoff = Backoff(
            first_s=RETRY_MIN_S, longest_s=RETRY_MAX_S, jitter=0.5, chance=chance
        )
        self._problem: Problem | None = None
        self._delivered_total = 0
        self._refused_total = 0
        self._failures_total = 0
        self._queue_changed = threading.Event()
        self._not_before_mono_ns = clock.monotonic_ns()
        queue.listen(self._queue_changed.set)

    def deliver(self, outgoing: Outgoing) -> None:
        """Hand it over. Raises TryLater, or DeliveryError when the destination will never take this one."""
        raise NotImplementedError

    def deliver_gap(self, gap: Gap) -> None:
        """Tell of a loss; by default nobody wants to know. Raises as `deliver`."""

    def problems(self) -> Sequence[Problem]:
        """Why the last attempt failed. Any thread."""
        return () if self._problem is None else (self._problem,)

    def counters(self) -> Mapping[str, float]:
        return {
            "delivered_total": self._delivered_total,
            "refused_total": self._refused_total,
            "failures_total": self._failures_total,
        }

    def stop(self) -> None:
        super().stop()
        self._queue_changed.set()

    def step(self) -> None:
        """Deliver what waits, one at a time; waits at most a second for news."""
        left_ns = self._not_before_mono_ns - self._clock.monotonic_ns()
        if left_ns > 0:
            self.wait(min(IDLE_S, left_ns / NS_PER_S))
        elif not self._deliver_waiting():
            self._queue_changed.wait(IDLE_S)
            self._queue_changed.clear()

    def _deliver_waiting(self) -> bool:
        """True when something was done."""
        gaps = self._queue.gaps(self.destination, limit=1)
        waiting = self._queue.waiting(self.destination, limit=1)
        try:
            for gap in gaps:
                self._deliver_next_gap(gap)
            for outgoing in waiting:
                self._deliver_next(outgoing)
        except TryLater as later:
            self._try_later(later)
            return True
        if gaps or waiting:
            self._backoff.reset()
            self._problem = None
        return bool(gaps or waiting)

    def _deliver_next_gap(self, gap: Gap) -> None:
        try:
            self.deliver_gap(gap)
        except DeliveryError as error:
            # It refuses alerts and will not hear of it: the log is all there is left.
            logger.warning("%s: gap of %s: %s", self.destination, gap.camera_id, error)
        self._queue.told(gap)

    def _deliver_next(self, outgoing: Outgoing) -> None:
        try:
            self.deliver(outgoing)
        except DeliveryError as error:
            logger.warning("%s: alert %s: %s", self.destination, outgoing.alert.alert_id, error)
            self._refused_total += 1
            self._queue.park(self.destination, outgoing.receipt, str(error))
        else:
            self._delivered_total += 1
            self._queue.acknowledged(self.destination, [outgoing.receipt])

    def _try_later(self, later: TryLater) -> None:
        self._failures_total += 1
        if self._problem is None:
            logger.warning("%s: %s", self.destination, later)
        since_ms = self._problem.since_unix_ms if self._problem else self._clock.unix_ms()
        self._problem = Problem(
            "delivery_failing", str(later), since_ms, remedy="mend what it names; alerts wait"
        )
        delay_s = self._backoff.next_s(at_least_s=later.after_s or 0.0)
        self._not_before_mono_ns = self._clock.monotonic_ns() + ns(delay_s)
