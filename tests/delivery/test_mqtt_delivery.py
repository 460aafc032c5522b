"""MqttDelivery against a real Mosquitto: what subscribers see, over outages, refusals, and restarts."""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image

from surveil.clock import SystemClock, ns
from surveil.delivery.mqtt.discovery import CameraInfo
from surveil.delivery.mqtt.mqtt_delivery import MqttDelivery
from surveil.delivery.mqtt.mqtt_session import MqttSpec
from surveil.delivery.mqtt.topics import CaptionNow, Command, SetEnabled
from surveil.records import CameraState, CameraStatus, Problem
from tests.fakes import ArrayPicture
from tests.support.alerts import Room, make_caption
from tests.support.broker import MOSQUITTO, Broker
from tests.support.mqtt_node import PREFIX, YARD, MqttNode, node
from tests.support.subscriber import Subscriber
from tests.support.waiting import eventually

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed"),
]

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/reference/alert.schema.json").read_text())


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path / "broker") as running:
        yield running


def status(camera_id: str, state: CameraState) -> CameraStatus:
    return CameraStatus(camera_id, state, "no route", 5_000, None, 25.0, 640, 360, 1, 0, 2, None)


def test_an_alert_arrives_once_as_the_contract_says(tmp_path: Path, broker: Broker) -> None:
    with Subscriber(broker.port) as subscriber, node(tmp_path, broker) as it:
        alert = it.room.open()
        eventually(subscriber.alerts)
        it.drained()
        (message,) = subscriber.heard(f"{YARD}/alert")
        assert (message.qos, message.retained) == (1, False)
        payload = message.json()
        jsonschema.validate(payload, SCHEMA, format_checker=jsonschema.FormatChecker())
        assert payload["id"] == alert.alert_id
        assert payload["store"] == it.room.store.store_id
        assert alert.snapshot is not None
        assert payload["snapshot"]["path"] == alert.snapshot.path
        counted = it.mqtt.counters()
        assert (counted["connected"], counted["connects_total"], counted["refused_total"]) == (
            1,
            1,
            0,
        )
        assert counted["acknowledged_total"] > len(it.mqtt.topics.retained("yard"))


def test_online_is_the_last_state_of_a_connection(tmp_path: Path, broker: Broker) -> None:
    with Subscriber(broker.port) as subscriber, node(tmp_path, broker):
        subscriber.wait_for(f"{PREFIX}/status", b"online")
        topics = [h.topic for h in subscriber.heard()]
        before = set(topics[: topics.index(f"{PREFIX}/status")])
        expected = {
            f"{PREFIX}/{camera}/{leaf}"
            for camera in ("yard", "gate")
            for leaf in (
                "status",
                "status/attributes",
                "abnormal",
                "abnormal/attributes",
                "enabled/state",
                "snapshot",
            )
        }
        assert expected <= before


def test_a_late_subscriber_finds_the_true_state_from_retained_messages_alone(
    tmp_path: Path, broker: Broker
) -> None:
    with Subscriber(broker.port, client_id="early") as early, node(tmp_path, broker) as it:
        it.room.store.states.set_enabled("gate", False)
        it.mqtt.set_enabled("gate", False)
        it.mqtt.set_camera_status(status("yard", CameraState.ONLINE))
        it.mqtt.set_camera_status(status("gate", CameraState.DISABLED))
        it.mqtt.set_abnormal("yard", ["person-climbing"], since_unix_ms=1_000, hits=3)
        it.mqtt.set_caption(make_caption(it.room.clock))
        it.mqtt.set_health([Problem("disk", "the disk is full", 1_000)])
        alert = it.room.open()
        it.connected().drained()
        eventually(lambda: early.last(f"{YARD}/snapshot") and early.last(f"{PREFIX}/status"))
        with Subscriber(broker.port) as subscriber:
            subscriber.wait_for(f"{PREFIX}/status", b"online")
            subscriber.wait_for(f"{YARD}/status", b"online")
            subscriber.wait_for(f"{PREFIX}/gate/status", b"disabled")
            subscriber.wait_for(f"{PREFIX}/gate/enabled/state", b"OFF")
            subscriber.wait_for(f"{YARD}/abnormal", b"ON")
            eventually(lambda: subscriber.last(f"{YARD}/snapshot"))
            assert all(h.retained for h in subscriber.heard())
            assert subscriber.heard(f"{YARD}/alert") == []
            assert json.loads(subscriber.last(f"{YARD}/abnormal/attributes") or b"")["hits"] == 3
            assert json.loads(subscriber.last(f"{PREFIX}/health") or b"")["state"] == "degraded"
            assert json.loads(subscriber.last(f"{YARD}/caption") or b"")["text"] == alert.caption
            (picture,) = subscriber.heard(f"{YARD}/snapshot")
            assert dict(picture.user)["alert_id"] == alert.alert_id
            exif = Image.open(io.BytesIO(picture.payload)).getexif()
            assert exif.get_ifd(0x8769)[0xA420] == alert.alert_id


