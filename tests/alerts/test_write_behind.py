"""WriteBehind: a disk that refuses costs neither an alert nor an acknowledgement, and memory has its bounds."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from surveil.alerts.alert_store import AlertStore
from surveil.clock import WallTime
from surveil.errors import StoreError
from surveil.records import Receipt, Severity
from tests.fakes import FakeClock
from tests.support.alerts import Room, make_draft


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def test_while_another_process_locks_the_file_alerts_go_out_from_memory(tmp_path: Path) -> None:
    clock = FakeClock()
    room = Room(tmp_path, clock)
    with sqlite3.connect(tmp_path / "alerts.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        alert = room.open()
        assert not alert.durable
        (problem,) = room.store.problems()
        assert problem.code == "disk"
        assert room.store.counters()["alerts_in_memory"] == 1
        assert "locked" in problem.text
        assert room.waiting() == [1]
        room.store.acknowledged("mqtt", [Receipt(alert.alert_id, "alert")])
        room.store.states.set_enabled("yard", False)
        assert room.waiting() == []
        other.execute("ROLLBACK")
    other.close()
    clock.advance(2)
    assert room.store.settle()
    assert room.store.problems() == ()
    assert room.store.counters() == {
        "alerts_committed_total": 0,
        "alerts_held_total": 1,
        "alerts_in_memory": 0,
    }
    room.store.close()
    again = Room(tmp_path)
    assert again.waiting() == []
    assert not again.store.states.enabled("yard")
    kept = again.store.find(alert.alert_id)
    assert kept is not None
    assert kept.sequence == 1


def test_while_the_disk_refuses_it_is_asked_once_a_second(tmp_path: Path) -> None:
    """Or every alert would wait for the lock's time limit."""
    clock = FakeClock()
    room = Room(tmp_path, clock)
    with sqlite3.connect(tmp_path / "alerts.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        room.open()
        other.execute("ROLLBACK")
    other.close()
    assert not room.open().durable
    clock.advance(2)
    assert room.open().durable


def test_a_full_disk_gives_the_reserve_back_first(tmp_path: Path) -> None:
    room = Room(tmp_path)
    reserve = tmp_path / "alerts.db.reserve"
    assert reserve.exists()
    pages = room.store.read("PRAGMA page_count")[0][0]
    room.store.read(f"PRAGMA max_page_count = {pages}")
    big = make_draft(room.clock, text="a very long caption " * 2_000)
    with pytest.raises(StoreError, match="no room left"):
        room.store.commit(big, ["mqtt"])
    assert not reserve.exists()
    held = room.store.hold(big, ["mqtt"])
    room.store.read("PRAGMA max_page_count = 1000000")
    assert isinstance(room.clock, FakeClock)
    room.clock.advance(2)
    assert room.store.settle()
    assert reserve.exists()
    assert room.store.find(held.alert_id) == held


def test_a_destination_that_refuses_a_held_alert_leaves_a_gap(room: Room) -> None:
    held = room.store.hold(make_draft(room.clock), ["mqtt"])
    room.store.park("mqtt", Receipt(held.alert_id, "alert"), "too large")
    assert room.waiting() == []
    assert [gap.first for gap in room.store.gaps("mqtt")] == [1]


def test_memory_is_bounded_and_tells_what_it_drops(room: Room) -> None:
    room.store._file.pending.max_held = 2
    for severity in (Severity.INFO, Severity.CRITICAL, Severity.CRITICAL):
        room.store.hold(make_draft(room.clock, severity=severity), ["mqtt"])
    assert room.waiting() == [2, 3]
    room.store.settle()
    assert [(gap.first, gap.reason) for gap in room.store.gaps("mqtt")] == [(1, "evicted")]


def test_order_holds_when_alerts_were_held_in_memory(room: Room) -> None:
    room.open()
    room.store.hold(make_draft(room.clock), ["mqtt"])
    room.open()
    assert room.waiting() == [1, 2, 3]
    durable = [outgoing.alert.durable for outgoing in room.store.waiting("mqtt")]
    assert durable == [True, False, True]


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    clock = FakeClock()
    store = AlertStore(blocked / "alerts.db", clock, WallTime(clock))
    (problem,) = store.problems()
    assert (problem.code, problem.component) == ("disk", "store")
    assert "cannot be used" in problem.text
    store.close()


def test_a_file_that_opens_late_is_joined_by_what_was_done_without_it(tmp_path: Path) -> None:
    """Numbers of the file go on, what went out meanwhile keeps its own, and its waiting counts from its own moment."""
    clock = FakeClock()
    before = Room(tmp_path / "node", clock)
    before.open()
    clock.advance(30 * 86_400)
    before.open()
    before.store.states.set_enabled("gate", False)
    store_id = before.store.store_id
    before.store.close()
    (tmp_path / "node").rename(tmp_path / "away")
    (tmp_path / "node").write_text("")  # no folder, so no database
    without = Room(tmp_path / "node", clock, snapshots=False)
    clock.advance(5)
    assert without.open().durable is False
    assert without.waiting() == [1]
    without.store.states.set_enabled("yard", False)
    (tmp_path / "node").unlink()
    (tmp_path / "away").rename(tmp_path / "node")
    clock.advance(2)
    assert without.store.settle()
    assert without.store.problems() == ()
    assert without.store.store_id == store_id
    assert without.open().sequence == 3
    outgoing = without.store.waiting("mqtt")
    assert [(one.alert.sequence, one.store_id == store_id) for one in outgoing] == [
        (1, True),
        (2, True),
        (1, False),
        (3, True),
    ]
    assert without.store.expire(60.0) == 1, "only what had waited for a month"
    states = without.store.states
    assert not states.enabled("gate")
    assert not states.enabled("yard")
    without.store.close()


def test_problems_and_counters_are_told_while_a_disk_takes_its_time(room: Room) -> None:
    """The main thread asks every second; a transaction that hangs must not hang it, too."""
    room.open()
    with room.store._file.lock:  # as a slow commit holds it
        answers: list[object] = []
        asking = threading.Thread(
            target=lambda: answers.extend([room.store.problems(), room.store.counters()])
        )
        asking.start()
        asking.join(5)
    assert answers[0] == ()
    assert room.store.counters() == answers[1]
    assert room.store.counters()["alerts_committed_total"] == 1
