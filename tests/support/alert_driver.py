"""A process that raises alerts and delivers them, to be killed: the alert path of the daemon without cameras.

`python -m tests.support.alert_driver --state DIR --port N --rate 20`; SIGTERM ends it cleanly.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from pathlib import Path

from surveil.alerts.alert_store import AlertStore
from surveil.alerts.recorder import AlertRecorder, Destination
from surveil.alerts.retention import AgeLimits, FileLimits, Retention
from surveil.alerts.snapshots import Snapshots
from surveil.clock import SystemClock, WallTime, ns
from surveil.delivery.mqtt.discovery import CameraInfo
from surveil.delivery.mqtt.mqtt_delivery import MqttDelivery
from surveil.delivery.mqtt.mqtt_session import MqttSpec
from tests.support.alerts import make_incident

CAMERAS = ("yard", "gate", "lobby")
NODE = "edge-01"
PREFIX = f"surveil/{NODE}"
DAY_S = 86_400.0


def main() -> int:
    args = _arguments()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    clock = SystemClock()
    wall = WallTime(clock)
    store = AlertStore(args.state / "alerts.db", clock, wall, reserve_bytes=args.reserve)
    snapshots = Snapshots(args.state / "snapshots")
    Retention(
        store,
        snapshots,
        alerts=AgeLimits(DAY_S),
        files=FileLimits(AgeLimits(DAY_S), 1 << 30, 0),
        expire_after_s=DAY_S,
        clock=clock,
        wall=wall,
    ).begin()
    spec = MqttSpec(
        "127.0.0.1",
        NODE,
        port=args.port,
        username=args.username,
        password=args.password,
        retry_min_s=0.1,
        retry_max_s=0.5,
    )
    mqtt = MqttDelivery(store, store.states, spec, clock=clock, snapshots=snapshots, poll_s=0.1)
    mqtt.set_cameras([CameraInfo(camera, camera) for camera in CAMERAS])
    mqtt.start()
    recorder = AlertRecorder(store, snapshots, [Destination("mqtt")], clock=clock, wall=wall)
    number = 0
    while not ended.wait(1 / args.rate):
        wall.refresh()
        if number < args.count:
            recorder.record(make_incident(clock, CAMERAS[number % len(CAMERAS)]))
            number += 1
        recorder.tick()
        if mqtt.failure is not None:
            return 1
    mqtt.stop()
    mqtt.join(clock.monotonic_ns() + ns(5.0))
    store.close()
    return 0 if mqtt.failure is None else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rate", type=float, default=20.0)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--reserve", type=int, default=256 << 10)
    parser.add_argument("--username")
    parser.add_argument("--password")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
