"""What the HTTP server shows of the running node."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from surveil import __version__
from surveil.alerts.alert_store import AlertStore
from surveil.alerts.snapshots import Snapshots
from surveil.api.http_server import HttpServer
from surveil.api.metrics import Metrics
from surveil.api.routes import Sources
from surveil.api.status_page import CameraReport, status_page
from surveil.clock import NS_PER_S, Clock
from surveil.config import Config
from surveil.daemon.camera_registry import CameraOverview, CameraRegistry
from surveil.daemon.health import HealthMonitor
from surveil.daemon.node_stats import NodeStats
from surveil.worker import WorkerFailed


class State(Protocol):
    """What only the daemon knows."""

    def ready(self) -> bool: ...
    def late(self) -> Sequence[str]: ...


class NodeApi:
    """Called in the HTTP server's threads."""

    def __init__(
        self,
        config: Config,
        state: State,
        *,
        stats: NodeStats,
        cameras: CameraRegistry,
        store: AlertStore,
        snapshots: Snapshots | None,
        health: HealthMonitor,
        metrics: Metrics,
        destinations: Sequence[str],
        clock: Clock,
    ) -> None:
        self._config = config
        self._state = state
        self._stats = stats
        self._cameras = cameras
        self._store = store
        self._snapshots = snapshots
        self._health = health
        self._metrics = metrics
        self._destinations = destinations
        self._clock = clock
        self._began_ns = clock.monotonic_ns()

    def server(self, *, on_failure: WorkerFailed) -> HttpServer | None:
        """The listening server, None when it is off. Raises ConfigError, SurveilError when it cannot listen."""
        http = self._config.http
        if http.listen == "off":
            return None
        token = http.token.get_secret_value() if http.token else None
        return HttpServer(
            http.listen, self._sources(), token, clock=self._clock, on_failure=on_failure
        )

    def _sources(self) -> Sources:
        pictures: Callable[[str], bytes | None] | None = None
        if self._config.http.snapshots and self._snapshots is not None:
            pictures = self._picture
        return Sources(
            ready=self._state.ready,
            late=self._state.late,
            problems=lambda: self._health.problems,
            metrics=self._metrics.render,
            status=self._status,
            picture=pictures,
        )

    def _picture(self, alert_id: str) -> bytes | None:
        alert = self._store.find(alert_id)
        if alert is None or alert.snapshot is None or self._snapshots is None:
            return None
        with self._snapshots.open(alert.snapshot.path) as stream:
            return stream.read()

    def _status(self) -> dict[str, object]:
        return status_page(
            node=self._config.node,
            version=__version__,
            uptime_s=(self._clock.monotonic_ns() - self._began_ns) / NS_PER_S,
            ready=self._state.ready(),
            late_threads=self._state.late(),
            problems=self._health.problems,
            engine=self._stats.engine(),
            stats=self._metrics.stats(),
            cameras=[_report(camera) for camera in self._cameras.overview()],
            deliveries_waiting={d: self._store.waiting_total(d) for d in self._destinations},
            disk_free_bytes=_free_bytes(self._config.state_dir),
        )


def _report(camera: CameraOverview) -> CameraReport:
    activity = camera.activity
    return CameraReport(
        status=camera.status,
        captions_total=activity.captions_total,
        alerts_total=activity.alerts_total,
        unwatched_s=round(camera.unwatched_s, 1),
        last_caption=activity.last_caption,
        last_caption_unix_ms=activity.last_caption_unix_ms,
        active_rules=activity.active_rules,
    )


def _free_bytes(folder: Path) -> int | None:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None
