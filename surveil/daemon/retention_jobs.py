"""What is kept and what leaves the disk, at its hours."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from surveil.alerts.alert_store import AlertStore
from surveil.alerts.retention import Retention
from surveil.alerts.snapshots import Snapshots
from surveil.clock import Clock, WallTime
from surveil.config import Config, specs
from surveil.delivery.mqtt.mqtt_delivery import MqttDelivery
from surveil.errors import StoreError
from surveil.journal.journal_store import Journal
from surveil.records import Problem
from surveil.service.jobs import Jobs

logger = logging.getLogger(__name__)

SWEEP_S = 300.0
FIRST_SWEEP_S = 30.0
PRUNE_S = 3_600.0
REMEDY = "look at the disk and at who owns the state folder: see Disk in docs/operations.md"


class RetentionJobs:
    """Of alerts, pictures and captions. `begin` in the main thread, each job in one of its own."""

    name = "retention"

    def __init__(
        self,
        config: Config,
        *,
        store: AlertStore,
        journal: Journal | None,
        mqtt: MqttDelivery | None,
        clock: Clock,
        wall: WallTime,
    ) -> None:
        self._config = config
        self._journal = journal
        self._clock = clock
        self._wall = wall
        self._not_begun: Problem | None = None
        self._not_pruned: Problem | None = None
        self._retention = Retention(
            store,
            # With snapshots off, pictures of earlier days still leave in time.
            Snapshots(config.snapshots_dir, tz=specs.zone(config)),
            alerts=specs.age_limits(config.alerts.retention),
            files=specs.file_limits(config.snapshots.retention),
            expire_after_s=config.alerts.expire_after_s,
            clock=clock,
            wall=wall,
            on_pictures_removed=mqtt.pictures_changed if mqtt else lambda: None,
        )

    def begin(self) -> None:
        """Put away what a crash left behind; a disk that refuses is a problem, not an end."""
        try:
            moved = self._retention.begin()
        except StoreError as error:
            self._not_begun = Problem("disk", str(error), self._unix_ms(), remedy=REMEDY)
        else:
            if moved:
                logger.warning("%d pictures that no alert names were put into quarantine", moved)

    def schedule(self, jobs: Jobs) -> None:
        jobs.every("retention", SWEEP_S, self.sweep, first_after_s=FIRST_SWEEP_S)
        if self._journal is not None:
            jobs.every("journal", PRUNE_S, self.prune, first_after_s=FIRST_SWEEP_S)

    def sweep_now(self, jobs: Jobs) -> None:
        """The disk is full: make room now, not at the next turn."""
        jobs.every("retention", SWEEP_S, self.sweep, first_after_s=0.0)

    def sweep(self) -> None:
        self._retention.sweep()
        if not self._retention.problems():
            self._not_begun = None

    def prune(self) -> None:
        assert self._journal is not None
        limits = self._config.journal.retention
        now_ms = self._unix_ms()
        try:
            self._journal.prune(now_ms - round(limits.max_age_s * 1000), max_bytes=limits.max_bytes)
        except StoreError as error:
            self._not_pruned = Problem("journal", str(error), now_ms, remedy=REMEDY)
        else:
            self._not_pruned = None

    def problems(self) -> Sequence[Problem]:
        """Of the last sweep, and of the last pruning of the journal. Any thread."""
        own = (self._not_begun, self._not_pruned)
        return [*self._retention.problems(), *(one for one in own if one is not None)]

    def counters(self) -> Mapping[str, float]:
        return self._retention.counters()

    def _unix_ms(self) -> int:
        return self._wall.unix_ms_at(self._clock.monotonic_ns())
