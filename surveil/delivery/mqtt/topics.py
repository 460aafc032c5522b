"""Names of MQTT topics, commands that arrive on them, and retained messages that leave."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

RETAINED_LEAVES = (
    "status",
    "status/attributes",
    "abnormal",
    "abnormal/attributes",
    "snapshot",
    "caption",
    "enabled/state",
)
"""Per camera; what must be cleared when the camera leaves."""

MAX_SEQUENCE = 2**63 - 1
"""What SQLite can hold: no alert has a higher number."""
MAX_REPLAY_BYTES = 1024
"""A broker may hand on 256 MiB, which as JSON would be gigabytes of objects."""
MAX_SHOWN = 200
"""Of a topic in a log line: they have up to 64 KiB, and the middle levels are whatever somebody sent."""


@dataclass(frozen=True, slots=True)
class SetEnabled:
    """Somebody switched a camera on or off."""

    camera_id: str
    on: bool


@dataclass(frozen=True, slots=True)
class CaptionNow:
    """Somebody wants the camera's newest frame captioned."""

    camera_id: str


@dataclass(frozen=True, slots=True)
class Replay:
    """A subscriber missed alerts from this sequence number on."""

    camera_id: str
    first: int


Command = SetEnabled | CaptionNow


@dataclass(frozen=True, slots=True)
class Topics:
    """All names below one prefix, and the discovery names beside it."""

    prefix: str
    node: str
    discovery_prefix: str | None = "homeassistant"

    def of_node(self, leaf: str) -> str:
        return f"{self.prefix}/{leaf}"

    def of_camera(self, camera_id: str, leaf: str) -> str:
        return f"{self.prefix}/{camera_id}/{leaf}"

    def discovery(self, camera_id: str) -> str | None:
        if self.discovery_prefix is None:
            return None
        return f"{self.discovery_prefix}/device/{self.device_id(camera_id)}/config"

    @property
    def node_discovery(self) -> str | None:
        """Where Home Assistant learns of the node itself."""
        if self.discovery_prefix is None:
            return None
        return f"{self.discovery_prefix}/device/{self.node_device_id}/config"

    @property
    def node_device_id(self) -> str:
        return f"surveil-{self.node}"

    @property
    def birth(self) -> str | None:
        """Where Home Assistant says that it has started."""
        return None if self.discovery_prefix is None else f"{self.discovery_prefix}/status"

    def device_id(self, camera_id: str) -> str:
        return f"surveil-{self.node}--{camera_id}"

    def subscriptions(self) -> list[str]:
        leaves = ("enabled/set", "caption/now", "alert/replay")
        birth = [self.birth] if self.birth else []
        return [*(self.of_camera("+", leaf) for leaf in leaves), *birth]

    def retained(self, camera_id: str) -> list[str]:
        """Every retained topic of one camera, discovery first, so that Home Assistant drops the entities at once."""
        discovery = self.discovery(camera_id)
        return [
            *([discovery] if discovery else []),
            *(self.of_camera(camera_id, leaf) for leaf in RETAINED_LEAVES),
        ]

    def retained_of_node(self) -> list[str]:
        """What must be cleared when the node gets another name or prefix, discovery first."""
        discovery = [self.node_discovery] if self.node_discovery else []
        return [*discovery, *(self.of_node(leaf) for leaf in ("canary", "health", "status"))]

    def read_command(self, topic: str, payload: bytes) -> Command | Replay:
        """Raises ValueError, which says what was found and what is allowed."""
        below = topic.removeprefix(f"{self.prefix}/")
        camera_id, _, leaf = below.partition("/")
        match leaf if below != topic else "":
            case "enabled/set":
                return SetEnabled(camera_id, _on_or_off(payload))
            case "caption/now":
                return CaptionNow(camera_id)
            case "alert/replay":
                return Replay(camera_id, _first(payload))
            case _:
                raise ValueError("no such command")


def shown_payload(payload: bytes) -> str:
    """For log lines: its beginning, in quotes."""
    return repr(payload[:40].decode("utf-8", "replace"))


def shown_topic(topic: str) -> str:
    """For log lines."""
    return topic if len(topic) <= MAX_SHOWN else f"{topic[:MAX_SHOWN]}..."


def _on_or_off(payload: bytes) -> bool:
    if payload not in (b"ON", b"OFF"):
        raise ValueError(f"found {shown_payload(payload)}, allowed are ON and OFF")
    return payload == b"ON"


def _first(payload: bytes) -> int:
    allowed = 'allowed is {"from": n} with a whole number n from 1 to 2^63 - 1'
    if len(payload) > MAX_REPLAY_BYTES:
        raise ValueError(f"found {len(payload)} bytes, {allowed}")
    try:
        first = json.loads(payload)["from"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(f"found {shown_payload(payload)}, {allowed}") from error
    if type(first) is not int or not 1 <= first <= MAX_SEQUENCE:  # not bool, which is an int too
        raise ValueError(f"found {shown_payload(payload)}, {allowed}")
    return first


@dataclass(frozen=True, slots=True)
class Message:
    """One PUBLISH, retained unless it says otherwise."""

    topic: str
    payload: bytes = field(repr=False)
    qos: int = 1
    retain: bool = True
    user_properties: tuple[tuple[str, str], ...] = ()
    """MQTT 5 only."""
    note: str | None = None
    """For the sender: handed back when the broker has acknowledged the message."""
    on_acknowledged: Callable[[], None] | None = field(default=None, repr=False)
    """Called in the delivery thread when the broker has, each time that it is sent; returns at once."""


class RetainedTopics:
    """The newest message of each retained topic, and which of them the broker has not been sent. Any thread.

    However often a value changed while the broker was away, it is sent once, as it is. Topics keep the order in which
    they were first set.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._messages: dict[str, Message] = {}
        self._unsent: dict[str, Message] = {}

    def set(self, message: Message) -> None:
        """Unsent when it says something new."""
        with self._lock:
            if self._messages.get(message.topic) != message:
                self._messages[message.topic] = message
                self._unsent[message.topic] = message

    def set_default(self, message: Message) -> None:
        """Only if the topic has no value yet."""
        with self._lock:
            if message.topic not in self._messages:
                self._messages[message.topic] = message
                self._unsent[message.topic] = message

    def send_once(self, message: Message) -> None:
        """Sent once, not again at the next connect; a newer one on the same topic replaces it."""
        with self._lock:
            self._unsent[message.topic] = message

    def remove(self, topic: str) -> None:
        """Forget the topic; the broker is not told."""
        with self._lock:
            self._messages.pop(topic, None)
            self._unsent.pop(topic, None)

    def resend(self, prefix: str = "") -> None:
        """All topics that begin so are unsent again: a new connection, or Home Assistant was born."""
        with self._lock:
            again = {t: m for t, m in self._messages.items() if t.startswith(prefix)}
            self._unsent = {**again, **self._unsent}

    def take_unsent(self) -> Message | None:
        """The next unsent message; it counts as sent."""
        with self._lock:
            topic = next(iter(self._unsent), None)
            return None if topic is None else self._unsent.pop(topic)

    def drop_transient(self) -> None:
        """A connection ended: what was to be sent once and was not is stale."""
        with self._lock:
            self._unsent = {t: m for t, m in self._unsent.items() if self._messages.get(t) == m}
