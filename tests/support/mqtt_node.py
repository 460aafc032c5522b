"""A Room whose MqttDelivery runs in its thread, on the real clock, against a broker of the test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from surveil.clock import SystemClock, ns
from surveil.delivery.mqtt.discovery import CameraInfo
from surveil.delivery.mqtt.mqtt_delivery import MqttDelivery
from surveil.delivery.mqtt.mqtt_session import MqttSpec
from surveil.delivery.mqtt.topics import Command
from tests.support.alerts import Room
from tests.support.broker import Broker
from tests.support.waiting import eventually

PREFIX = "surveil/edge-01"
YARD = f"{PREFIX}/yard"


class MqttNode:
    """Two cameras, yard and gate; `commands` is what arrived for the daemon."""

    def __init__(self, folder: Path, broker: Broker, **spec: Any) -> None:
        self.room = Room(folder / "node", SystemClock())
        self.commands: list[Command] = []
        values = {"host": "127.0.0.1", "node": "edge-01", "port": broker.port, "retry_min_s": 0.1}
        self.mqtt = MqttDelivery(
            self.room.store,
            self.room.store.states,
            MqttSpec(**{**values, **spec}),
            clock=self.room.clock,
            snapshots=self.room.snapshots,
            on_command=self.commands.append,
            poll_s=0.05,
        )
        self.mqtt.set_cameras([CameraInfo("yard", "Yard"), CameraInfo("gate", "Gate")])
        self.mqtt.set_rules(["person_climbing"])

    def connected(self) -> MqttNode:
        eventually(lambda: self.mqtt.connected, what=self.problem)
        return self

    def problem(self) -> str:
        """What is wrong with the connection, in words."""
        return "; ".join(problem.text for problem in self.mqtt.problems())

    def drained(self, timeout_s: float = 10.0) -> None:
        eventually(lambda: not self.room.store.waiting_total("mqtt"), timeout_s)

    def end(self) -> None:
        self.mqtt.stop()
        clock = self.room.clock
        assert self.mqtt.join(clock.monotonic_ns() + ns(5.0))
        assert self.mqtt.failure is None
        self.room.store.close()


@contextmanager
def node(folder: Path, broker: Broker, **spec: Any) -> Iterator[MqttNode]:
    running = MqttNode(folder, broker, **spec)
    running.mqtt.start()
    try:
        yield running
    finally:
        running.end()
