"""Wires the rooms, starts them, looks after them, reloads, stops.

`start`, `tick` and `stop` are the whole life; `run` loops over `tick` until a signal or a failure. All of it is the
main thread's. The demo calls the three by itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from surveil.alerting.topics import Command
from surveil.clock import Clock, SystemClock, WallTime, ns
from surveil.config import Config, load_config
from surveil.daemon import wiring
from surveil.daemon.commands import Commands, obey
from surveil.daemon.house import House, build_house
from surveil.errors import ConfigError, SurveilError
from surveil.service.notify import Notifier
from surveil.service.signals import Signals
from surveil.service.watchdog import Watchdog
from surveil.worker import Worker, stop_and_join

logger = logging.getLogger(__name__)

STOP_DEADLINE_S = 10.0
TICK_S = 1.0
WALL_REFRESH_NS = ns(10.0)
STATS_S = 60.0
STATUS_NS = ns(10.0)
WORKER_ALLOWANCE_S = 30.0
"""How old a beat of alerts or a delivery may be: a disk that is slow to sync is not a hung thread."""


class Daemon:
    """One node. Raises ConfigError, DeviceError or another SurveilError from `start`; nothing runs then."""

    def __init__(
        self,
        config: Config,
        *,
        config_path: Path | None = None,
        environ: Mapping[str, str] | None = None,
        clock: Clock | None = None,
        wake: Callable[[], None] | None = None,
    ) -> None:
        """`wake` ends the main thread's wait, when something cannot wait for the next tick."""
        self._config = config
        self._config_path = config_path
        self._environ = dict(environ or {})
        self._clock = clock or SystemClock()
        self._wall = WallTime(self._clock)
        self._wake = wake or (lambda: None)
        self._notifier = Notifier(self._environ)
        self._watchdog = Watchdog(self._notifier, self._clock)
        self._commands = Commands(self._wake)
        self._failed: list[tuple[str, BaseException]] = []
        self._house: House | None = None
        self._next_refresh_ns = 0
        self._next_status_ns = 0

    @property
    def failure(self) -> tuple[str, BaseException] | None:
        """The first thread or job that died, and of what; the process must end."""
        return self._failed[0] if self._failed else None

    @property
    def house(self) -> House:
        """The running rooms."""
        assert self._house is not None, "not started"
        return self._house

    def start(self) -> None:
        """Databases and captioner, then deliveries, alerts, captions, captures; then READY.

        The captioner is opened before any thread runs, so that a bad device or model ends the process before
        anything has been said to anyone. A broker or camera that is down stops nothing.
        """
        house = build_house(
            self._config,
            clock=self._clock,
            wall=self._wall,
            commands=self._commands,
            on_failure=self._worker_failed,
            on_job_failure=self._failed_by,
        )
        self._house = house
        house.know()
        try:
            house.open_captioners(self._status)
            for worker in house.deliveries:
                worker.start()
            house.alerts.start()
            for captioner in house.captioners:
                captioner.start()
            house.cameras.apply(self._config)
            house.jobs.every("stats", STATS_S, house.reporter.publish_stats, first_after_s=5.0)
            house.jobs.start()
        except BaseException:
            self.stop()
            raise
        self._watch()
        self._notifier.ready(self._summary())

    def tick(self) -> None:
        """Once a second: statuses, commands, wall time, watchdog."""
        house = self.house
        for command in self._commands.take():
            self._obey(command)
        house.tell_health()
        house.reporter.tick(house.cameras.tell())
        self._refresh_wall()
        late = self._watchdog.step()
        self._tell_status(late)

    def run(self, signals: Signals) -> int:
        """Tick until told to stop or something dies; exit code."""
        while signals.stop_requested is None and self.failure is None:
            self.tick()
            if signals.take_reload():
                self.reload()
            signals.wait(TICK_S)
        self.stop()
        return self._exit_code()

    def reload(self) -> None:
        """Take the changed file; a file with an error changes nothing, and the node's health says why."""
        assert self._config_path is not None, "nothing to reload"
        self._notifier.reloading()
        try:
            config = load_config(self._config_path, environ=self._environ)
            self._apply(config)
        except ConfigError as error:
            logger.error("reload refused, the running configuration stays: %s", error)  # noqa: TRY400
            self.house.health.set("reload", f"the new configuration was refused: {error}")
        else:
            self.house.health.clear("reload")
            logger.info("configuration reloaded: %s", self._summary())
        self._notifier.ready(self._summary())

    def stop(self) -> None:
        """Stage by stage, all under one deadline; who does not end is named with its stack."""
        if self._house is None:
            return
        house, self._house = self._house, None
        self._notifier.stopping("stopping")
        deadline_ns = self._clock.monotonic_ns() + ns(STOP_DEADLINE_S)
        late_captures = house.captures.stop(deadline_ns)
        house.looks.close()
        late_jobs = house.jobs.stop(deadline_ns)
        stages: list[list[Worker]] = [[*house.captioners], [house.alerts], [*house.deliveries]]
        late_workers = [
            worker
            for stage in stages
            for worker in stop_and_join(stage, clock=self._clock, deadline_mono_ns=deadline_ns)
        ]
        house.close()
        for name in (*late_captures, *late_jobs):
            logger.warning("%s did not end in time and is left behind", name)
        for worker in late_workers:
            self._failed_by(worker.name, TimeoutError("did not end in time"))
            logger.error(
                "thread %s did not end in time; it stands at:\n%s", worker.name, worker.stack()
            )

    def _apply(self, config: Config) -> None:
        """Put a new configuration to work; ConfigError when it changes what only a restart can."""
        fixed = restart_only(self._config, config)
        if fixed:
            raise ConfigError(
                f"{', '.join(fixed)} cannot change while running: restart to apply it"
            )
        house = self.house
        house.reload(config)
        house.cameras.apply(config)
        self._config = config

    def _obey(self, command: Command) -> None:
        obey(command, cameras=self.house.cameras, looks=self.house.looks)

    def _refresh_wall(self) -> None:
        now_ns = self._clock.monotonic_ns()
        if now_ns < self._next_refresh_ns:
            return
        self._next_refresh_ns = now_ns + WALL_REFRESH_NS
        step_ms = self._wall.refresh()
        if step_ms is not None:
            logger.warning("the wall clock was stepped by %.1f s", step_ms / 1000)
            self.house.jobs.readd()

    def _watch(self) -> None:
        house = self.house
        for captioner in house.captioners:
            self._watchdog.watch(
                captioner.name,
                captioner.beat_age_s,
                lambda c=captioner: c.allowance_s,  # type: ignore[misc] # mypy cannot infer a default's type
                stack=captioner.stack,
            )
        for worker in (house.alerts, *house.deliveries):
            self._watchdog.watch(
                worker.name, worker.beat_age_s, lambda: WORKER_ALLOWANCE_S, stack=worker.stack
            )

    def _tell_status(self, late: list[str]) -> None:
        """A fresh line for `systemctl status`, now and then."""
        now_ns = self._clock.monotonic_ns()
        if late:
            self._notifier.status(f"hung: {', '.join(late)}")
        elif now_ns >= self._next_status_ns:
            self._next_status_ns = now_ns + STATUS_NS
            self._notifier.status(self.house.reporter.line())

    def _status(self, text: str) -> None:
        self._notifier.status(text)
        logger.info("%s", text)

    def _summary(self) -> str:
        return (
            f"watching {self.house.cameras.watched()} cameras with {len(self._config.rules)} rules"
        )

    def _worker_failed(self, worker: Worker, error: BaseException) -> None:
        self._failed_by(worker.name, error)

    def _failed_by(self, name: str, error: BaseException) -> None:
        """Any thread."""
        logger.critical("%s died: %s", name, error, exc_info=error)
        self._failed.append((name, error))
        self._wake()

    def _exit_code(self) -> int:
        if self.failure is None:
            return 0
        error = self.failure[1]
        return error.exit_code if isinstance(error, SurveilError) else SurveilError.exit_code


def restart_only(running: Config, wanted: Config) -> list[str]:
    """Keys whose change needs a restart."""
    keys = ("node", "state_dir", "captioner", "mqtt", "memory", "http", "journal", "notify")
    changed = [key for key in keys if getattr(running, key) != getattr(wanted, key)]
    if wiring.snapshots_changed(running, wanted):
        changed.append("snapshots")
    return changed