def test_pictures_switched_off_leave_none_at_the_broker(tmp_path: Path, broker: Broker) -> None:
    with node(tmp_path, broker) as it:
        it.room.open()
        it.connected().drained()
        with Subscriber(broker.port) as subscriber:
            eventually(lambda: subscriber.last(f"{YARD}/snapshot"))
    with node(tmp_path, broker, snapshots=False) as it:
        it.connected()
        with Subscriber(broker.port) as subscriber:
            subscriber.wait_for(f"{PREFIX}/status", b"online")
            assert subscriber.heard(f"{YARD}/snapshot") == []


def test_retained_states_are_told_again_to_a_broker_that_forgot_them(
    tmp_path: Path, broker: Broker
) -> None:
    with node(tmp_path, broker) as it:
        it.mqtt.set_camera_status(status("yard", CameraState.ONLINE))
        it.connected()
        broker.kill()
        it.mqtt.set_abnormal("yard", ["person-climbing"])
        broker.start()
        with Subscriber(broker.port) as subscriber:
            subscriber.wait_for(f"{YARD}/status", b"online")
            subscriber.wait_for(f"{YARD}/abnormal", b"ON")
            subscriber.wait_for(f"{PREFIX}/status", b"online")


def test_a_clean_stop_says_stopped_and_a_death_says_offline(tmp_path: Path, broker: Broker) -> None:
    with Subscriber(broker.port, f"{PREFIX}/status") as subscriber:
        with node(tmp_path, broker) as it:
            it.connected()
            subscriber.wait_for(f"{PREFIX}/status", b"online")
        subscriber.wait_for(f"{PREFIX}/status", b"stopped")
        with node(tmp_path, broker) as it:
            it.connected()
            subscriber.wait_for(f"{PREFIX}/status", b"online")
            it.mqtt.failure = RuntimeError("as if a bug had ended the thread")
            it.mqtt.stop()
            subscriber.wait_for(f"{PREFIX}/status", b"offline")
            it.mqtt.failure = None


def test_what_waited_while_the_broker_was_away_arrives_in_order(
    tmp_path: Path, broker: Broker
) -> None:
    with node(tmp_path, broker) as it:
        it.connected()
        broker.kill()
        eventually(lambda: not it.mqtt.connected)
        for index in range(60):
            it.room.open("yard" if index % 2 else "gate")
        broker.start()
        with Subscriber(broker.port) as subscriber:
            it.drained()
            eventually(lambda: subscriber.alerts())
        # The subscriber came late: what the broker took before it is not lost, it can be had again.
        with Subscriber(broker.port) as subscriber:
            for camera in ("yard", "gate"):
                subscriber.publish(f"{PREFIX}/{camera}/alert/replay", b'{"from": 1}')
            eventually(lambda: len(subscriber.alerts()) >= 60)
            for camera in ("yard", "gate"):
                numbers = [alert["sequence"] for alert in subscriber.alerts(camera)]
                assert numbers == list(range(1, 31))


def test_commands_reach_the_daemon_and_retained_ones_do_not(tmp_path: Path, broker: Broker) -> None:
    with Subscriber(broker.port) as subscriber:
        subscriber.publish(f"{YARD}/enabled/set", b"OFF", retain=True)
        with node(tmp_path, broker) as it:
            it.connected()
            subscriber.wait_for(f"{PREFIX}/status", b"online")
            subscriber.publish(f"{YARD}/enabled/set", b"off")
            subscriber.publish(f"{PREFIX}/attic/enabled/set", b"OFF")
            subscriber.publish(f"{YARD}/caption/now", b"")
            subscriber.publish(f"{YARD}/enabled/set", b"ON")
            eventually(lambda: len(it.commands) >= 2)
            assert it.commands == [CaptionNow("yard"), SetEnabled("yard", on=True)]


def test_retained_commands_are_ignored_over_mqtt_3(tmp_path: Path, broker: Broker) -> None:
    """There the broker cannot be asked to leave them out."""
    with Subscriber(broker.port) as subscriber:
        subscriber.publish(f"{YARD}/enabled/set", b"OFF", retain=True)
        with node(tmp_path, broker, protocol="3.1.1") as it:
            it.connected()
            subscriber.wait_for(f"{PREFIX}/status", b"online")
            subscriber.publish(f"{YARD}/caption/now", b"")
            eventually(lambda: it.commands)
            assert it.commands == [CaptionNow("yard")]


