"""Whatever keeps messages from the broker is told with what to do about it, and no longer than it lasts."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest

from surveil.delivery.mqtt.discovery import CameraInfo
from surveil.delivery.mqtt.mqtt_connection import ConnectionProblems, MqttConnection
from surveil.delivery.mqtt.mqtt_delivery import MqttDelivery
from surveil.delivery.mqtt.mqtt_session import TAKEN_OVER, Lost, MqttSpec
from surveil.delivery.mqtt.topics import Message
from surveil.records import Problem
from tests.fakes import FakeClock
from tests.support.alerts import Room
from tests.support.broker import MOSQUITTO, Broker
from tests.support.mqtt_node import PREFIX, YARD, MqttNode, node
from tests.support.subscriber import Subscriber
from tests.support.waiting import eventually, throughout
from tests.support.wire_broker import WireBroker

REAL = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")
TOLD_WITHIN_S = 30.0


def codes(mqtt: MqttDelivery) -> list[str]:
    """All of them with what a person needs."""
    for problem in mqtt.problems():
        assert problem.component == "delivery-mqtt"
        assert problem.text
        assert problem.remedy
        assert problem.since_unix_ms > 0
    return [problem.code for problem in mqtt.problems()]


def told(it: MqttNode, code: str) -> Problem:
    """The problem, as soon as it is the only one."""
    eventually(lambda: codes(it.mqtt) == [code], TOLD_WITHIN_S, what=lambda: it.mqtt.problems())
    return it.mqtt.problems()[0]


def mended(it: MqttNode) -> None:
    eventually(lambda: codes(it.mqtt) == [], TOLD_WITHIN_S, what=lambda: it.mqtt.problems())


@pytest.mark.system
@REAL
def test_a_broker_that_is_away_is_told_until_it_is_back(tmp_path: Path) -> None:
    with Broker(tmp_path / "broker") as broker, node(tmp_path, broker, retry_max_s=0.2) as it:
        it.connected()
        mended(it)
        broker.kill()
        first = told(it, "mqtt_unreachable")
        assert "Connection refused" in first.text
        throughout(lambda: told(it, "mqtt_unreachable").since_unix_ms == first.since_unix_ms, 0.5)
        broker.start()
        mended(it)


@pytest.mark.system
@REAL
def test_a_wrong_password_is_told_as_such_without_it(tmp_path: Path) -> None:
    with Broker(tmp_path / "broker", users={"surveil": "right"}) as broker:
        spec = {"username": "surveil", "password": "wr0ng", "retry_max_s": 0.2}
        with node(tmp_path, broker, **spec) as it:
            refused = told(it, "mqtt_refused")
            assert "password" in refused.remedy
            assert "wr0ng" not in f"{refused.text} {refused.remedy}"
            broker.set_users({"surveil": "wr0ng"})
            mended(it)


@pytest.mark.system
@REAL
def test_a_twin_stays_told_while_the_two_take_turns(tmp_path: Path) -> None:
    with (
        Broker(tmp_path / "broker") as broker,
        node(tmp_path, broker, client_id="twin", retry_max_s=0.5) as it,
        Subscriber(broker.port, client_id="twin"),
    ):
        assert "running twice" in told(it, "mqtt_taken_over").text
        since_ms = told(it, "mqtt_taken_over").since_unix_ms
        eventually(lambda: it.mqtt.connected, 20)
        assert [problem.since_unix_ms for problem in it.mqtt.problems()] == [since_ms]


def test_a_twin_is_forgotten_when_a_connection_outlives_its_longest_wait() -> None:
    clock = FakeClock()
    problems = ConnectionProblems(clock, component="delivery-mqtt", where="it", retry_max_s=60.0)
    problems.accepted()
    problems.lost(Lost("thrown out", code=TAKEN_OVER))
    (first,) = problems.problems()
    clock.advance(60)
    problems.accepted()
    clock.advance(60)
    assert problems.problems() == (first,)
    problems.lost(Lost("thrown out", code=TAKEN_OVER))
    assert problems.problems() == (first,)
    problems.accepted()
    clock.advance(91)
    assert problems.problems() == ()


def test_a_connection_that_is_back_in_a_moment_was_not_missed() -> None:
    clock = FakeClock()
    problems = ConnectionProblems(clock, component="delivery-mqtt", where="it", retry_max_s=60.0)
    clock.advance(4)
    assert problems.problems() == ()
    problems.accepted()
    clock.advance(3600)
    problems.lost(Lost("gone"))
    clock.advance(4)
    assert problems.problems() == ()
    clock.advance(2)
    assert [problem.text for problem in problems.problems()] == ["gone"]


def test_a_name_whose_lookup_hangs_is_told_although_no_attempt_has_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(30) and [])
    clock = FakeClock()
    will = Message("s", b"offline")
    spec = MqttSpec("broker.example", "edge-01")
    connection = MqttConnection(spec, clock, will=will, chance=lambda: 0.0)
    connection.poll(0.0)
    clock.advance(6)
    connection.poll(0.0)
    (problem,) = connection.problems()
    assert problem.code == "mqtt_unreachable"
    assert "broker.example" in problem.text
    over.set()
    eventually(lambda: (connection.poll(0.01), connection.lost)[-1], 10)
    connection.close(politely=False)


@pytest.fixture
def wire() -> Iterator[WireBroker]:
    broker = WireBroker()
    yield broker
    broker.close()


class Driven:
    """A delivery thread's work, done by the test, on a clock that the test moves."""

    def __init__(
        self, folder: Path, wire: WireBroker, *, protocol: Literal["5", "3.1.1"] = "3.1.1"
    ) -> None:
        self.clock = FakeClock()
        self.room = Room(folder, self.clock)
        self.wire = wire
        self.over = False
        spec = MqttSpec("127.0.0.1", "edge-01", port=wire.port, protocol=protocol, keepalive_s=600)
        self.mqtt = MqttDelivery(
            self.room.store, self.room.store.states, spec, clock=self.clock, poll_s=0.01
        )
        self.mqtt.set_cameras([CameraInfo("yard", "Yard")])

    def until(self, condition: Callable[[], object]) -> None:
        def moved() -> object:
            self.mqtt.step()
            if not self.over:
                self.wire.serve()
            return condition()

        eventually(moved, 20, what=lambda: self.mqtt.problems())

    def later(self) -> list[str]:
        """The problems' codes, a second later."""
        self.clock.advance(1)
        return codes(self.mqtt)

    def end(self) -> None:
        self.wire.close()
        self.over = True
        self.until(
            lambda: not self.mqtt.connected
        )  # else a clock that stands still would flush for ever
        self.mqtt.finish()
        self.room.store.close()


