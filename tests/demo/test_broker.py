"""The demo's own broker and subscriber speak real MQTT to each other."""

from __future__ import annotations

import json

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from surveil.demo.embedded_broker import EmbeddedBroker
from surveil.demo.subscriber import Subscriber
from tests.support.waiting import eventually

ALERT = {"id": "0197", "camera": "yard", "rule": "fire", "captured_ms": 0}


def test_what_is_published_is_seen_and_a_repeated_alert_counts_once() -> None:
    with (
        EmbeddedBroker() as broker,
        Subscriber(broker.port, "surveil/demo", ("yard",)) as subscriber,
    ):
        client = mqtt.Client(CallbackAPIVersion.VERSION2)
        client.connect("127.0.0.1", broker.port)
        client.loop_start()
        for topic, payload in (
            ("status", "online"),
            ("yard/status", "online"),
            ("yard/status/attributes", '{"fps": 15.0}'),
            ("yard/caption", '{"text": "a fire"}'),
            ("yard/abnormal", "ON"),
            ("yard/alert", json.dumps(ALERT)),
            ("yard/alert", json.dumps(ALERT)),
            ("yard/alert", json.dumps({**ALERT, "id": "0198"})),
            ("elsewhere/alert", json.dumps(ALERT)),
        ):
            client.publish(f"surveil/demo/{topic}", payload, qos=1).wait_for_publish(10)
        eventually(lambda: len(subscriber.alerts) == 2)
        client.disconnect()
        client.loop_stop()
        view = subscriber.cameras["yard"]
        assert (view.state, view.fps, view.captions, view.caption) == ("online", 15.0, 1, "a fire")
        assert view.abnormal
        assert view.alerts == 2
