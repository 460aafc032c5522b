"""What leaves the disk, in which order, and what is never touched."""

from __future__ import annotations

from pathlib import Path

from surveil.alerts.retention import AgeLimits, FileLimits, Retention
from surveil.records import Severity
from tests.fakes import FakeClock
from tests.support.alerts import Room

DAY_S = 86_400.0
MANY = 1 << 40


def retention(
    room: Room,
    *,
    alerts: AgeLimits | None = None,
    ages: AgeLimits | None = None,
    max_bytes: int = MANY,
    min_free_bytes: int = 0,
    free_bytes: int = MANY,
) -> Retention:
    return Retention(
        room.store,
        room.snapshots,
        alerts=alerts or AgeLimits(1000 * DAY_S),
        files=FileLimits(ages or AgeLimits(1000 * DAY_S), max_bytes, min_free_bytes),
        expire_after_s=1000 * DAY_S,
        clock=room.clock,
        wall=room.wall,
        free_bytes=lambda folder: free_bytes,
    )


def advance(room: Room, seconds: float) -> None:
    assert isinstance(room.clock, FakeClock)
    room.clock.advance(seconds)


def pictures_left(room: Room) -> set[tuple[str, int]]:
    rows = room.store.read("SELECT * FROM alerts WHERE snapshot_path IS NOT NULL")
    assert {row["snapshot_path"] for row in rows} == set(room.pictures())
    return {(row["camera_id"], row["sequence"]) for row in rows}


def test_pictures_leave_by_age_of_camera_before_severity_before_all(tmp_path: Path) -> None:
    room = Room(tmp_path)
    room.open("lobby", severity=Severity.CRITICAL)
    room.open("yard", severity=Severity.INFO)
    room.open("yard", severity=Severity.CRITICAL)
    ages = AgeLimits(10 * DAY_S, {Severity.CRITICAL: 90 * DAY_S}, {"lobby": 3 * DAY_S})
    advance(room, 5 * DAY_S)
    assert retention(room, ages=ages).sweep().files == 1
    assert pictures_left(room) == {("yard", 1), ("yard", 2)}
    advance(room, 10 * DAY_S)
    retention(room, ages=ages).sweep()
    assert pictures_left(room) == {("yard", 2)}
    rows = room.store.read("SELECT snapshot_reason FROM alerts WHERE snapshot_path IS NULL")
    assert {row[0] for row in rows} == {"no longer kept"}


def test_counters_add_up_what_every_sweep_did(tmp_path: Path) -> None:
    room = Room(tmp_path)
    size = 0
    keeper = retention(room, ages=AgeLimits(DAY_S), alerts=AgeLimits(2 * DAY_S))
    for _ in range(2):
        room.open()
        room.store.acknowledged("mqtt", [o.receipt for o in room.store.waiting("mqtt")])
        size += room.store.read("SELECT max(snapshot_bytes) FROM alerts")[0][0]
        advance(room, 3 * DAY_S)
        keeper.sweep()
    assert keeper.problems() == ()
    assert keeper.counters() == {
        "deliveries_expired_total": 0,
        "files_removed_total": 2,
        "freed_bytes_total": size,
        "alerts_removed_total": 2,
    }


def test_too_many_bytes_cost_the_oldest_of_the_lowest_severity(tmp_path: Path) -> None:
    room = Room(tmp_path)
    for severity in (Severity.CRITICAL, Severity.INFO, Severity.INFO):
        room.open(severity=severity)
    size = room.store.read("SELECT max(snapshot_bytes) FROM alerts")[0][0]
    retention(room, max_bytes=2 * size).sweep()
    assert pictures_left(room) == {("yard", 1), ("yard", 3)}


def test_too_little_free_space_costs_pictures(tmp_path: Path) -> None:
    room = Room(tmp_path)
    for _ in range(3):
        room.open()
    swept = retention(room, min_free_bytes=1_000, free_bytes=999).sweep()
    assert swept.files == 1
    assert swept.freed_bytes > 0


def test_rows_leave_when_they_are_old_and_nobody_waits_for_them(tmp_path: Path) -> None:
    room = Room(tmp_path)
    room.open()
    room.open()
    room.store.acknowledged("mqtt", [room.store.waiting("mqtt")[0].receipt])
    advance(room, 40 * DAY_S)
    limits = AgeLimits(30 * DAY_S)
    assert retention(room, alerts=limits, ages=limits).sweep().alerts == 1
    assert room.waiting() == [2]


def test_a_clock_that_was_not_set_makes_nothing_old(tmp_path: Path) -> None:
    clock = FakeClock(unix_s=0.0)
    room = Room(tmp_path, clock)
    room.open()
    clock.step_wall(1_795_000_000)
    room.wall.refresh()
    limits = AgeLimits(30 * DAY_S)
    assert retention(room, alerts=limits, ages=limits).sweep().files == 0
    clock.advance(31 * DAY_S)
    assert retention(room, alerts=limits, ages=limits).sweep().files == 1


def test_files_that_no_row_names_go_to_quarantine_for_a_week(tmp_path: Path) -> None:
    room = Room(tmp_path)
    alert = room.open()
    orphan = room.snapshots.folder / "yard/2026-11-22/130405.123_fire_9a41c07e.jpg"
    orphan.parent.mkdir(parents=True, exist_ok=True)
    orphan.write_bytes(b"x")
    unfinished = orphan.with_name(".writing-130405.123_fire_9a41c07e.jpg")
    unfinished.write_bytes(b"x")
    holiday = room.snapshots.folder / "holiday.jpg"
    holiday.write_bytes(b"mine")
    room.store.close()
    room = Room(tmp_path, room.clock)
    assert retention(room).begin() == 1
    assert not orphan.exists()
    assert not unfinished.exists()
    assert holiday.exists()
    assert alert.snapshot is not None
    assert (room.snapshots.folder / alert.snapshot.path).exists()
    moved = room.snapshots.folder / "quarantine/yard/2026-11-22" / orphan.name
    assert moved.exists()
    advance(room, 6 * DAY_S)
    retention(room).begin()
    assert moved.exists()
    advance(room, 2 * DAY_S)
    retention(room).begin()
    assert not moved.exists()


def test_nothing_is_moved_when_the_database_is_new(tmp_path: Path) -> None:
    """Then it is the rows that are missing, not the files that are too many."""
    room = Room(tmp_path)
    room.open()
    room.store.close()
    for file in tmp_path.glob("alerts.db*"):
        file.unlink()
    again = Room(tmp_path, room.clock)
    assert retention(again).begin() == 0
    assert len(again.pictures()) == 1
