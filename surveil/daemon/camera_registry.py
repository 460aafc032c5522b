"""Which cameras are watched now: those of the configuration, less those that somebody switched off."""

from __future__ import annotations

from surveil.alerts.alert_store import AlertStore
from surveil.api.metrics import Metrics
from surveil.capture import CaptureSupervisor
from surveil.clock import Clock, WallTime, ns
from surveil.config import Config
from surveil.config.cameras import Camera
from surveil.daemon import wiring
from surveil.delivery.mqtt.mqtt_delivery import MqttDelivery
from surveil.records import CameraState, CameraStatus
from surveil.rules.alerts_worker import AlertsWorker
from surveil.scheduling.scheduler import Scheduler

REQUEST_DETAIL_S = 5.0
REPEAT_NS = ns(10.0)
"""A status whose words have not changed is told again this often, for its numbers."""


class CameraRegistry:
    """Main thread only."""

    def __init__(
        self,
        *,
        capture: CaptureSupervisor,
        scheduler: Scheduler,
        alerts: AlertsWorker,
        store: AlertStore,
        mqtt: MqttDelivery | None,
        metrics: Metrics,
        clock: Clock,
        wall: WallTime,
    ) -> None:
        self._capture = capture
        self._scheduler = scheduler
        self._alerts = alerts
        self._store = store
        self._mqtt = mqtt
        self._metrics = metrics
        self._clock = clock
        self._wall = wall
        self._config: Config | None = None
        self._told: dict[str, tuple[object, ...]] = {}
        self._told_ns: dict[str, int] = {}
        self._disabled_since_ms: dict[str, int] = {}

    def apply(self, config: Config) -> None:
        """Start, stop and replace captures so that exactly the enabled cameras of `config` run."""
        for gone in set(self._told) - {camera.id for camera in config.cameras}:
            del self._told[gone]
        self._config = config
        enabled = self._enabled(config)
        self._alerts.watch(camera.id for camera in enabled)
        self._capture.reconcile(wiring.camera_specs(config, enabled))
        self._scheduler.set_plans(wiring.camera_plans(config, enabled))
        if self._mqtt is not None:
            self._mqtt.set_cameras(wiring.camera_infos(config))
            self._mqtt.set_rules(wiring.event_types(config))

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

    def tell(self) -> dict[str, CameraStatus]:
        """Look after the captures, pass on every camera's status, and return them all."""
        self._capture.supervise()
        statuses = self.statuses()
        for status in statuses.values():
            self._metrics.camera_status(status)
            self._tell_subscribers(status)
        return statuses

    def statuses(self) -> dict[str, CameraStatus]:
        """Of every camera of the configuration, those switched off included."""
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

    def _tell_subscribers(self, status: CameraStatus) -> None:
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
        due = now_ns - self._told_ns.get(camera_id, 0) >= REPEAT_NS
        if self._mqtt is not None and (due or self._told.get(camera_id) != words):
            self._mqtt.set_camera_status(status)
            self._told[camera_id] = words
            self._told_ns[camera_id] = now_ns
