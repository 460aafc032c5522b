"""What leaves the disk, and when: by age, by total size, by free space; and what to do with files that no row names."""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from surveil.alerts.alert_store import AlertStore
from surveil.alerts.snapshots import TEMPORARY, Snapshots, make_folder, translated
from surveil.clock import Clock, WallTime
from surveil.database import Connection, Row, sync_path
from surveil.errors import StoreError
from surveil.records import Problem, Severity

logger = logging.getLogger(__name__)

QUARANTINE = "quarantine"
QUARANTINE_S = 7 * 86_400
BATCH = 200
CREDIBLE_UNIX_MS = 1_704_067_200_000
"""2024-01-01, before this program existed: an earlier wall clock is one that nobody has set."""
OURS = re.compile(r"\d{6}\.\d{3}_[a-z0-9-]+_[0-9a-f]{8}\.(jpg|mp4)")
"""Names that Snapshots gives. Whoever points us at a folder of their own must find the rest of it untouched."""

Disk = Callable[[Path], int]
"""Free bytes on a folder's disk."""


@dataclass(frozen=True, slots=True)
class AgeLimits:
    """The camera's own limit wins over the severity's, and both over the general one."""

    max_age_s: float
    by_severity: Mapping[Severity, float] = field(default_factory=dict)
    by_camera: Mapping[str, float] = field(default_factory=dict)

    def age_s(self, camera_id: str, severity: Severity) -> float:
        return self.by_camera.get(camera_id, self.by_severity.get(severity, self.max_age_s))


@dataclass(frozen=True, slots=True)
class FileLimits:
    """For pictures and clips."""

    ages: AgeLimits
    max_bytes: int
    min_free_bytes: int


@dataclass(frozen=True, slots=True)
class SweepResult:
    """What one sweep did."""

    expired: int = 0
    """Deliveries that were given up."""
    files: int = 0
    freed_bytes: int = 0
    alerts: int = 0
    """Rows deleted."""

    def __add__(self, other: SweepResult) -> SweepResult:
        return SweepResult(
            self.expired + other.expired,
            self.files + other.files,
            self.freed_bytes + other.freed_bytes,
            self.alerts + other.alerts,
        )


@dataclass(frozen=True, slots=True)
class _AlertFiles:
    """The files of one alert."""

    row_id: int
    camera_id: str
    severity: Severity
    age_s: float
    nbytes: int
    paths: tuple[str, ...]


