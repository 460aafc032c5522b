"""How the node is doing: metrics, stats for subscribers, systemd's status line."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from surveil.alerts.alert_store import AlertStore
from surveil.api.metrics import Metrics
from surveil.api.status_page import EngineReport
from surveil.captioning import CaptionsWorker
from surveil.daemon.camera_registry import CameraOverview, CameraRegistry
from surveil.daemon.health import HealthMonitor
from surveil.daemon.node_problems import NodeProblems
from surveil.delivery.mqtt.mqtt_delivery import MqttDelivery
from surveil.records import CameraState


class NodeStats:
    """`tick` in the main thread; `stats` from any."""

    def __init__(
        self,
        *,
        cameras: CameraRegistry,
        store: AlertStore,
        mqtt: MqttDelivery | None,
        metrics: Metrics,
        health: HealthMonitor,
        node_problems: NodeProblems,
        state_dir: Path,
        destinations: Sequence[str],
    ) -> None:
        self._cameras = cameras
        self._store = store
        self._mqtt = mqtt
        self._metrics = metrics
        self._health = health
        self._node_problems = node_problems
        self._state_dir = state_dir
        self._destinations = tuple(destinations)
        self.captioners: list[CaptionsWorker] = []
        self.fallback = False
        """The captioner is not the one that was configured."""

    def engine(self) -> EngineReport | None:
        """The first captioner's. Any thread."""
        if not self.captioners:
            return None
        captioner = self.captioners[0].captioner
        return EngineReport(
            captioner.model_id, captioner.device, captioner.precision, fallback=self.fallback
        )

    def tick(self) -> None:
        """Once a second, after the cameras': the numbers of now go to the metrics."""
        overview = self._cameras.overview()
        for camera in overview:
            self._metrics.camera_status(camera.status)
            if camera.watch:
                self._metrics.unwatched(camera.status.camera_id, camera.unwatched_s)
        for destination in self._destinations:
            waiting = self._store.waiting_total(destination)
            self._metrics.deliveries_waiting(destination, waiting)
        failed = sum(worker.stats.failed_total for worker in self.captioners)
        self._metrics.captions_failed(failed)
        self._look_at_disk()

    def line(self) -> str:
        """One line for people."""
        overview = self._cameras.overview()
        pace = self._metrics.stats().captions_per_s
        online = f"{_online(overview)} of {len(overview)} cameras online"
        return "; ".join([f"{online}, {pace:.1f} captions/s", *self._worst()])

    def publish_stats(self) -> None:
        """What `<prefix>/stats` says. A periodic job."""
        if self._mqtt is not None:
            self._mqtt.set_stats(self.stats())

    def stats(self) -> dict[str, Any]:
        """The last minute, and totals since the start."""
        pace = self._metrics.stats()
        overview = self._cameras.overview()
        return {
            "cameras": {"total": len(overview), "online": _online(overview)},
            "captions_per_s": round(pace.captions_per_s, 3),
            "latency_ms": {"p50": _ms(pace.latency_p50_s), "p95": _ms(pace.latency_p95_s)},
            "frame_age_at_caption_ms": {"p50": _ms(pace.age_p50_s), "p95": _ms(pace.age_p95_s)},
            "dropped_total": sum(camera.status.dropped_total for camera in overview),
            "deliveries_waiting": {d: self._store.waiting_total(d) for d in self._destinations},
            "devices": [f"{w.captioner.device} {w.captioner.precision}" for w in self.captioners],
            "unwatched_s": {
                camera.status.camera_id: round(camera.unwatched_s, 1)
                for camera in overview
                if camera.watch
            },
            "stretched": stretched(overview),
        }

    def _look_at_disk(self) -> None:
        """A disk that is gone must not end the watch: whoever writes to it says what follows."""
        try:
            free_bytes = shutil.disk_usage(self._state_dir).free
        except OSError as refusal:
            self._node_problems.state_folder(refusal)
        else:
            self._metrics.disk_free_bytes(free_bytes)
            self._node_problems.state_folder(None)

    def _worst(self) -> list[str]:
        """The oldest problem in its own words, and how many others there are."""
        problems = self._health.problems
        if not problems:
            return []
        more = f" (and {len(problems) - 1} more problems)" if len(problems) > 1 else ""
        return [f"{problems[0].code}: {problems[0].text}{more}"]


def stretched(overview: Sequence[CameraOverview]) -> dict[str, float]:
    """camera_id -> seconds between its last two looks, where that is more than one and a half intervals."""
    return {
        report.camera_id: round(report.spacing_s, 1)
        for camera in overview
        for report in camera.watch
        if report.spacing_s is not None and report.spacing_s > 1.5 * report.interval_s
    }


def _online(overview: Sequence[CameraOverview]) -> int:
    return sum(camera.status.state is CameraState.ONLINE for camera in overview)


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)
