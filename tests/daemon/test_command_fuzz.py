"""Whatever a broker hands on is executeed or refused with a log line: through a socket, paho and `execute`."""

from __future__ import annotations

import json
import logging
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveil.daemon.mqtt_commands import Commands, execute
from surveil.delivery.mqtt.discovery import CameraInfo
from surveil.delivery.mqtt.mqtt_delivery import MqttDelivery
from surveil.delivery.mqtt.mqtt_session import MqttSpec
from surveil.service.logging_setup import JournalFormatter, JsonFormatter, TextFormatter
from tests.support.alerts import Room
from tests.support.fuzz import THOUSANDS
from tests.support.waiting import eventually
from tests.support.wire_broker import WireBroker

PREFIX = "surveil/edge-01/"
BIRTH = "homeassistant/status"
DISCOVERY = [
    f"homeassistant/device/surveil-edge-01{camera}/config" for camera in ("", "--yard", "--gate")
]
KEPT = 4
"""Alerts of the yard."""
MAX_STEPS = 5000
"""Of the delivery's, for one message and all that follows from it."""
MAX_LINE = 2000
FORMATTERS = (TextFormatter(), JournalFormatter(), JsonFormatter())


class Cameras:
    """What the main thread switches."""

    def __init__(self) -> None:
        self.done: list[tuple[str, object]] = []

    def set_enabled(self, camera_id: str, *, on: bool) -> bool:
        self.done.append((camera_id, on))
        return True

    def caption_now(self, camera_id: str) -> None:
        self.done.append((camera_id, "now"))


