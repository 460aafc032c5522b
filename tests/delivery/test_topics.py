"""Topics: commands that arrive are obeyed to the letter or refused, and what is retained is sent once."""

from __future__ import annotations

import pytest

from surveil.delivery.mqtt.topics import (
    CaptionNow,
    Message,
    Replay,
    RetainedTopics,
    SetEnabled,
    Topics,
)

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
    while message := retained.take_unsent():
        found.append(message.payload)
    return found


def test_a_state_that_changed_often_is_sent_once_as_it_is() -> None:
    retained = RetainedTopics()
    for payload in (b"offline", b"online", b"degraded"):
        retained.set(Message("a", payload))
    retained.set(Message("b", b"ON"))
    assert drain(retained) == [b"degraded", b"ON"]
    retained.set(Message("b", b"ON"))
    assert drain(retained) == []


def test_a_new_connection_sends_all_states_and_no_stale_event() -> None:
    retained = RetainedTopics()
    retained.set(Message("a", b"1"))
    retained.set_default(Message("a", b"default"))
    drain(retained)
    retained.send_once(Message("stats", b"old", retain=False))
    retained.drop_transient()
    retained.resend()
    assert drain(retained) == [b"1"]
    retained.remove("a")
    retained.resend()
    assert drain(retained) == []
