"""Which cameras are watched now, and all that is known of each: the one place where a camera's state is gathered."""

from __future__ import annotations

from dataclasses import dataclass

from surveil.alerts.alert_store import AlertStore
from surveil.capture import CaptureSupervisor
from surveil.clock import Clock, WallTime, ns
from surveil.config import Config, specs
from surveil.config.cameras import Camera
from surveil.daemon.event_fanout import Activity, CameraActivity
from surveil.delivery.mqtt.mqtt_delivery import MqttDelivery
from surveil.records import CameraState, CameraStatus
from surveil.rules.alerts_worker import AlertsWorker
from surveil.scheduling import WatchReport
from surveil.scheduling.scheduler import Scheduler

REQUEST_DETAIL_S = 5.0
REPEAT_NS = ns(10.0)
"""A status whose words have not changed is told again this often, for its numbers."""


@dataclass(frozen=True, slots=True)
class CameraOverview:
    """One camera at one moment, as far as anything in the node knows it."""

    status: CameraStatus
    activity: Activity
    watch: tuple[WatchReport, ...]
    """One for the whole picture, or for each region; none while it is not watched."""

    @property
    def unwatched_s(self) -> float:
        """The worst of its regions."""
        return max((report.unwatched_s for report in self.watch), default=0.0)


class CameraRegistry:
    """The cameras of the configuration, less those that somebody switched off. Main thread, but `overview`."""

    def __init__(
        self,
        *,
        capture: CaptureSupervisor,
        scheduler: Scheduler,
        alerts: AlertsWorker,
        store: AlertStore,
        mqtt: MqttDelivery | None,
        activity: CameraActivity,
        clock: Clock,
        wall: WallTime,
    ) -> None:
        self._capture = capture
        self._scheduler = scheduler
        self._alerts = alerts
        self._store = store
        self._mqtt = mqtt
        self._activity = activity
        self._clock = clock
        self._wall = wall
        self._config: Config | None = None
        self._statuses: dict[str, CameraStatus] = {}
        self._published: dict[str, tuple[object, ...]] = {}
        self._published_ns: dict[str, int] = {}
        self._disabled_since_ms: dict[str, int] = {}

    def apply(self, config: Config) -> None:
        """Start, stop and replace captures so that exactly the enabled cameras of `config` run."""
        for gone in set(self._published) - {camera.id for camera in config.cameras}:
            del self._published[gone]
        self._config = config
        enabled = self._enabled(config)
        self._alerts.watch(camera.id for camera in enabled)
        self._capture.reconcile(specs.camera_specs(config, enabled))
        self._scheduler.set_plans(specs.camera_plans(config, enabled))
        if self._mqtt is not None:
            self._mqtt.set_cameras(specs.camera_infos(config))
            self._mqtt.set_rules(specs.event_types(config))

    def set_enabled(self, camera_id: str, *, on: bool) -> bool:
        """Remember and apply what somebody switched; False when there is no such camera."""
        config = self._config
        if config is None or camera_id not in {camera.id for camera in config.cameras}:
            return False
        self._store.states.set_enabled(camera_id, on)
        if self._mqtt is not None:
            self._mqtt.set_enabled(camera_id, on)
        self.apply(config)
        return True

    def caption_now(self, camera_id: str) -> None:
        """Caption the newest frame, and have frames decoded that are not keyframes, so that it is new indeed."""
        self._capture.decode_all_for(camera_id, REQUEST_DETAIL_S)
        self._scheduler.request(camera_id)

    def tick(self) -> None:
        """Once a second: look after the captures, gather every camera's status, publish what changed."""
        self._capture.supervise()
        self._statuses = self.statuses()
        for status in self._statuses.values():
            self._publish(status)

    def overview(self) -> list[CameraOverview]:
        """Of every camera: its status as of the last tick, the rest as of now. Any thread."""
        watch: dict[str, list[WatchReport]] = {}
        for report in self._scheduler.report():
            watch.setdefault(report.camera_id, []).append(report)
        return [
            CameraOverview(status, self._activity.of(camera_id), tuple(watch.get(camera_id, ())))
            for camera_id, status in self._statuses.items()
        ]

    def statuses(self) -> dict[str, CameraStatus]:
        """Of every camera of the configuration, those switched off included, as of now."""
        running = self._capture.statuses()
        cameras = self._config.cameras if self._config else ()
        return {
            camera.id: self._disabled(camera.id) if self._is_off(camera) else running[camera.id]
            for camera in cameras
            if camera.id in running or self._is_off(camera)
        }

    def watched(self) -> int:
        """How many cameras are enabled."""
        return len(self._enabled(self._config)) if self._config else 0

    def _enabled(self, config: Config) -> list[Camera]:
        return [camera for camera in config.cameras if not self._is_off(camera)]

    def _is_off(self, camera: Camera) -> bool:
        return not self._store.states.enabled(camera.id, default=camera.enabled)

    def _disabled(self, camera_id: str) -> CameraStatus:
        since_ms = self._disabled_since_ms.setdefault(
            camera_id, self._wall.unix_ms_at(self._clock.monotonic_ns())
        )
        return CameraStatus(
            camera_id=camera_id,
            state=CameraState.DISABLED,
            reason="switched off",
            since_unix_ms=since_ms,
            last_frame_age_ms=None,
            fps=None,
            width_px=None,
            height_px=None,
            frames_total=0,
            dropped_total=0,
            reconnects_total=0,
            last_error=None,
        )

    def _publish(self, status: CameraStatus) -> None:
        camera_id, now_ns = status.camera_id, self._clock.monotonic_ns()
        if status.state is not CameraState.DISABLED:
            self._disabled_since_ms.pop(camera_id, None)
        words = (
            status.state,
            status.reason,
            status.width_px,
            status.height_px,
            status.reconnects_total,
            status.fps is None,
        )
        due = now_ns - self._published_ns.get(camera_id, 0) >= REPEAT_NS
        if self._mqtt is not None and (due or self._published.get(camera_id) != words):
            self._mqtt.set_camera_status(status)
            self._published[camera_id] = words
            self._published_ns[camera_id] = now_ns