class Node(logging.Handler):
    """A delivery that is connected to a broker of ours, with alerts that were all delivered; keeps what was logged."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self.cameras = Cameras()
        self.room = Room(folder, snapshots=False)
        self.broker = WireBroker()
        self.commands = Commands(lambda: None)
        spec = MqttSpec("127.0.0.1", "edge-01", port=self.broker.port, protocol="3.1.1")
        self.mqtt = MqttDelivery(
            self.room.store,
            self.room.store.states,
            spec,
            clock=self.room.clock,
            on_command=self.commands.put,
            poll_s=0.001,
        )
        self.mqtt.set_cameras([CameraInfo("yard", "Yard"), CameraInfo("gate", "Gate")])
        for _ in range(KEPT):
            self.room.open()
        self.packet_id = 0
        eventually(self._connected)

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def close(self) -> None:
        super().close()
        self.broker.close()
        self.mqtt.step()  # sees that the broker is gone: there is nobody to say goodbye to
        self.mqtt.finish()
        self.room.store.close()

    def hear(self, topic: bytes, payload: bytes, *, retained: bool) -> None:
        """Until the message is acknowledged and all that followed from it has been done."""
        self.records.clear()
        self.broker.heard.clear()
        self.cameras.done.clear()
        self.packet_id = self.packet_id % 65_535 + 1
        self.broker.publish(topic, payload, retained=retained, packet_id=self.packet_id)
        assert any(self._drained() for _ in range(MAX_STEPS)), "the message was not acknowledged"
        for command in self.commands.take():
            execute(command, self.cameras)

    def _connected(self) -> bool:
        self.mqtt.step()
        self.broker.serve()
        return (f"{PREFIX}status", b"online") in self.broker.heard and self.mqtt._publisher.idle

    def _drained(self) -> bool:
        self.mqtt.step()
        self.broker.serve()
        return (
            self.broker.acknowledged == self.packet_id
            and self.mqtt._publisher.idle
            and not self.mqtt._retained._unsent
        )

    def done(self) -> list[object]:
        """What happened: switches and requests, sequence numbers sent again, discovery sent again."""
        sent = [
            json.loads(payload)["sequence"] if topic == f"{PREFIX}yard/alert" else topic
            for topic, payload in self.broker.heard
        ]
        return [*self.cameras.done, *sent]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    made = Node(tmp_path_factory.mktemp("node"))
    logger = logging.getLogger("surveil")
    level = logger.level
    logger.addHandler(made)
    logger.setLevel(logging.INFO)
    yield made
    logger.setLevel(level)
    logger.removeHandler(made)
    made.close()


def wanted(topic: bytes, payload: bytes, *, retained: bool) -> list[object]:
    """The contract, said once more."""
    if retained:
        return []
    if topic == BIRTH.encode():
        return list(DISCOVERY) if payload == b"online" else []
    for camera in ("yard", "gate"):
        match topic.removeprefix(f"{PREFIX}{camera}/".encode()):
            case b"enabled/set" if payload in (b"ON", b"OFF"):
                return [(camera, payload == b"ON")]
            case b"caption/now":
                return [(camera, "now")]
            case b"alert/replay" if camera == "yard":
                first = first_of(payload)
                return [] if first is None else list(range(first, KEPT + 1))
    return []


def first_of(payload: bytes) -> int | None:
    try:
        value = json.loads(payload) if len(payload) <= 1024 else None
    except (ValueError, RecursionError):
        return None
    first = value.get("from") if isinstance(value, dict) else None
    return first if type(first) is int and 1 <= first < 2**63 else None


LEAVES = st.sampled_from(["enabled/set", "caption/now", "alert/replay", "enabled/state", "alert"])
STRANGE = st.text(
    st.sampled_from("a/+#$\x00\n\r\x1b\x7f\x85\x9b\u2028\u202e\U0001f525"), max_size=9
)
NAMES = st.sampled_from(["yard", "gate"]) | STRANGE | st.text(max_size=5)
LONG = st.builds(lambda text, times: text * times, st.text(min_size=1, max_size=3), st.just(5000))
TOPICS = st.one_of(
    st.builds(lambda name, leaf: f"{PREFIX}{name}/{leaf}".encode(), NAMES, LEAVES),
    st.just(BIRTH.encode()),
    st.builds(lambda rest: f"{PREFIX}{rest}".encode(), STRANGE | st.text(max_size=9)),
    st.builds(lambda rest: PREFIX.encode() + rest + b"/enabled/set", st.binary(max_size=9)),
    st.builds(lambda name, leaf: f"{PREFIX}{name}/{leaf}".encode(), LONG, LEAVES),
    st.sampled_from([b"yard/enabled/set", f"x/{PREFIX}yard/caption/now".encode()]),
)
NUMBERS = st.one_of(
    st.integers(-2, KEPT + 2),
    st.sampled_from([10**18, 2**63 - 1, 2**63, -(2**63) - 1, 10**400]),
    st.floats(),
    st.booleans(),
    st.none(),
)
SHAPES = st.recursive(
    NUMBERS | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["from", "to", ""]), inner, max_size=3)
    ),
    max_leaves=4,
)
FROM = st.builds(lambda number: {"from": number}, NUMBERS)
PAYLOADS = st.one_of(
    st.sampled_from([b"ON", b"OFF", b"online", b"offline", b"on", b"ON\n", b"", b"\xff\xfe"]),
    st.builds(lambda value: json.dumps(value).encode(), FROM | SHAPES),
    st.builds(lambda value, coding: json.dumps(value).encode(coding), FROM, st.just("utf-16")),
    st.builds(lambda start, times: start * times, st.sampled_from([b"[", b'{"from":', b"1"]), st.integers(1, 9000)),
    st.builds(lambda number: json.dumps({"from": number}).encode() + b" " * 1020, st.just(1)),
    st.binary(max_size=60),
)  # fmt: skip
SAMPLE = [
    f"{PREFIX}yard/{leaf}".encode() for leaf in ("enabled/set", "caption/now", "alert/replay")
]
MESSAGES = st.one_of(
    st.tuples(TOPICS, PAYLOADS),
    st.tuples(st.sampled_from([*SAMPLE, BIRTH.encode()]), PAYLOADS),
    st.tuples(st.just(SAMPLE[2]), NUMBERS.map(lambda n: json.dumps({"from": n}).encode())),
    st.tuples(st.just(SAMPLE[0]), st.sampled_from([b"ON", b"OFF"])),
    st.tuples(st.just(BIRTH.encode()), st.sampled_from([b"online", b"offline"])),
)
"""Of nothing but random ones too few would have an effect."""


@THOUSANDS
@given(MESSAGES, st.sampled_from([False, False, True]))
def test_any_message_has_the_effect_of_the_contract_or_none(
    node: Node, message: tuple[bytes, bytes], retained: bool
) -> None:
    topic, payload = message[0][:65_535], message[1]
    node.hear(topic, payload, retained=retained)
    assert node.done() == wanted(topic, payload, retained=retained)
    assert node.records or retained or topic == BIRTH.encode() or node.cameras.done, "never silent"
    for line in (formatter.format(record) for record in node.records for formatter in FORMATTERS):
        assert len(line) <= MAX_LINE
        assert not {unicodedata.category(sign) for sign in line} & {"Cc", "Zl", "Zp", "Cs"}
        assert "\u202e" not in line, "text that runs backwards"


def test_a_payload_nested_deeper_than_python_goes_is_refused(node: Node) -> None:
    """Not a case of the fuzz: Hypothesis raises the limit of recursion while it runs a test."""
    node.hear(SAMPLE[2], b"[" * 1000, retained=False)
    assert node.done() == []
    assert "allowed is" in node.records[0].getMessage()
