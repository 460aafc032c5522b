"""StateTable: small things that a restart must not forget."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.fakes import FakeClock
from tests.support.alerts import Room


def test_a_camera_that_was_switched_off_stays_off(tmp_path: Path) -> None:
    room = Room(tmp_path)
    assert room.store.states.enabled("yard")
    room.store.states.set_enabled("yard", False)
    room.store.close()
    again = Room(tmp_path)
    assert not again.store.states.enabled("yard")
    assert again.store.states.enabled("gate")


def test_what_was_announced_is_known_until_it_is_forgotten(tmp_path: Path) -> None:
    room = Room(tmp_path)
    room.store.states.announce("surveil/a/yard", {"topics": ["x"]})
    room.store.states.announce("surveil/a/gate", {"topics": ["y"]})
    room.store.states.forget("surveil/a/yard")
    room.store.close()
    assert Room(tmp_path).store.states.announced() == {"surveil/a/gate": {"topics": ["y"]}}


def test_a_canary_is_on_the_disk_or_says_that_it_is_not(tmp_path: Path) -> None:
    clock = FakeClock()
    room = Room(tmp_path, clock)
    assert room.store.states.save_canary({"caption": "a dog", "failure": None})
    with closing(sqlite3.connect(tmp_path / "alerts.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert not room.store.states.save_canary({"caption": "a cat", "failure": None})
        other.execute("ROLLBACK")
    clock.advance(2)
    assert room.store.settle()
    with closing(sqlite3.connect(tmp_path / "alerts.db")) as other:
        saved = other.execute("SELECT value FROM states WHERE kind = 'canary'").fetchall()
    assert saved == [('{"caption":"a cat","failure":null}',)]
