"""MqttConnection on a clock moved by hand, against brokers that say only what the test wants."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator

import pytest

from surveil.delivery.mqtt.mqtt_connection import MqttConnection
from surveil.delivery.mqtt.mqtt_session import (
    Connected,
    Event,
    Lost,
    MqttSpec,
    TlsSpec,
    default_client_id,
)
from surveil.delivery.mqtt.topics import Message
from tests.fakes import FakeClock
from tests.support.broker import free_port
from tests.support.waiting import eventually

ACCEPTED_5 = bytes.fromhex("20030000 00".replace(" ", ""))
ACCEPTED_3 = bytes.fromhex("20020000")
REFUSED_VERSION_3 = bytes.fromhex("20020001")
TAKEN_OVER = bytes.fromhex("e0018e")
PROTOCOL_BYTE = 8


class Script:
    """A broker that answers each connection's CONNECT with the next of its lines, then hangs up if told so."""

    def __init__(self, *lines: tuple[bytes, bool]) -> None:
        self.lines = list(lines)
        self.versions: list[int] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.open: list[socket.socket] = []

    def serve(self) -> None:
        """Answer whoever knocks now."""
        while select.select([self.listener, *self.open], [], [], 0)[0]:
            ready = select.select([self.listener, *self.open], [], [], 0)[0][0]
            if ready is self.listener:
                self.open.append(self.listener.accept()[0])
            else:
                self.answer(ready)

    def answer(self, connection: socket.socket) -> None:
        heard = connection.recv(4096)
        if not heard:
            self.open.remove(connection)
            connection.close()
        elif heard[0] >> 4 == 1:
            self.versions.append(heard[PROTOCOL_BYTE])
            said, hangs_up = self.lines.pop(0)
            connection.sendall(said)
            if hangs_up:
                self.open.remove(connection)
                connection.close()

    def close(self) -> None:
        for connection in [self.listener, *self.open]:
            connection.close()


@pytest.fixture
def scripts() -> Iterator[list[Script]]:
    made: list[Script] = []
    yield made
    for script in made:
        script.close()


def problem(connection: MqttConnection) -> str:
    """Why there is no connection."""
    return connection.lost.reason if connection.lost else ""


class Rig:
    def __init__(self, script: Script | None = None, **values: object) -> None:
        self.clock = FakeClock()
        self.script = script
        port = script.port if script else free_port()
        spec = MqttSpec("127.0.0.1", "edge-01", port=port, **values)  # type: ignore[arg-type]
        will = Message("surveil/edge-01/status", b"offline")
        self.connection = MqttConnection(spec, self.clock, will=will, chance=lambda: 0.0)

    def asked(self) -> bool:
        """CONNECT has arrived, and the connection waits for the answer."""
        assert self.script is not None
        self.connection.poll(0.01)
        self.script.serve()
        return bool(self.script.versions) and self.connection._session is not None

    def until_event(self) -> Event:
        """Poll until something happens; the fake clock stands still."""
        found: list[Event] = []

        def happened() -> bool:
            if self.script:
                self.script.serve()
            found.extend(self.connection.poll(0.01))
            return bool(found)

        eventually(happened)
        return found[0]


def test_waits_double_up_to_the_cap_and_start_again_after_a_connection() -> None:
    """1, 2, 4 ... seconds between attempts, whatever the wall clock does."""
    rig = Rig(retry_min_s=1.0, retry_max_s=5.0)
    began_ms = rig.clock.unix_ms()
    delays = []
    for _ in range(5):
        event = rig.until_event()
        assert isinstance(event, Lost)
        assert event.unreachable
        assert "refused" in problem(rig.connection)
        waited = 0.0
        while rig.connection._connector is None and waited < 10:
            rig.clock.advance(0.5)
            waited += 0.5
            rig.connection.poll(0.0)
        delays.append(waited)
    assert delays == [1.0, 2.0, 4.0, 5.0, 5.0]
    (found,) = rig.connection.problems()
    assert (found.code, found.component) == ("mqtt_unreachable", "delivery-mqtt")
    assert found.since_unix_ms == began_ms
    rig.until_event()
    rig.connection.close(politely=False)


