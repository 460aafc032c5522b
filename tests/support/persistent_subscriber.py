"""A security desk, say: a paho client with a persistent session that keeps everything it was told."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from tests.support.waiting import eventually


@dataclass(frozen=True, slots=True)
class Message:
    topic: str
    payload: bytes
    retained: bool
    qos: int

    def json(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.payload)
        return value


class PersistentSubscriber:
    """A context manager, connected and subscribed inside. Safe to read from the test's thread."""

    def __init__(self, port: int, prefix: str, *, client_id: str = "subscriber") -> None:
        self.prefix = prefix
        self._port = port
        self._lock = threading.Lock()
        self._messages: list[Message] = []
        self._subscribed = threading.Event()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False
        )
        # paho's own pauses grow to two minutes, longer than a test waits.
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe(f"{prefix}/#", qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message

    def __enter__(self) -> PersistentSubscriber:
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        assert self._subscribed.wait(10)
        return self

    def __exit__(self, *exception: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, payload: str, *, retain: bool = False) -> None:
        self._client.publish(f"{self.prefix}/{topic}", payload, qos=1, retain=retain)

    def messages(self, topic: str) -> list[Message]:
        """All messages of one topic below the prefix, oldest first."""
        with self._lock:
            return [m for m in self._messages if m.topic == f"{self.prefix}/{topic}"]

    def last(self, topic: str) -> bytes | None:
        found = self.messages(topic)
        return found[-1].payload if found else None

    def alerts(self, camera_id: str | None = None) -> list[dict[str, Any]]:
        """Alert payloads, oldest first, repeats included."""
        with self._lock:
            found = [m.json() for m in self._messages if m.topic.endswith("/alert")]
        return [alert for alert in found if camera_id in (None, alert["camera"])]

    def wait_for(self, topic: str, payload: str, timeout_s: float = 30) -> None:
        """Until the topic's newest message is this one."""
        eventually(lambda: self.last(topic) == payload.encode(), timeout_s=timeout_s)

    def wait_for_alert(self, camera_id: str, rule_id: str, timeout_s: float = 60) -> dict[str, Any]:
        """The first alert of this rule on this camera."""

        def found() -> dict[str, Any] | None:
            return next((a for a in self.alerts(camera_id) if a["rule"] == rule_id), None)

        eventually(found, timeout_s=timeout_s)
        alert = found()
        assert alert is not None
        return alert

    def _on_message(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        with self._lock:
            self._messages.append(
                Message(message.topic, bytes(message.payload), message.retain, message.qos)
            )
