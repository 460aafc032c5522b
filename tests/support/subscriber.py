"""A subscriber as the contract asks for: drops repeats by id, sees losses by sequence, asks for them with replay."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.support.waiting import eventually


@dataclass(frozen=True, slots=True)
class Heard:
    """One message as it arrived."""

    topic: str
    payload: bytes
    retained: bool
    qos: int
    user: tuple[tuple[str, str], ...] = ()

    def json(self) -> Any:
        return json.loads(self.payload)


class Subscriber:
    """A context manager; connects, and connects again. Safe to read from the test's thread."""

    def __init__(
        self,
        port: int,
        *filters: str,
        client_id: str = "subscriber",
        persistent: bool = False,
        username: str | None = None,
        password: str | None = None,
    ) -> None:
        self._filters = filters or ("#",)
        self._lock = threading.Lock()
        self._heard: list[Heard] = []
        self._subscribed = threading.Event()
        self._echo = f"echo/{client_id}"
        self._echoed = threading.Event()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTProtocolVersion.MQTTv5
        )
        if username is not None:
            self._client.username_pw_set(username, password)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        if persistent:
            properties.SessionExpiryInterval = 0xFFFFFFFF
        # paho's own pauses grow to two minutes, longer than a test waits.
        self._client.reconnect_delay_set(1, 1)
        self._connect = lambda: self._client.connect(
            "127.0.0.1", port, clean_start=not persistent, properties=properties
        )

    def __enter__(self) -> Subscriber:
        self._connect()  # type: ignore[no-untyped-call]
        self._client.loop_start()
        assert self._subscribed.wait(10)
        return self

    def __exit__(self, *exception: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, payload: str | bytes, *, retain: bool = False) -> None:
        """Waits for paho's own reconnection first: right after a broker's restart it may still be pausing."""
        eventually(self._client.is_connected, 30.0, what="the subscriber is connected")
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(5)

    def in_touch(self, timeout_s: float = 30.0) -> None:
        """Wait until a message of its own comes back. After a broker's kill it may still take itself for connected, and
        a session that the broker never saved is gone: what is published before it subscribes again passes it by."""
        self._echoed.clear()

        def comes_back() -> bool:
            self._client.publish(self._echo, b"", qos=0)
            return self._echoed.wait(0.5)

        eventually(comes_back, timeout_s, what="the subscriber hears itself")

    def heard(self, topic: str | None = None) -> list[Heard]:
        """Oldest first; of one topic, or all."""
        with self._lock:
            return [h for h in self._heard if topic in (None, h.topic)]

    def last(self, topic: str) -> bytes | None:
        found = self.heard(topic)
        return found[-1].payload if found else None

    def wait_for(self, topic: str, payload: bytes, timeout_s: float = 10.0) -> None:
        eventually(
            lambda: self.last(topic) == payload,
            timeout_s,
            what=lambda: f"{topic} is {self.last(topic)!r}, not {payload!r}",
        )

    def alerts(self, camera_id: str | None = None) -> list[dict[str, Any]]:
        """Payloads in order of arrival, repeats included."""
        found = [h.json() for h in self.heard() if h.topic.endswith("/alert")]
        return [alert for alert in found if camera_id in (None, alert["camera"])]

    def gaps(self) -> list[dict[str, Any]]:
        return [
            {**h.json(), "camera": h.topic.split("/")[-2]}
            for h in self.heard()
            if h.topic.endswith("/gap")
        ]

    def numbers(self) -> dict[tuple[str, str], dict[int, str]]:
        """(store, camera) -> sequence -> id; fails on two ids under one number, or two numbers under one id."""
        found: dict[tuple[str, str], dict[int, str]] = defaultdict(dict)
        named: dict[str, int] = {}
        for alert in self.alerts():
            numbers = found[alert["store"], alert["camera"]]
            sequence, alert_id = alert["sequence"], alert["id"]
            assert numbers.setdefault(sequence, alert_id) == alert_id
            assert named.setdefault(alert_id, sequence) == sequence
        return found

    def ask_for_losses(self, prefix: str) -> None:
        """`replay` from the first number that is missing, of each camera."""
        for (_, camera_id), numbers in self.numbers().items():
            missing = set(range(1, max(numbers) + 1)) - set(numbers)
            if missing:
                self.publish(
                    f"{prefix}/{camera_id}/alert/replay", json.dumps({"from": min(missing)})
                )

    def _on_connect(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe([(name, 1) for name in (*self._filters, self._echo)])

    def _on_message(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        if message.topic == self._echo:
            self._echoed.set()
            return
        user = tuple(getattr(message.properties, "UserProperty", ()))
        with self._lock:
            self._heard.append(
                Heard(message.topic, bytes(message.payload), message.retain, message.qos, user)
            )
