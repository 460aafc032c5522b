"""A damaged alerts.db is set aside, and what can still be read of it is not lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from surveil.records import Receipt
from tests.support.alerts import Room


def damage(path: Path, *, first: int, last: int) -> None:
    """Overwrite pages first..last (of 4 KiB, from 0) with noise."""
    with path.open("r+b") as stream:
        for page in range(first, last + 1):
            stream.seek(page * 4096)
            stream.write(b"\xa5" * 4096)


def test_bytes_that_are_no_database_are_set_aside(tmp_path: Path) -> None:
    first = Room(tmp_path)
    first.open()
    first.store.close()
    damage(tmp_path / "alerts.db", first=0, last=20)
    again = Room(tmp_path)
    assert again.store.damaged is not None
    assert again.store.damaged.exists()
    assert again.store.is_new
    assert again.store.store_id != first.store.store_id
    (problem,) = again.store.problems()
    assert problem.code == "store"
    saved = again.store.states.save_canary({"caption": "a dog", "failure": None})
    assert saved, "the new file takes it: the damage is of the old one"
    assert "put aside as alerts.db.damaged-" in problem.text
    assert again.open().sequence == 1


def test_states_and_undelivered_alerts_survive_damage_elsewhere(tmp_path: Path) -> None:
    """A camera that was switched off stays off; alerts keep the store and the number under which they were raised."""
    first = Room(tmp_path)
    first.store.states.set_enabled("yard", False)
    alerts = [first.open() for _ in range(4)]
    first.store.acknowledged("mqtt", [Receipt(alerts[0].alert_id, "alert")])
    indexes = first.store.read("SELECT rootpage FROM sqlite_master WHERE name = 'alerts_by_time'")
    first.store.close()
    damage(tmp_path / "alerts.db", first=indexes[0][0] - 1, last=indexes[0][0] - 1)
    again = Room(tmp_path)
    assert again.store.damaged is not None
    assert not again.store.states.enabled("yard")
    waiting = again.store.waiting("mqtt")
    assert [outgoing.alert.alert_id for outgoing in waiting] == [a.alert_id for a in alerts[1:]]
    assert {outgoing.store_id for outgoing in waiting} == {first.store.store_id}
    assert again.open().sequence == 1


def test_what_cannot_be_read_is_told_as_a_gap_of_the_old_store(tmp_path: Path) -> None:
    first = Room(tmp_path)
    for _ in range(3):
        first.open()
    pages = first.store.read("SELECT rootpage FROM sqlite_master WHERE name = 'alerts'")
    first.store.close()
    damage(tmp_path / "alerts.db", first=pages[0][0] - 1, last=pages[0][0] - 1)
    again = Room(tmp_path)
    (gap,) = again.store.gaps("mqtt")
    assert (gap.store_id, gap.first, gap.last) == (first.store.store_id, 1, 3)
    assert gap.reason == "database damaged"


def test_damage_that_shows_while_running_is_survived(tmp_path: Path) -> None:
    room = Room(tmp_path)
    room.store.states.set_enabled("yard", False)
    room.open()
    old = room.store.store_id
    room.store.read("PRAGMA wal_checkpoint(TRUNCATE)")
    damage(tmp_path / "alerts.db", first=1, last=40)
    room.store.read("PRAGMA shrink_memory")
    alert = room.open()
    if room.store.damaged is None:
        pytest.skip("SQLite had every page in its cache")
    assert alert.durable
    assert alert.sequence == 1
    assert room.store.store_id != old
    assert not room.store.states.enabled("yard")
