"""Makes the node, starts it, looks after it, reloads it, stops it.

`start`, `tick` and `stop` are the whole life; `run` loops over `tick` until a signal or a failure. All of it is the
main thread's. The demo calls the three by itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from surveil.api.http_server import HttpServer
from surveil.clock import NS_PER_S, Clock, SystemClock, WallTime, ns
from surveil.config import Config, load_config
from surveil.config.specs import snapshots_changed
from surveil.daemon.build_node import build_node
from surveil.daemon.captioners import open_workers
from surveil.daemon.config_watch import ConfigWatch
from surveil.daemon.context import Context
from surveil.daemon.mqtt_commands import Commands, execute
from surveil.daemon.node import Node
from surveil.daemon.node_api import NodeApi
from surveil.daemon.resources import Resources, plan_resources
from surveil.errors import ConfigError, DeviceError, SurveilError
from surveil.redact import register_secrets_of
from surveil.service.crash_log import CrashLog
from surveil.service.instance_lock import InstanceLock
from surveil.service.sd_notify import Notifier
from surveil.service.signals import Signals
from surveil.service.watchdog import Watchdog
from surveil.worker import Worker, stop_and_join

logger = logging.getLogger(__name__)

STOP_DEADLINE_S = 10.0
TICK_S = 1.0
STATUS_NS = ns(10.0)
WALL_REFRESH_NS = ns(10.0)


class Daemon:
    """One node. `start` raises ConfigError, DeviceError or another SurveilError; nothing runs then."""

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
        register_secrets_of(config)
        self._config = config
        self._config_path = config_path
        self._environ = dict(environ or {})
        self._clock = clock or SystemClock()
        self._wall = WallTime(self._clock)
        self._wake = wake or (lambda: None)
        self._notifier = Notifier(self._environ)
        self._watchdog = Watchdog(self._notifier, self._clock)
        self._commands = Commands(self._wake)
        self._lock = InstanceLock(config.state_dir)
        self._crashes = CrashLog(config.state_dir, clock=self._clock)
        self._config_watch = ConfigWatch(config_path) if config.watch and config_path else None
        self._failed: list[tuple[str, BaseException]] = []
        self._late: list[str] = []
        self._ready = False
        self._node: Node | None = None
        self._http: HttpServer | None = None
        self._next_refresh_ns = 0
        self._next_status_ns = 0

    @property
    def failure(self) -> tuple[str, BaseException] | None:
        """The first thread or job that died, and of what; the process must end."""
        return self._failed[0] if self._failed else None

    @property
    def node(self) -> Node:
        """What is running."""
        assert self._node is not None, "not started"
        return self._node

    def ready(self) -> bool:
        """The start is complete and the stop has not begun. Any thread."""
        return self._ready

    def late(self) -> Sequence[str]:
        """Names of threads that do not move. Any thread."""
        return self._late

    def start(self) -> None:
        """Databases and captioner, then deliveries, alerts, captions, captures; then READY.

        The captioner is opened before any thread runs, so that a bad device or model ends the process before
        anything has been said to anyone. A broker or camera that is down stops nothing.
        """
        self._lock.acquire()
        try:
            fall_back = self._crashes.started()
            resources = plan_resources(self._config)
            logger.info("%s", resources.memory)
            logger.info("%s", resources.cpu)
            self._node = build_node(
                Context(
                    config=self._config,
                    clock=self._clock,
                    wall=self._wall,
                    resources=resources,
                    commands=self._commands,
                    on_failure=self._worker_failed,
                    on_job_failure=self._failed_by,
                )
            )
            self._start_parts(self._node, resources, fall_back=fall_back)
        except BaseException as error:
            if isinstance(error, SurveilError):
                self._failed.append(("start", error))
            self.stop()
            raise
        self._ready = True
        self._notifier.ready(self._summary())
        logger.info("%s", self._summary())

    def tick(self) -> None:
        """Once a second: commands, statuses, wall time, watchdog."""
        node = self.node
        for command in self._commands.take():
            execute(command, node.cameras)
        self._refresh_wall()
        self._crashes.settle()
        self._late = self._watchdog.step()
        node.own_problems.hung(self._late)
        node.tick()
        self._report_status()

    def run(self, signals: Signals) -> int:
        """Tick until told to stop or something dies; exit code."""
        while signals.stop_requested is None and self.failure is None:
            self.tick()
            if signals.take_reload() or (
                self._config_watch is not None and self._config_watch.changed()
            ):
                self.reload()
            signals.wait(TICK_S)
        if signals.stop_requested is not None:
            logger.info("%s: stopping", signals.stop_requested.name)
        self.stop()
        return self._exit_code()

    def reload(self) -> None:
        """Take the changed file; a file with an error changes nothing, and the node's health says why."""
        assert self._config_path is not None, "nothing to reload"
        self._notifier.reloading()
        try:
            config = load_config(self._config_path, environ=self._environ)
            register_secrets_of(config)
            refuse_restart_only(self._config, config)
            self.node.reload(config)
        except ConfigError as error:
            self._refuse_reload(error)
        else:
            self._config = config
            self.node.own_problems.reloaded()
            logger.info("configuration reloaded: %s", self._summary())
        self._notifier.ready(self._summary())

    def stop(self) -> None:
        """Stage by stage, all under one deadline; who does not end is named with its stack."""
        self._ready = False
        self._notifier.stopping("stopping")
        if self._node is not None:
            began_ns = self._clock.monotonic_ns()
            self._stop_parts(self._node, began_ns + ns(STOP_DEADLINE_S))
            self._node = None
            took_s = (self._clock.monotonic_ns() - began_ns) / NS_PER_S
            logger.info("stopped within %.1f s", took_s)
        self._record_end()
        self._lock.release()

    def _start_parts(self, node: Node, resources: Resources, *, fall_back: bool) -> None:
        captioners = open_workers(
            self._config,
            resources=resources,
            fall_back=fall_back,
            source=node.pipeline.scheduler,
            sink=node.pipeline.caption_queue,
            clock=self._clock,
            on_failure=self._worker_failed,
            report=self._report_step,
        )
        node.attach_captioners(captioners)
        if fall_back:
            self._report_fall_back(node)
        self._http = self._api(node).server(on_failure=self._worker_failed)
        for part in (self._lock, self._crashes, self._config_watch, self._http):
            if part is not None:
                node.register(part)
        node.retention_jobs.begin()
        for worker in (*node.deliveries, node.alerts, *captioners):
            worker.start()
        if self._http is not None:
            self._http.start()
            logger.info("health and metrics at %s", self._http.address)
        node.cameras.apply(self._config)
        node.schedule()
        node.health.tick()
        self._watch_threads(node)

    def _stop_parts(self, node: Node, deadline_ns: int) -> None:
        left = node.pipeline.capture.stop(deadline_ns)
        node.pipeline.scheduler.close()
        left += node.jobs.stop(deadline_ns)
        stages: list[list[Worker]] = [[*node.captioners], [node.alerts], node.deliveries]
        if self._http is not None:
            stages.append([self._http])
        for stage in stages:
            for worker in stop_and_join(stage, clock=self._clock, deadline_mono_ns=deadline_ns):
                logger.error(
                    "%s did not end in time; it stands at:\n%s", worker.name, worker.stack()
                )
                self._failed.append((worker.name, TimeoutError("did not end in time")))
        for name in left:
            logger.warning("%s did not end in time and is left behind", name)
        if self._http is not None and not self._http.alive:
            self._http.close()  # one that was never started holds its address all the same
        node.storage.close()

    def _api(self, node: Node) -> NodeApi:
        return NodeApi(
            self._config,
            self,
            stats=node.stats,
            cameras=node.cameras,
            store=node.storage.alerts,
            snapshots=node.storage.snapshots,
            health=node.health,
            metrics=node.metrics,
            destinations=node.destinations.names,
            clock=self._clock,
        )

    def _report_fall_back(self, node: Node) -> None:
        node.stats.fallback = True
        captioner = node.captioners[0].captioner
        text = (
            f"the configured captioner ended the process too often; {captioner.model_id} runs on "
            f"{captioner.device} in {captioner.precision} instead"
        )
        node.own_problems.fell_back(text)

    def _refuse_reload(self, error: ConfigError) -> None:
        for line in str(error).splitlines():
            logger.error("reload refused, the running configuration stays: %s", line)
        self.node.own_problems.reload_refused(error)

    def _record_end(self) -> None:
        """Note for the next start how this one ended."""
        cause = None
        if self.failure is not None:
            name, error = self.failure
            model = isinstance(error, DeviceError) or name.startswith("captioner")
            cause = "model" if model else name
        self._crashes.ended(cause)

    def _refresh_wall(self) -> None:
        now_ns = self._clock.monotonic_ns()
        if now_ns < self._next_refresh_ns:
            return
        self._next_refresh_ns = now_ns + WALL_REFRESH_NS
        step_ms = self._wall.refresh()
        if step_ms is not None:
            logger.warning("the wall clock was stepped by %.1f s", step_ms / 1000)
            self.node.jobs.readd()
            self.node.own_problems.clock_stepped(step_ms)

    def _watch_threads(self, node: Node) -> None:
        for worker in (*node.captioners, node.alerts, *node.deliveries):
            self._watchdog.watch(
                worker.name,
                worker.beat_age_s,
                lambda w=worker: w.allowance_s,  # type: ignore[misc] # mypy cannot infer a default's type
                stack=worker.stack,
            )

    def _report_status(self) -> None:
        """A fresh line for `systemctl status`, now and then."""
        now_ns = self._clock.monotonic_ns()
        if self._late:
            self._notifier.status(f"hung: {', '.join(self._late)}")
        elif now_ns >= self._next_status_ns:
            self._next_status_ns = now_ns + STATUS_NS
            self._notifier.status(self.node.stats.line())

    def _report_step(self, text: str) -> None:
        self._notifier.status(text)
        logger.info("%s", text)

    def _summary(self) -> str:
        watched = self.node.cameras.watched()
        return f"watching {watched} cameras with {len(self._config.rules)} rules"

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


def refuse_restart_only(running: Config, wanted: Config) -> None:
    """Raises ConfigError when `wanted` changes what only a restart can."""
    keys = (
        "node",
        "timezone",
        "state_dir",
        "captioner",
        "mqtt",
        "memory",
        "alerts",
        "journal",
        "notify",
        "http",
        "canary",
        "log",
        "watch",
    )
    changed = [key for key in keys if getattr(running, key) != getattr(wanted, key)]
    if snapshots_changed(running, wanted):
        changed.append("snapshots")
    if changed:
        raise ConfigError(
            f"{', '.join(changed)} cannot change while running: restart surveil to apply the file"
        )
