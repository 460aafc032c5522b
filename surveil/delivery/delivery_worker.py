"""The thread of a destination that takes one alert at a time: webhook, speech. None can slow another."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Mapping, Sequence

from surveil.clock import NS_PER_S, Backoff, Clock, ns
from surveil.delivery.delivery_queue import DeliveryQueue
from surveil.delivery.parked_alerts import ParkedAlerts
from surveil.errors import DeliveryError, SurveilError
from surveil.records import Gap, Outgoing, Problem
from surveil.worker import Worker, WorkerFailed

logger = logging.getLogger(__name__)

RETRY_MIN_S = 1.0
RETRY_MAX_S = 300.0
IDLE_S = 1.0
CHECK_NS = ns(30.0)
PARKED_REMEDY = "mend what refuses them and restart surveil, which tries them again; `surveil alerts` lists them"
GAP_REMEDY = "let the receiver answer 2xx to surveil.gap/1 and restart surveil; `surveil alerts` has what it lacks"


class TryLater(SurveilError):
    """The destination cannot take it now; `after_s` is what it asked for, if it did."""

    def __init__(self, text: str, *, after_s: float | None = None) -> None:
        super().__init__(text)
        self.after_s = after_s


class DeliveryWorker(Worker):
    """Subclasses say how; the deliveries table, order, and retrying are the same for all."""

    failing: str
    """Code of the problem while nothing gets out."""
    remedy = ""
    """What a person can do about that."""

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
        self._gap_problem: Problem | None = None
        self._gaps_refused: set[tuple[int, int]] = set()
        self._parked = ParkedAlerts(
            queue, destination, clock, component=self.name, remedy=PARKED_REMEDY
        )
        self._delivered_total = 0
        self._refused_total = 0
        self._failures_total = 0
        self._stale_total = 0
        self._queue_changed = threading.Event()
        self._not_before_mono_ns = clock.monotonic_ns()
        self._check_mono_ns = clock.monotonic_ns()
        queue.listen(self._queue_changed.set)

    def deliver(self, outgoing: Outgoing) -> bool:
        """Hand it over; False when it is of no use any more, and nobody was told.

        Raises TryLater, or DeliveryError when the destination will never take this one.
        """
        raise NotImplementedError

    def deliver_gap(self, gap: Gap) -> bool:
        """Tell of a loss; False, as by default, when nobody wants to know. Raises as `deliver`."""
        return False

    def check(self) -> bool:
        """See whether the way out works, without an alert; False when that can't be found out. Raises TryLater.

        Asked at the start, so that a way out that never worked is told before it is needed, and while it fails.
        """
        return False

    def problems(self) -> Sequence[Problem]:
        """Why the last attempt failed, and what was refused. Any thread."""
        found = (self._problem, self._gap_problem, self._parked.problem)
        return tuple(problem for problem in found if problem is not None)

    def counters(self) -> Mapping[str, float]:
        return {
            "delivered_total": self._delivered_total,
            "refused_total": self._refused_total,
            "failures_total": self._failures_total,
            "stale_total": self._stale_total,
        }

    def stop(self) -> None:
        super().stop()
        self._queue_changed.set()

    def begin(self) -> None:
        """What was refused is tried again: at a start, the destination or its address may have been mended."""
        self._parked.try_again()
        self._check()

    def step(self) -> None:
        """Deliver what waits, one at a time; waits at most a second for news."""
        self._parked.check()
        if self._problem is not None and self._clock.monotonic_ns() >= self._check_mono_ns:
            self._check()
        left_ns = self._not_before_mono_ns - self._clock.monotonic_ns()
        if left_ns > 0:
            self.wait(min(IDLE_S, left_ns / NS_PER_S))
        elif not self._deliver_waiting():
            self._queue_changed.wait(IDLE_S)
            self._queue_changed.clear()

    def _check(self) -> None:
        self._check_mono_ns = self._clock.monotonic_ns() + CHECK_NS
        try:
            if self.check():
                self._worked()
        except TryLater as later:
            self._failed(later)

    def _deliver_waiting(self) -> bool:
        """True when something was done."""
        gaps = self._untold_gaps()
        waiting = self._queue.waiting(self.destination, limit=1)
        try:
            for gap in gaps:
                self._deliver_next_gap(gap)
            for outgoing in waiting:
                self.beat()  # each has a deadline of its own, and the watchdog allows for one
                self._deliver_next(outgoing)
        except TryLater as later:
            self._failed(later)
            delay_s = self._backoff.next_s(at_least_s=later.after_s or 0.0)
            self._not_before_mono_ns = self._clock.monotonic_ns() + ns(delay_s)
            return True
        return bool(gaps or waiting)

    def _untold_gaps(self) -> list[Gap]:
        """The next one, unless it was refused: that one waits for another start."""
        gaps = self._queue.gaps(self.destination)
        return [gap for gap in gaps if (gap.gap_id, gap.last) not in self._gaps_refused][:1]

    def _deliver_next_gap(self, gap: Gap) -> None:
        try:
            if self.deliver_gap(gap):
                self._worked()
        except DeliveryError as error:
            self._gap_refused(gap, error)
        else:
            self._queue.told(gap)

    def _gap_refused(self, gap: Gap, error: DeliveryError) -> None:
        """It is not told, so it is kept; the node's health says so instead."""
        logger.warning("%s: gap of %s: %s", self.destination, gap.camera_id, error)
        self._gaps_refused.add((gap.gap_id, gap.last))
        since_ms = self._gap_problem.since_unix_ms if self._gap_problem else self._clock.unix_ms()
        text = (
            f"it would not be told of {len(self._gaps_refused)} losses of alerts; the last: {error}"
        )
        self._gap_problem = Problem(
            "gap_refused", text, since_ms, component=self.name, remedy=GAP_REMEDY
        )

    def _deliver_next(self, outgoing: Outgoing) -> None:
        try:
            if self.deliver(outgoing):
                self._delivered_total += 1
                self._worked()
            else:
                self._stale_total += 1
        except DeliveryError as error:
            logger.warning("%s: alert %s: %s", self.destination, outgoing.alert.alert_id, error)
            self._refused_total += 1
            self._queue.park(self.destination, outgoing.receipt, str(error))
            self._parked.recheck()
            self._worked()  # an answer, if a bad one
        else:
            self._queue.acknowledged(self.destination, [outgoing.receipt])

    def _worked(self) -> None:
        """Something came out at the other end."""
        self._backoff.reset()
        self._problem = None

    def _failed(self, later: TryLater) -> None:
        self._failures_total += 1
        if self._problem is None or self._problem.text != str(later):
            logger.warning("%s: %s", self.destination, later)
        since_ms = self._problem.since_unix_ms if self._problem else self._clock.unix_ms()
        self._problem = Problem(
            self.failing, str(later), since_ms, component=self.name, remedy=self.remedy
        )