def test_a_broker_that_acknowledges_nothing_for_a_minute_is_told_and_given_up(
    tmp_path: Path, wire: WireBroker
) -> None:
    """It accepts, it answers pings, it takes every alert: the former version called that well, for ever."""
    it = Driven(tmp_path, wire)
    it.until(lambda: it.mqtt.connected and not it.mqtt._publisher.unanswered_ns)
    it.until(lambda: any(topic == f"{PREFIX}/status" for topic, _ in wire.heard))
    wire.mute = True
    it.room.open()
    it.until(lambda: any(topic == f"{YARD}/alert" for topic, _ in wire.heard))
    began_ms = it.clock.unix_ms()
    it.clock.advance(59)
    it.until(lambda: True)
    assert codes(it.mqtt) == []
    it.clock.advance(2)
    it.until(lambda: codes(it.mqtt))
    (problem,) = it.mqtt.problems()
    assert problem.code == "mqtt_silent"
    assert abs(problem.since_unix_ms - began_ms) < 2_000
    it.clock.advance(10)
    it.until(lambda: wire.connects_total == 2 and it.mqtt.connected)
    assert codes(it.mqtt) == ["mqtt_silent"], "a connection alone proves nothing"
    assert it.room.waiting() == [1]
    wire.mute = False
    it.mqtt.set_health([])  # any acknowledgement will do
    it.until(lambda: codes(it.mqtt) == [])
    it.end()


def test_states_and_gaps_that_the_broker_refuses_are_told_and_the_gap_is_kept(
    tmp_path: Path,
) -> None:
    """The former version took a refused gap for told, and forgot it."""
    wire = WireBroker(mqtt_5=True)
    wire.refused = {f"{YARD}/alert", f"{YARD}/gap", f"{YARD}/status"}
    it = Driven(tmp_path, wire, protocol="5")
    it.room.open("yard")
    it.clock.advance(6)
    it.until(lambda: it.mqtt.connected)
    both = {"alerts_parked", "mqtt_message_refused"}
    it.until(lambda: set(it.later()) == both)
    it.until(lambda: len(it.mqtt._publisher._refusals) == 2)
    text = next(p.text for p in it.mqtt.problems() if p.code == "mqtt_message_refused")
    assert "Not authorized" in text
    assert [gap.first for gap in it.room.store.gaps("mqtt")] == [1]
    wire.refused = {f"{YARD}/gap"}
    wire.heard.clear()
    it.clock.advance(301)
    it.until(lambda: f"{YARD}/status" in [topic for topic, _ in wire.heard])
    it.until(lambda: len(it.mqtt._publisher._refusals) == 1)
    wire.refused = set()
    it.end()
    wire = WireBroker(mqtt_5=True)
    it = Driven(tmp_path, wire, protocol="5")
    it.mqtt.begin()
    it.clock.advance(6)
    it.until(lambda: {f"{YARD}/gap", f"{YARD}/alert"} <= {topic for topic, _ in wire.heard})
    it.until(lambda: it.later() == [])
    it.until(lambda: it.room.store.gaps("mqtt") == [])
    it.end()