def test_a_broker_that_knows_only_version_3_is_asked_again_at_once(scripts: list[Script]) -> None:
    script = Script((REFUSED_VERSION_3, True), (ACCEPTED_3, False))
    scripts.append(script)
    rig = Rig(script)
    assert isinstance(rig.until_event(), Lost)
    rig.clock.advance(0.01)
    assert isinstance(rig.until_event(), Connected)
    assert script.versions == [5, 4]
    rig.connection.close(politely=False)


def test_a_broker_that_hangs_up_on_version_5_is_tried_with_3(scripts: list[Script]) -> None:
    script = Script((b"", True), (ACCEPTED_3, False))
    scripts.append(script)
    rig = Rig(script)
    assert isinstance(rig.until_event(), Lost)
    rig.clock.advance(2)
    assert isinstance(rig.until_event(), Connected)
    assert script.versions == [5, 4]
    rig.connection.close(politely=False)


def test_a_configured_version_is_kept(scripts: list[Script]) -> None:
    script = Script((b"", True), (b"", True))
    scripts.append(script)
    rig = Rig(script, protocol="3.1.1")
    rig.until_event()
    rig.clock.advance(2)
    rig.until_event()
    assert script.versions == [4, 4]
    rig.connection.close(politely=False)


def test_a_session_taken_over_is_named_and_waits_long(scripts: list[Script]) -> None:
    script = Script((ACCEPTED_5 + TAKEN_OVER, False))
    scripts.append(script)
    rig = Rig(script, retry_max_s=60.0)
    assert isinstance(rig.until_event(), Connected)
    if rig.connection.limits is not None:
        lost = rig.until_event()
        assert isinstance(lost, Lost)
    assert "taken over" in problem(rig.connection)
    rig.clock.advance(59)
    assert rig.connection.poll(0) == []
    assert rig.connection._connector is None
    rig.connection.close(politely=False)


def test_a_broker_that_accepts_the_connection_and_says_nothing_is_given_up(
    scripts: list[Script],
) -> None:
    script = Script((b"", False))
    scripts.append(script)
    rig = Rig(script, answer_timeout_s=10.0)
    eventually(rig.asked)
    rig.clock.advance(11)
    assert isinstance(rig.until_event(), Lost)
    assert "does not answer" in problem(rig.connection)
    rig.connection.close(politely=False)


def test_bytes_that_are_no_mqtt_lose_the_connection_and_nothing_else(scripts: list[Script]) -> None:
    script = Script((b"HTTP/1.1 400 Bad Request\r\n\r\n" * 20, False))
    scripts.append(script)
    rig = Rig(script)
    assert isinstance(rig.until_event(), Lost)
    rig.connection.close(politely=False)


def test_a_name_that_does_not_exist_is_said_without_the_password() -> None:
    clock = FakeClock()
    spec = MqttSpec("broker.invalid", "edge-01", username="u", password="geheim")
    assert "geheim" not in repr(spec)
    assert "geheim" not in repr(TlsSpec(key_password="geheim"))
    connection = MqttConnection(spec, clock, will=Message("s", b"offline"), chance=lambda: 0.0)
    eventually(lambda: (connection.poll(0.05), connection.lost)[-1], 20)
    assert "broker.invalid:1883" in problem(connection)
    assert "geheim" not in problem(connection)
    connection.close(politely=False)


def test_waking_a_closed_link_means_nothing() -> None:
    rig = Rig()
    rig.connection.close(politely=True)
    rig.connection.wake()


def test_client_ids_hide_the_machine_id(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("id")
    (folder / "a").write_text("0123456789abcdef\n")
    (folder / "b").write_text("fedcba9876543210\n")
    first = default_client_id("edge-01", folder / "a")
    assert first == default_client_id("edge-01", folder / "a")
    assert first != default_client_id("edge-01", folder / "b")
    assert first.startswith("surveil-edge-01-")
    assert "0123456789" not in first
    assert default_client_id("edge-01", folder / "none").startswith("surveil-edge-01-")
