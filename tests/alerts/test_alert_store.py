"""AlertStore: rows that outlive crashes, numbers without gaps, losses that are never silent."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from surveil.alerts.alert_tables import MIGRATIONS
from surveil.database import Migration
from surveil.errors import SchemaTooNewError
from surveil.records import Receipt, Severity
from tests.fakes import FakeClock
from tests.support.alerts import Room, make_draft

MANY = 5


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def receipts(room: Room) -> list[Receipt]:
    return [outgoing.receipt for outgoing in room.store.waiting("mqtt", limit=10_000)]


def test_numbers_count_each_camera_without_gaps_over_restarts(tmp_path: Path) -> None:
    """Sequences are per camera, from 1, and go on after a restart."""
    first = Room(tmp_path)
    numbers = [first.open(camera).sequence for camera in ("yard", "gate", "yard")]
    first.store.close()
    second = Room(tmp_path)
    numbers += [second.open(camera).sequence for camera in ("yard", "gate")]
    assert numbers == [1, 1, 2, 3, 2]
    assert second.store.store_id == first.store.store_id


def test_an_alert_waits_for_each_destination_until_that_one_has_it(tmp_path: Path) -> None:
    room = Room(tmp_path)
    alert = room.store.commit(make_draft(room.clock), ["mqtt", "webhook:desk"])
    room.store.acknowledged("mqtt", [Receipt(alert.alert_id, "alert")])
    assert room.waiting("mqtt") == []
    assert room.waiting("webhook:desk") == [1]
    assert room.store.find(alert.alert_id) == alert


def test_what_was_not_acknowledged_waits_again_after_a_restart_in_order(tmp_path: Path) -> None:
    room = Room(tmp_path)
    for _ in range(MANY):
        room.open()
    room.store.acknowledged("mqtt", receipts(room)[1:3])
    room.store.close()
    assert Room(tmp_path).waiting() == [1, 4, 5]


def test_the_alert_and_the_open_incidents_are_one_transaction(tmp_path: Path) -> None:
    """Else a crash in between would raise the alert twice, or lose it."""
    room = Room(tmp_path)
    room.store.commit(make_draft(room.clock), ["mqtt"], open_incidents=[{"incident_id": "a"}])
    with sqlite3.connect(tmp_path / "alerts.db") as other:
        states = other.execute("SELECT value FROM states WHERE kind = 'incidents'").fetchall()
    other.close()
    assert states == [('[{"incident_id":"a"}]',)]
    assert Room(tmp_path).store.states.open_incidents() == [{"incident_id": "a"}]


def test_a_newer_schema_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "alerts.db"
    with sqlite3.connect(path) as newer:
        newer.execute("PRAGMA user_version = 999")
    newer.close()
    before = path.read_bytes()
    with pytest.raises(SchemaTooNewError, match="schema 999"):
        Room(tmp_path)
    assert path.read_bytes() == before


def test_a_migration_makes_a_backup_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Room(tmp_path).store.close()
    newer = (*MIGRATIONS, Migration("9999_more", "ALTER TABLE alerts ADD COLUMN more TEXT;"))
    monkeypatch.setattr("surveil.alerts.write_behind.MIGRATIONS", newer)
    Room(tmp_path).store.close()
    backup = tmp_path / f"alerts.db.v{len(MIGRATIONS)}.backup"
    with sqlite3.connect(backup) as old:
        assert old.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)
    old.close()


def test_too_many_waiting_evicts_the_oldest_of_the_lowest_severity_and_tells(
    tmp_path: Path,
) -> None:
    room = Room(tmp_path, max_waiting=2)
    for severity in (Severity.CRITICAL, Severity.INFO, Severity.INFO, Severity.WARNING):
        room.open(severity=severity)
    assert room.waiting() == [1, 4]
    gaps = room.store.gaps("mqtt")
    assert [(gap.first, gap.last, gap.reason) for gap in gaps] == [(2, 3, "evicted")]


def test_expiry_leaves_a_gap_and_the_row(room: Room) -> None:
    clock = room.clock
    assert isinstance(clock, FakeClock)
    alert = room.open()
    clock.advance(100)
    room.open()
    assert room.store.expire(50) == 1
    assert room.waiting() == [2]
    assert [(gap.first, gap.last, gap.reason) for gap in room.store.gaps("mqtt")] == [
        (1, 1, "expired")
    ]
    assert room.store.find(alert.alert_id) is not None


def test_a_clock_step_expires_nothing(room: Room) -> None:
    """A box wakes up in 1970, sees something, and is told the time."""
    clock = room.clock
    assert isinstance(clock, FakeClock)
    clock.step_wall(-56 * 365 * 86_400)
    room.wall.refresh()
    room.open()
    clock.step_wall(56 * 365 * 86_400)
    room.wall.refresh()
    assert room.store.expire(3_600) == 0
    assert room.waiting() == [1]


def test_time_in_service_goes_on_after_a_restart(tmp_path: Path) -> None:
    clock = FakeClock()
    room = Room(tmp_path, clock)
    room.open()
    clock.advance(60)
    room.store.expire(1_000)
    room.store.close()
    later = Room(tmp_path, FakeClock(mono_s=5))  # the machine was restarted
    assert later.store.service_ms() == 60_000


def test_a_gap_is_told_once_and_longer_losses_are_one_gap(tmp_path: Path) -> None:
    room = Room(tmp_path, max_waiting=1)
    for _ in range(3):
        room.open()
    (gap,) = room.store.gaps("mqtt")
    assert (gap.first, gap.last) == (1, 2)
    room.open()  # the gap grows while the old one is on its way
    room.store.told(gap)
    (longer,) = room.store.gaps("mqtt")
    assert (longer.first, longer.last) == (1, 3)
    room.store.told(longer)
    assert room.store.gaps("mqtt") == []


def test_a_parked_alert_is_kept_not_tried_and_told_as_a_gap(room: Room) -> None:
    alert = room.open()
    room.store.park("mqtt", Receipt(alert.alert_id, "alert"), "not authorised")
    assert room.waiting() == []
    assert room.store.gaps("mqtt")[0].reason == "refused: not authorised"
    assert room.store.waiting_total("mqtt") == 0


def test_replay_sends_what_is_kept_and_tells_what_is_not(room: Room) -> None:
    alerts = [room.open() for _ in range(MANY)]
    room.store.acknowledged("mqtt", receipts(room))
    room.store.write(
        lambda c: c.execute("DELETE FROM alerts WHERE alert_id = ?", (alerts[2].alert_id,))
    )
    assert room.store.replay("mqtt", "yard", 2) == 3
    assert room.waiting() == [2, 4, 5]
    assert [(gap.first, gap.last, gap.reason) for gap in room.store.gaps("mqtt")] == [
        (3, 3, "not kept")
    ]


def test_replay_takes_up_a_parked_alert_again(room: Room) -> None:
    alert = room.open()
    room.store.park("mqtt", Receipt(alert.alert_id, "alert"), "not authorised")
    room.store.replay("mqtt", "yard", 1)
    assert room.waiting() == [1]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["alert", "ack", "expire", "restart", "replay", "refuse", "settle"]),
            st.integers(0, 7),
        ),
        max_size=40,
    )
)
def test_every_number_is_waiting_acknowledged_or_told_as_lost(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    """The outbox's invariant, over any order of events."""
    folder = tmp_path_factory.mktemp("outbox")
    clock = FakeClock()
    room = Room(folder, clock, max_waiting=6, snapshots=False)
    had: set[int] = set()
    total = 0
    for step, number in steps:
        match step:
            case "alert":
                severity = list(Severity)[number % 3]
                total += 1
                assert room.open(severity=severity).sequence == total
            case "refuse":  # the disk is full: the alert goes out from memory
                total += 1
                held = room.store.hold(make_draft(clock), ["mqtt"])
                assert (held.sequence, held.durable) == (total, False)
            case "ack":
                waiting = room.store.waiting("mqtt")[: number + 1]
                had |= {outgoing.alert.sequence for outgoing in waiting}
                room.store.acknowledged("mqtt", [outgoing.receipt for outgoing in waiting])
            case "expire":
                clock.advance(number)
                room.store.expire(3)
            case "restart":
                room.store.close()
                room = Room(folder, clock, max_waiting=6, snapshots=False)
            case "replay":
                room.store.replay("mqtt", "yard", number + 1)
            case "settle":
                clock.advance(2)
                room.store.settle()
    lost = {number for gap in room.store.gaps("mqtt") for number in range(gap.first, gap.last + 1)}
    assert had | lost | set(room.waiting()) == set(range(1, total + 1))
    room.store.close()


def test_listeners_hear_of_commits_and_replays(room: Room) -> None:
    heard = []
    room.store.listen(lambda: heard.append(1))
    room.open()
    room.store.hold(make_draft(room.clock), ["mqtt"])
    room.store.replay("mqtt", "yard", 1)
    assert len(heard) == 3


def test_many_threads_share_one_store(room: Room) -> None:
    def raise_some() -> None:
        for _ in range(10):
            room.store.commit(make_draft(room.clock), ["mqtt"])

    threads = [threading.Thread(target=raise_some) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert room.waiting() == list(range(1, 41))
