"""What a security desk would have: a client that knows nothing but MQTT, and keeps what it was told."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from surveil.errors import DeliveryError

CONNECT_TIMEOUT_S = 10.0
UNKNOWN = "-"
"""The state of what has not been heard of yet."""


@dataclass(slots=True)
class CameraView:
    """One camera, as its topics tell."""

    camera_id: str
    state: str = UNKNOWN
    fps: float | None = None
    captions: int = 0
    caption: str = ""
    alerts: int = 0
    abnormal: bool = False


@dataclass(frozen=True, slots=True)
class ReceivedAlert:
    """One alert message and when it came."""

    payload: dict[str, Any]
    arrived_ms: int
    """Unix time of arrival, milliseconds."""

    @property
    def latency_ms(self) -> int:
        """From the frame's capture to the subscriber."""
        return self.arrived_ms - int(self.payload["captured_ms"])


@dataclass(slots=True)
class Subscriber:
    """Subscribes to everything under one prefix. `cameras` and `alerts` may be read from any thread under `lock`."""

    port: int
    prefix: str
    camera_ids: tuple[str, ...]
    cameras: dict[str, CameraView] = field(default_factory=dict)
    alerts: list[ReceivedAlert] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    _subscribed: threading.Event = field(default_factory=threading.Event)
    _client: mqtt.Client | None = None

    def __enter__(self) -> Subscriber:
        self.cameras = {camera_id: CameraView(camera_id) for camera_id in self.camera_ids}
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="surveil-demo-subscriber")
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        self._client = client
        if not self._subscribed.wait(CONNECT_TIMEOUT_S):
            raise DeliveryError("the demo's subscriber could not reach the demo's broker")
        return self

    def __exit__(self, *exception: object) -> None:
        if self._client is not None:
            self._client.disconnect()
            self._client.loop_stop()

    def _on_connect(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe(f"{self.prefix}/#", qos=1)

    def _on_subscribe(self, *_: object) -> None:
        self._subscribed.set()

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        parts = message.topic.removeprefix(f"{self.prefix}/").split("/")
        with self.lock:
            if len(parts) > 1 and parts[0] in self.cameras:
                self._take(self.cameras[parts[0]], "/".join(parts[1:]), bytes(message.payload))

    def _take(self, camera: CameraView, topic: str, payload: bytes) -> None:
        match topic:
            case "status":
                camera.state = payload.decode()
            case "status/attributes":
                camera.fps = json.loads(payload).get("fps")
            case "caption":
                camera.captions += 1
                camera.caption = json.loads(payload)["text"]
            case "abnormal":
                camera.abnormal = payload == b"ON"
            case "alert":
                self._take_alert(camera, json.loads(payload))

    def _take_alert(self, camera: CameraView, payload: dict[str, Any]) -> None:
        """Delivery is at least once: the id tells a repeat from a new alert."""
        if any(alert.payload["id"] == payload["id"] for alert in self.alerts):
            return
        camera.alerts += 1
        self.alerts.append(ReceivedAlert(payload, time.time_ns() // 1_000_000))