def test_a_camera_that_left_while_the_daemon_was_down_is_cleared(
    tmp_path: Path, broker: Broker
) -> None:
    with node(tmp_path, broker) as it:
        it.room.open("gate")
        it.connected().drained()
        with Subscriber(broker.port) as subscriber:
            eventually(lambda: subscriber.last(f"{PREFIX}/gate/snapshot"))
    it = MqttNode(tmp_path, broker)
    it.mqtt.set_cameras([CameraInfo("yard", "Yard")])
    it.mqtt.start()
    eventually(lambda: set(it.room.store.states.announced()) == {PREFIX, YARD})
    with Subscriber(broker.port) as subscriber:
        subscriber.wait_for(f"{PREFIX}/status", b"online")
        topics = {h.topic for h in subscriber.heard()}
    it.end()
    assert not any("gate" in topic for topic in topics)
    assert "homeassistant/device/surveil-edge-01--yard/config" in topics


def test_another_prefix_leaves_nothing_of_the_old_one(tmp_path: Path, broker: Broker) -> None:
    with node(tmp_path, broker) as it:
        it.connected()
        it.mqtt.set_health([])
        with Subscriber(broker.port) as subscriber:
            subscriber.wait_for(f"{PREFIX}/health", b'{"state":"ok","problems":[]}')
    with node(tmp_path, broker, topic_prefix="home/cams") as it:
        eventually(lambda: PREFIX not in it.room.store.states.announced() and it.mqtt.connected)
        eventually(
            lambda: not any(key.startswith(PREFIX) for key in it.room.store.states.announced())
        )
        with Subscriber(broker.port) as subscriber:
            subscriber.wait_for("home/cams/status", b"online")
            assert not any(h.topic.startswith(PREFIX) for h in subscriber.heard())
            config = subscriber.last("homeassistant/device/surveil-edge-01--yard/config")
            assert b"home/cams/yard/alert" in (config or b"")


def test_discovery_that_was_switched_off_is_cleared(tmp_path: Path, broker: Broker) -> None:
    """Also of another prefix: else Home Assistant keeps dead devices for ever."""
    with node(tmp_path, broker) as it, Subscriber(broker.port) as subscriber:
        it.connected()
        eventually(lambda: subscriber.last("homeassistant/device/surveil-edge-01/config"))
        eventually(lambda: subscriber.last("homeassistant/device/surveil-edge-01--gate/config"))
    for prefix in ("ha", None):
        with node(tmp_path, broker, discovery_prefix=prefix) as it:
            it.connected()
            eventually(lambda: not any("(" in key for key in it.room.store.states.announced()))
        with Subscriber(broker.port) as subscriber:
            subscriber.wait_for(f"{PREFIX}/status", b"stopped")
            found = {h.topic for h in subscriber.heard() if "/device/" in h.topic}
        devices = ("", "--yard", "--gate") if prefix else ()
        assert found == {f"{prefix}/device/surveil-edge-01{one}/config" for one in devices}


def test_a_node_of_another_name_leaves_no_device(tmp_path: Path, broker: Broker) -> None:
    spec = {"topic_prefix": "home/cams", "client_id": "box"}
    with node(tmp_path, broker, **spec) as it:
        it.connected()
    with node(tmp_path, broker, node="edge-02", **spec) as it:
        it.connected()
        eventually(lambda: not any("(" in key for key in it.room.store.states.announced()))
    with Subscriber(broker.port) as subscriber:
        subscriber.wait_for("home/cams/status", b"stopped")
        devices = [h.topic.split("/")[2] for h in subscriber.heard() if "/device/" in h.topic]
    assert sorted(devices) == ["surveil-edge-02", "surveil-edge-02--gate", "surveil-edge-02--yard"]


def test_home_assistants_birth_brings_discovery_again(tmp_path: Path, broker: Broker) -> None:
    config = "homeassistant/device/surveil-edge-01--yard/config"
    with Subscriber(broker.port) as subscriber, node(tmp_path, broker) as it:
        it.connected()
        eventually(lambda: subscriber.heard(config))
        subscriber.publish("homeassistant/status", b"online")
        eventually(lambda: len(subscriber.heard(config)) == 2)
        it.mqtt.set_rules(["person_climbing", "fire"])
        eventually(lambda: len(subscriber.heard(config)) == 3)
        assert b"fire" in subscriber.heard(config)[-1].payload