class Retention:
    """`begin` once, before alerts are made; `sweep` every few minutes, in the jobs' thread."""

    name = "retention"

    def __init__(
        self,
        store: AlertStore,
        snapshots: Snapshots,
        *,
        alerts: AgeLimits,
        files: FileLimits,
        expire_after_s: float,
        clock: Clock,
        wall: WallTime,
        on_pictures_removed: Callable[[], None] = lambda: None,
        free_bytes: Disk = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        self._store = store
        self._snapshots = snapshots
        self._alerts = alerts
        self._files = files
        self._expire_after_s = expire_after_s
        self._clock = clock
        self._wall = wall
        self._on_pictures_removed = on_pictures_removed
        self._free_bytes = free_bytes
        self._problem: Problem | None = None
        self._total = SweepResult()

    def problems(self) -> Sequence[Problem]:
        """Why the last sweep could not do its work. Any thread."""
        return () if self._problem is None else (self._problem,)

    def counters(self) -> Mapping[str, float]:
        """What all sweeps did. Any thread."""
        total = self._total
        return {
            "deliveries_expired_total": total.expired,
            "files_removed_total": total.files,
            "freed_bytes_total": total.freed_bytes,
            "alerts_removed_total": total.alerts,
        }

    def begin(self) -> int:
        """Remove unfinished files, move files that no row names to `quarantine/`; returns how many were moved.

        Moves nothing when the database is new: then it is the rows that are missing. Raises StoreError.
        """
        folder = self._snapshots.folder
        with translated(folder):
            make_folder(folder)
            for leftover in folder.rglob(f"{TEMPORARY}*"):
                leftover.unlink()
            self._empty_quarantine(folder / QUARANTINE)
            return 0 if self._store.is_new else self._quarantine(folder)

    def sweep(self) -> SweepResult:
        """One round. A disk or database that refuses becomes a problem, and the next round tries again."""
        try:
            swept = self._sweep()
        except StoreError as error:
            if self._problem is None:
                logger.warning("retention: %s", error)
                self._problem = Problem(
                    "retention",
                    str(error),
                    self._now_ms(),
                    component=self.name,
                    remedy="see that the databases and the snapshot folder can be read and written",
                )
            return SweepResult()
        self._problem = None
        self._total += swept
        return swept

    def _sweep(self) -> SweepResult:
        expired = self._store.expire(self._expire_after_s)
        leaving = self._files_to_remove()
        for start in range(0, len(leaving), BATCH):
            self._strip(leaving[start : start + BATCH])
        if leaving:
            self._on_pictures_removed()
        return SweepResult(
            expired=expired,
            files=sum(len(files.paths) for files in leaving),
            freed_bytes=sum(files.nbytes for files in leaving),
            alerts=self._delete_rows(),
        )

    def _files_to_remove(self) -> list[_AlertFiles]:
        """First what is too old, then the oldest of the lowest severity until size and free space are right."""
        limits = self._files
        candidates = self._alert_files()
        old = [h for h in candidates if h.age_s > limits.ages.age_s(h.camera_id, h.severity)]
        gone = {files.row_id for files in old}
        left = [files for files in candidates if files.row_id not in gone]
        freed = sum(files.nbytes for files in old)
        too_much = max(
            sum(files.nbytes for files in left) - limits.max_bytes,
            limits.min_free_bytes - self._free() - freed,
        )
        for files in sorted(left, key=lambda h: (h.severity.rank, h.row_id)):
            if too_much <= 0:
                break
            old.append(files)
            too_much -= files.nbytes
        return old

    def _free(self) -> int:
        with translated(self._snapshots.folder):
            return self._free_bytes(self._snapshots.folder)

    def _alert_files(self) -> list[_AlertFiles]:
        rows = self._store.read(
            """SELECT row_id, camera_id, severity, captured_unix_ms, service_ms, snapshot_path, clip_path,
                   snapshot_bytes, clip_bytes
               FROM alerts WHERE snapshot_path IS NOT NULL OR clip_path IS NOT NULL ORDER BY row_id"""
        )
        now_ms, service_ms = self._now_ms(), self._store.service_ms()
        return [_files_of_row(row, _age_s(row, now_ms, service_ms)) for row in rows]

    def _strip(self, leaving: Sequence[_AlertFiles]) -> None:
        """Row first, file second: after a crash in between, a file is quarantined; the other way a row would lie."""

        def work(connection: Connection) -> None:
            connection.executemany(
                """UPDATE alerts SET snapshot = NULL, snapshot_path = NULL, snapshot_bytes = 0, clip_path = NULL,
                       clip_bytes = 0, snapshot_reason = coalesce(snapshot_reason, 'no longer kept')
                   WHERE row_id = ?""",
                [(files.row_id,) for files in leaving],
            )

        self._store.write(work)
        for files in leaving:
            for path in files.paths:
                self._snapshots.remove(path)
                self._remove_empty(self._snapshots.folder / path)

    def _remove_empty(self, path: Path) -> None:
        for folder in (path.parent, path.parent.parent):
            if folder == self._snapshots.folder or any(folder.iterdir()):
                return
            folder.rmdir()

    def _delete_rows(self) -> int:
        """Rows that are too old, have no file left, and wait for nobody."""
        rows = self._store.read(
            """SELECT row_id, camera_id, severity, captured_unix_ms, service_ms FROM alerts
               WHERE snapshot_path IS NULL AND clip_path IS NULL AND NOT EXISTS
                   (SELECT 1 FROM deliveries WHERE alert_row = row_id AND parked IS NULL)"""
        )
        now_ms, service_ms = self._now_ms(), self._store.service_ms()
        old = [row["row_id"] for row in rows if self._too_old(row, now_ms, service_ms)]
        for start in range(0, len(old), BATCH):
            self._store.write(partial(_delete_alerts, row_ids=old[start : start + BATCH]))
        return len(old)

    def _too_old(self, row: Row, now_ms: int, service_ms: int) -> bool:
        limit_s = self._alerts.age_s(row["camera_id"], _severity(row))
        return _age_s(row, now_ms, service_ms) > limit_s

    def _now_ms(self) -> int:
        return self._wall.unix_ms_at(self._clock.monotonic_ns())

    def _quarantine(self, folder: Path) -> int:
        rows = self._store.read("SELECT snapshot_path, clip_path FROM alerts")
        named = {path for row in rows for path in row if path is not None}
        moved = 0
        for path in list(_files(folder)):
            if path.relative_to(folder).as_posix() not in named and OURS.fullmatch(path.name):
                self._move(path, folder / QUARANTINE)
                moved += 1
        return moved

    def _move(self, path: Path, quarantine: Path) -> None:
        target = quarantine / path.relative_to(self._snapshots.folder)
        make_folder(target.parent)
        path.rename(target)
        self._touch(target)
        sync_path(target.parent)
        sync_path(path.parent)
        logger.warning("%s belongs to no alert: moved to %s for a week", path.name, quarantine)

    def _touch(self, path: Path) -> None:
        now_s = self._now_ms() / 1000
        os.utime(path, (now_s, now_s))

    def _empty_quarantine(self, quarantine: Path) -> None:
        now_ms = self._now_ms()
        for path in list(_files(quarantine)) if quarantine.is_dir() else []:
            moved_ms = path.stat().st_mtime * 1000
            if moved_ms < CREDIBLE_UNIX_MS <= now_ms:
                self._touch(path)  # moved while the clock was not set: its week begins now
            elif now_ms - moved_ms > QUARANTINE_S * 1000:
                path.unlink()


def _delete_alerts(connection: Connection, *, row_ids: Sequence[int]) -> None:
    connection.executemany("DELETE FROM alerts WHERE row_id = ?", [(i,) for i in row_ids])


def _files(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        if Path(parent) == folder and QUARANTINE in folders:
            folders.remove(QUARANTINE)
        yield from (Path(parent, name) for name in names)


def _files_of_row(row: Row, age_s: float) -> _AlertFiles:
    paths = tuple(path for path in (row["snapshot_path"], row["clip_path"]) if path is not None)
    return _AlertFiles(
        row_id=row["row_id"],
        camera_id=row["camera_id"],
        severity=_severity(row),
        age_s=age_s,
        nbytes=row["snapshot_bytes"] + row["clip_bytes"],
        paths=paths,
    )


def _severity(row: Row) -> Severity:
    rank: int = row["severity"]
    return list(Severity)[rank]


def _age_s(row: Row, now_ms: int, service_ms: int) -> float:
    """By the wall clock, as people mean it; by time in service if the clock was not set, then or now: a box that
    wakes up in 1970 and is told the time must not find all its alerts 50 years old."""
    if min(row["captured_unix_ms"], now_ms) < CREDIBLE_UNIX_MS:
        return float(service_ms - row["service_ms"]) / 1000
    return float(now_ms - row["captured_unix_ms"]) / 1000
