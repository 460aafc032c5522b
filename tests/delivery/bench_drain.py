"""How fast a backlog leaves: `python -m tests.delivery.bench_drain [--alerts 1000]`, against Mosquitto on loopback.

Prints what was measured, and fails only if an alert is missing or out of order; times depend on the machine.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from surveil.clock import SystemClock, ns
from surveil.delivery.mqtt.discovery import CameraInfo
from surveil.delivery.mqtt.mqtt_delivery import MqttDelivery
from surveil.delivery.mqtt.mqtt_session import MqttSpec
from tests.support.alerts import Room
from tests.support.broker import Broker
from tests.support.subscriber import Subscriber
from tests.support.waiting import eventually

CAMERAS = ("yard", "gate", "lobby", "roof")


def main() -> int:
    parser = argparse.ArgumentParser(description="Measures how fast queued alerts are delivered.")
    parser.add_argument("--alerts", type=int, default=1_000)
    count = parser.parse_args().alerts
    with (
        tempfile.TemporaryDirectory() as name,
        Broker(Path(name) / "broker") as broker,
        Subscriber(broker.port, "surveil/edge-01/+/alert") as subscriber,
    ):
        room = Room(Path(name) / "node", SystemClock())
        started = time.monotonic()
        for index in range(count):
            room.open(CAMERAS[index % len(CAMERAS)])
        committed_s = time.monotonic() - started
        spec = MqttSpec("127.0.0.1", "edge-01", port=broker.port)
        mqtt = MqttDelivery(
            room.store, room.store.states, spec, clock=room.clock, snapshots=room.snapshots
        )
        mqtt.set_cameras([CameraInfo(camera, camera) for camera in CAMERAS])
        started = time.monotonic()
        mqtt.start()
        eventually(lambda: not room.store.waiting_total("mqtt"), 120)
        drained_s = time.monotonic() - started
        eventually(lambda: len(subscriber.alerts()) == count, 20)
        mqtt.stop()
        mqtt.join(room.clock.monotonic_ns() + ns(5.0))
        room.store.close()
        for camera in CAMERAS:
            numbers = [alert["sequence"] for alert in subscriber.alerts(camera)]
            assert numbers == list(range(1, len(numbers) + 1))
    figures = {
        "alerts": count,
        "committed_per_s": round(count / committed_s),
        "drained_per_s": round(count / drained_s),
        "in_order": True,
    }
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
