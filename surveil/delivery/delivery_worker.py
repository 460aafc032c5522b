"""The thread of a destination that takes one alert at a time: webhook, speech. None can slow another."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable

from surveil.alerts.alert_store import AlertStore
from surveil.clock import NS_PER_S, Clock, ns
from surveil.errors import DeliveryError, SurveilError
from surveil.records import Gap, Outgoing
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
        store: AlertStore,
        destination: str,
        *,
        clock: Clock,
        on_failure: WorkerFailed | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        super().__init__(f"delivery-{destination}", clock=clock, on_failure=on_failure)
        self.destination = destination
        self.problem: str | None = None
        """Why the last attempt failed, fit for a person; None when it did not."""
        self._store = store
        self._jitter = jitter
        self._news = threading.Event()
        self._attempts = 0
        self._not_before_mono_ns = clock.monotonic_ns()
        store.listen(self._news.set)

    def deliver(self, outgoing: Outgoing) -> None:
        """Hand it over. Raises TryLater, or DeliveryError when the destination will never take this one."""
        raise NotImplementedError

    def deliver_gap(self, gap: Gap) -> None:
        """Tell of a loss; by default nobody wants to know. Raises as `deliver`."""

    def stop(self) -> None:
        super().stop()
        self._news.set()

    def step(self) -> None:
        """Deliver what waits, one at a time; waits at most a second for news."""
        left_ns = self._not_before_mono_ns - self._clock.monotonic_ns()
        if left_ns > 0:
            self.wait(min(IDLE_S, left_ns / NS_PER_S))
        elif not self._work():
            self._news.wait(IDLE_S)
            self._news.clear()

    def _work(self) -> bool:
        """True when something was done."""
        gaps = self._store.gaps(self.destination, limit=1)
        waiting = self._store.waiting(self.destination, limit=1)
        try:
            for gap in gaps:
                self._tell(gap)
            for outgoing in waiting:
                self._hand_over(outgoing)
        except TryLater as later:
            self._back_off(later)
            return True
        if gaps or waiting:
            self._attempts = 0
            self.problem = None
        return bool(gaps or waiting)

    def _tell(self, gap: Gap) -> None:
        try:
            self.deliver_gap(gap)
        except (
            DeliveryError
        ) as error:  # it refuses alerts and will not hear of it: the log is all there is left
            logger.warning("%s: gap of %s: %s", self.destination, gap.camera_id, error)
        self._store.told(gap)

    def _hand_over(self, outgoing: Outgoing) -> None:
        try:
            self.deliver(outgoing)
        except DeliveryError as error:
            logger.warning("%s: alert %s: %s", self.destination, outgoing.alert.alert_id, error)
            self._store.park(self.destination, outgoing.receipt, str(error))
        else:
            self._store.acknowledged(self.destination, [outgoing.receipt])

    def _back_off(self, later: TryLater) -> None:
        if self.problem is None:
            logger.warning("%s: %s", self.destination, later)
        self.problem = str(later)
        delay_s = min(RETRY_MAX_S, RETRY_MIN_S * 2.0 ** min(self._attempts, 16))
        self._attempts += 1
        delay_s = max(delay_s * (0.5 + self._jitter() / 2), min(later.after_s or 0.0, RETRY_MAX_S))
        self._not_before_mono_ns = self._clock.monotonic_ns() + ns(delay_s)