def test_the_canary_is_told_when_the_broker_has_its_message_and_not_before(
    tmp_path: Path, broker: Broker
) -> None:
    told: list[str] = []
    broker.stop()
    with node(tmp_path, broker) as it:
        it.mqtt.set_canary({"round": 1}, on_acknowledged=lambda: told.append("first"))
        it.mqtt.set_canary({"round": 2}, on_acknowledged=lambda: told.append("second"))
        assert told == []
        broker.start()
        with Subscriber(broker.port) as subscriber:
            eventually(lambda: told == ["second"])
            eventually(lambda: subscriber.heard(f"{PREFIX}/canary"))


def test_a_puback_with_an_error_parks_the_alert_and_tells_a_gap(tmp_path: Path) -> None:
    rules = tmp_path / "acl"
    rules.write_text(
        f"topic readwrite {PREFIX}/#\ntopic readwrite homeassistant/#\ntopic deny {YARD}/alert\n"
    )
    with (
        Broker(tmp_path / "broker", extra=f"acl_file {rules}") as broker,
        Subscriber(broker.port, f"{PREFIX}/#") as subscriber,
        node(tmp_path, broker) as it,
    ):
        it.room.open("yard")
        it.room.open("gate")
        eventually(lambda: subscriber.gaps() and subscriber.alerts("gate"))
        gap = subscriber.gaps()[0]
        assert (gap["camera"], gap["from"], gap["to"]) == ("yard", 1, 1)
        assert "Not authorized" in gap["reason"]
        assert subscriber.alerts("yard") == []


def test_an_alert_too_large_for_the_broker_is_parked_and_told(tmp_path: Path) -> None:
    with (
        Broker(tmp_path / "broker", extra="max_packet_size 700") as broker,
        Subscriber(broker.port, f"{PREFIX}/+/gap", f"{PREFIX}/status") as subscriber,
        node(tmp_path, broker, discovery_prefix=None, snapshots=False) as it,
    ):
        it.room.open("yard")
        eventually(subscriber.gaps)
        assert "700 bytes" in subscriber.gaps()[0]["reason"]
        assert it.mqtt.connected


def test_pictures_fit_into_a_message(tmp_path: Path, broker: Broker) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (1080, 1920, 3), dtype=np.uint8)
    with Subscriber(broker.port) as subscriber, node(tmp_path, broker, snapshot_max_px=1920) as it:
        it.connected()
        it.room.open(picture=ArrayPicture(noise))
        eventually(lambda: subscriber.last(f"{YARD}/snapshot"))
        assert all(len(h.payload) <= 256 << 10 for h in subscriber.heard())
        assert Image.open(io.BytesIO(subscriber.last(f"{YARD}/snapshot") or b"")).width >= 640


def test_an_exception_in_a_command_ends_the_worker(tmp_path: Path, broker: Broker) -> None:
    """Not a log line: the daemon must notice."""
    failed: list[BaseException] = []

    def explode(command: Command) -> None:
        raise RuntimeError("bug")

    room = Room(tmp_path / "node", SystemClock())
    spec = MqttSpec("127.0.0.1", "edge-01", port=broker.port)
    mqtt = MqttDelivery(
        room.store,
        room.store.states,
        spec,
        clock=room.clock,
        on_command=explode,
        on_failure=lambda worker, error: failed.append(error),
    )
    mqtt.set_cameras([CameraInfo("yard", "Yard")])
    with Subscriber(broker.port) as subscriber:
        mqtt.start()
        subscriber.wait_for(f"{PREFIX}/status", b"online")
        subscriber.publish(f"{YARD}/caption/now", b"")
        eventually(lambda: failed)
        subscriber.wait_for(f"{PREFIX}/status", b"offline")
    assert str(failed[0]) == "bug"
    assert mqtt.join(room.clock.monotonic_ns() + ns(5.0))
    room.store.close()


def test_deliveries_go_on_while_another_process_locks_the_database(
    tmp_path: Path, broker: Broker
) -> None:
    with Subscriber(broker.port) as subscriber, node(tmp_path, broker) as it:
        it.connected()
        with sqlite3.connect(tmp_path / "node/alerts.db", isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            it.room.open()
            eventually(subscriber.alerts)
            assert subscriber.alerts()[0]["durable"] is False
            other.execute("ROLLBACK")
        other.close()
        eventually(it.room.store.settle)
        it.room.open()
        eventually(lambda: [a["sequence"] for a in subscriber.alerts()] == [1, 2])
        it.drained()
