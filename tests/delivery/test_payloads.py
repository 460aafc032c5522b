"""Payloads: the schema, and the sizes that small clients rely on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surveil.alerts.alert_tables import alert_from_json, alert_to_json, snapshot_to_json
from surveil.alerts.recorder import uuid7
from surveil.delivery import payloads
from surveil.delivery.mqtt.topics import (
    CaptionNow,
    Message,
    Replay,
    RetainedTopics,
    SetEnabled,
    Topics,
)
from surveil.records import Alert, CameraState, Evidence, Match, Outgoing, Severity, Snapshot
from tests.fakes import FakeClock
from tests.support.alerts import make_draft

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/reference/alert.schema.json").read_text())
STORE = "6f1c2f64-9c1e-4a8e-9d3b-3f1f8d1f2a77"
words = st.text(max_size=1_200)


@st.composite
def alerts(draw: st.DrawFn) -> Alert:
    caption = draw(words)
    start = draw(st.integers(0, len(caption)))
    end = draw(st.integers(start, len(caption)))
    snapshot = Snapshot("yard/x.jpg", 1920, 1080, "a" * 64, 12) if draw(st.booleans()) else None
    return replace(
        make_draft(FakeClock()),
        sequence=draw(st.integers(1, 10**9)),
        caption=caption,
        confidence=draw(st.none() | st.floats(0, 1)),
        severity=draw(st.sampled_from(Severity)),
        match=Match("rule", draw(words), start, end, draw(st.floats(0, 1))),
        evidence=tuple(
            Evidence(draw(words), 1_795_000_000_000) for _ in range(draw(st.integers(0, 7)))
        ),
        snapshot=snapshot,
        snapshot_reason=None if snapshot else "the disk is full",
        model_id=draw(words),
    )


@settings(max_examples=60, deadline=None)
@given(alert=alerts())
def test_any_alert_keeps_the_schema_and_the_size(alert: Alert) -> None:
    payload = payloads.alert_payload(Outgoing(alert, STORE), node="edge-01")
    assert len(payload) <= payloads.MAX_ALERT_BYTES
    jsonschema.validate(json.loads(payload), SCHEMA, format_checker=jsonschema.FormatChecker())


@settings(max_examples=60, deadline=None)
@given(alert=alerts())
def test_a_row_gives_back_the_alert_that_was_committed(alert: Alert) -> None:
    again = alert_from_json(
        alert_to_json(alert),
        snapshot=snapshot_to_json(alert.snapshot),
        snapshot_reason=alert.snapshot_reason,
    )
    assert again == alert


def test_the_schema_refuses_what_is_wrong() -> None:
    alert = replace(make_draft(FakeClock()), sequence=1)
    right = json.loads(payloads.alert_payload(Outgoing(alert, STORE), node="edge-01"))
    for key, value in (("sequence", 0), ("id", "x"), ("severity", "loud"), ("captured_at", "now")):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(
                {**right, key: value}, SCHEMA, format_checker=jsonschema.FormatChecker()
            )
    del right["snapshot_reason"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(right, SCHEMA)


def test_every_camera_state_has_a_word_of_the_contract() -> None:
    allowed = {"online", "degraded", "offline", "disabled"}
    assert {payloads.CAMERA_WORDS[state] for state in CameraState} == allowed


@pytest.mark.parametrize("unix_ms", [0, 1_795_323_845_123, (1 << 48) - 1])
def test_ids_are_version_7_and_sort_by_time(unix_ms: int) -> None:
    made = uuid7(unix_ms)
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert made.int >> 80 == unix_ms
    assert len({uuid7(unix_ms) for _ in range(1_000)}) == 1_000


TOPICS = Topics("surveil/edge-01", "edge-01")


@pytest.mark.parametrize(
    ("topic", "payload", "command"),
    [
        ("yard/enabled/set", b"ON", SetEnabled("yard", on=True)),
        ("yard/enabled/set", b"OFF", SetEnabled("yard", on=False)),
        ("yard/caption/now", b"", CaptionNow("yard")),
        ("yard/alert/replay", b'{"from": 7}', Replay("yard", 7)),
    ],
)
def test_commands_are_read(topic: str, payload: bytes, command: object) -> None:
    assert TOPICS.read_command(f"surveil/edge-01/{topic}", payload) == command


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("yard/enabled/set", b"on"),
        ("yard/enabled/set", b"\xff\xfe"),
        ("yard/alert/replay", b""),
        ("yard/alert/replay", b"[]"),
        ("yard/alert/replay", b'{"from": 0}'),
        ("yard/alert/replay", b'{"from": true}'),
        ("yard/alert/replay", b'{"from": "7"}'),
        ("yard/nonsense", b""),
    ],
)
def test_wrong_commands_say_what_is_allowed(topic: str, payload: bytes) -> None:
    with pytest.raises(ValueError, match=r"allowed|no such command"):
        TOPICS.read_command(f"surveil/edge-01/{topic}", payload)


def drain(retained: RetainedTopics) -> list[bytes]:
    found = []
    while message := retained.take():
        found.append(message.payload)
    return found


def test_a_state_that_changed_often_is_sent_once_as_it_is() -> None:
    retained = RetainedTopics()
    for payload in (b"offline", b"online", b"degraded"):
        retained.put(Message("a", payload))
    retained.put(Message("b", b"ON"))
    assert drain(retained) == [b"degraded", b"ON"]
    retained.put(Message("b", b"ON"))
    assert drain(retained) == []


def test_a_new_connection_sends_all_states_and_no_stale_event() -> None:
    retained = RetainedTopics()
    retained.put(Message("a", b"1"))
    retained.put_default(Message("a", b"default"))
    drain(retained)
    retained.once(Message("stats", b"old", retain=False))
    retained.drop_transient()
    retained.resend()
    assert drain(retained) == [b"1"]
    retained.drop("a")
    retained.resend()
    assert drain(retained) == []
