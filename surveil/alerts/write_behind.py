"""The file behind AlertStore, which goes on when the disk does not.

WriteBehind     one transaction at a time. Full: the reserve is given back. Damaged: the file is set aside and a new one
                begun. Locked or read-only: what could not be written waits, and rides along with the next transaction
                that succeeds
PendingWrites   what waits meanwhile, in memory and bounded
DiskReserve     room on the disk that can be given back
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from surveil.alerts import alert_tables
from surveil.alerts.alert_tables import MIGRATIONS
from surveil.clock import Clock, WallTime, ns
from surveil.database import Connection, Database, Row, Value, set_aside, sync_path
from surveil.errors import SchemaTooNewError, StoreCorruptError, StoreError, StoreFullError
from surveil.records import Alert, Gap, Outgoing, Problem, Receipt

logger = logging.getLogger(__name__)
T = TypeVar("T")

RETRY_NS = ns(1.0)
IN_MEMORY = Path(":memory:")
"""SQLite's name for a database without a file."""
COMPONENT = "store"
DISK_REMEDY = "make room on the disk of state_dir, and see that it can be written"
STORE_REMEDY = (
    "look at the disk's health; restart surveil once the damaged file is put away or given up"
)


class WriteBehind:
    """The caller holds `lock`: AlertStore and StateTable do several things with the file as one step.

    The constructor raises SchemaTooNewError; a damaged file is set aside (`damaged`), and one that the disk will not
    open is opened when it will (`absent`).
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        wall: WallTime,
        *,
        busy_s: float,
        reserve: DiskReserve,
        on_replaced: Callable[[Path], None],
        on_opened: Callable[[], None],
        max_held: int = 1_000,
    ) -> None:
        """`on_replaced` is called with the damaged file's new name, after a new database was begun while running;
        `on_opened` when a file that could not be opened at the start was opened after all."""
        self.lock = threading.RLock()
        self.pending = PendingWrites(max_held)
        self.damaged: Path | None = None
        self.store_id = ""
        """Set by the owner; held alerts of another store do not move the sequences."""
        self._path = path
        self._clock = clock
        self._wall = wall
        self._busy_s = busy_s
        self._reserve = reserve
        self._on_replaced = on_replaced
        self._refusal: StoreError | None = None
        self._refused_unix_ms = 0
        self._retry_mono_ns = 0
        self._on_opened = on_opened
        self._damage: Problem | None = None
        self.absent = False
        """The disk would not open the file: what is in it is not known, and everything is kept in memory."""
        try:
            self._database = self._connect_with_room()
        except StoreCorruptError as error:
            self._begin_anew(error)
        except SchemaTooNewError:
            raise
        except StoreError as error:
            self._stand_in(error)
        self._reserve.keep()

    @property
    def is_new(self) -> bool:
        """There was no file, or a damaged one."""
        return self._database.is_new

    def write(self, work: Callable[[Connection], T]) -> T:
        """`work` in one transaction, together with all that waits. Raises StoreError; while the disk refuses, it is
        asked at most once a second, so that an alert does not wait for it in vain."""
        if self._refusal is not None and self._clock.monotonic_ns() < self._retry_mono_ns:
            raise self._refusal
        try:
            if self.absent:
                self._open_late()
            result = self._persist(work)
        except StoreError as error:
            self._refused(error)
            raise
        self._recovered()
        return result

    def try_write(self, work: Callable[[Connection], object] = lambda _: None) -> None:
        """Like `write`, but what waits goes on waiting when the disk refuses, and `work` is forgotten."""
        with suppress(StoreError):  # `problems` says so, as long as it lasts
            self.write(work)

    def read(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        """Raises StoreError."""
        return self._database.read(sql, parameters)

    def try_read(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        """Nothing when it cannot be read; `problems` then says so."""
        try:
            return self.read(sql, parameters)
        except StoreCorruptError as error:
            self._replace(error)
        except StoreError as error:
            self._refused(error)
        return []

    def settle(self) -> bool:
        """Write what waits, if the disk takes it; True when nothing waits."""
        if self.pending or self.absent:
            self.try_write()
        self._reserve.keep()
        return not self.pending

    def problems(self) -> tuple[Problem, ...]:
        """`disk`: it refuses now. `store`: a damaged file was set aside, since the start. Without the lock, which a
        slow disk holds for long."""
        refusal, damage = self._refusal, () if self._damage is None else (self._damage,)
        if refusal is None:
            return damage
        held = len(self.pending.held)
        text = f"{refusal}; {held} alerts are kept in memory only"
        disk = Problem("disk", text, self._refused_unix_ms, component=COMPONENT, remedy=DISK_REMEDY)
        return (disk, *damage)

    def close(self) -> None:
        self.try_write()
        self._database.close()

    def _connect(self) -> Database:
        return Database(self._path, migrations=MIGRATIONS, synchronous="FULL", busy_s=self._busy_s)

    def _connect_with_room(self) -> Database:
        """Opening takes room as well (its log, its shared memory): a full disk gets the reserve for that."""
        try:
            return self._connect()
        except (StoreCorruptError, SchemaTooNewError):
            raise
        except StoreError:
            if not self._reserve.release():
                raise
        return self._connect()

    def _stand_in(self, error: StoreError) -> None:
        """An empty database in memory answers until the disk opens the file; nothing is ever written to it."""
        self._refused(error)
        self._database = Database(IN_MEMORY, migrations=MIGRATIONS, synchronous="NORMAL")
        self.absent = True

    def _open_late(self) -> None:
        """Raises StoreError while the disk still refuses."""
        try:
            found = self._connect_with_room()
        except StoreCorruptError as error:
            self.absent = False
            self._replace(error)
            return
        self._database.close()
        self._database, self.absent = found, False
        self._on_opened()

    def _persist(self, work: Callable[[Connection], T]) -> T:
        try:
            return self._attempt(work)
        except StoreCorruptError as error:
            self._replace(error)
        except StoreFullError:
            if not self._reserve.release():
                raise
        return self._attempt(work)

    def _attempt(self, work: Callable[[Connection], T]) -> T:
        with self._database.transaction() as connection:
            self.pending.write(connection, store_id=self.store_id)
            result = work(connection)
        self.pending.clear()
        return result

    def _refused(self, error: StoreError) -> None:
        """Once an outage in the log; as long as it lasts in the health."""
        self._retry_mono_ns = self._clock.monotonic_ns() + RETRY_NS
        if self._refusal is None:
            logger.error("%s; alerts go on from memory", error)
            self._refused_unix_ms = self._wall.unix_ms_at(self._clock.monotonic_ns())
        self._refusal = error

    def _recovered(self) -> None:
        if self._refusal is not None:
            logger.info("%s can be written again", self._path)
            self._refusal = None

    def _replace(self, error: StoreCorruptError) -> None:
        self._database.close()
        self._on_replaced(self._begin_anew(error))

    def _begin_anew(self, error: StoreCorruptError) -> Path:
        now_ms = self._wall.unix_ms_at(self._clock.monotonic_ns())
        self.damaged = set_aside(self._path, str(now_ms))
        text = f"{error}; put aside as {self.damaged.name}, a new one was begun"
        logger.error("%s", text)
        self._damage = Problem("store", text, now_ms, component=COMPONENT, remedy=STORE_REMEDY)
        self._database = self._connect()
        return self.damaged


@dataclass(slots=True)
class HeldAlert:
    """An alert that goes out from memory."""

    alert: Alert
    store_id: str
    destinations: set[str]
    """Those that have not acknowledged it."""
    service_ms: int
    snapshot_bytes: int = 0


@dataclass(slots=True)
class PendingWrites:
    """Bounded: `max_held` alerts. Not thread-safe: WriteBehind's lock guards it."""

    max_held: int = 1_000
    held: list[HeldAlert] = field(default_factory=list)
    receipts: dict[str, set[Receipt]] = field(default_factory=lambda: defaultdict(set))
    """By destination: acknowledged, but the row is still there."""
    told: set[tuple[int, int]] = field(default_factory=set)
    """(gap_id, last) of gaps that were told, but whose rows are still there."""
    gaps: list[tuple[str, Gap]] = field(default_factory=list)
    """(destination, gap) that have no row yet."""
    states: dict[tuple[str, str], str | None] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(
            self.held or any(self.receipts.values()) or self.told or self.gaps or self.states
        )

    def hold(self, held: HeldAlert) -> None:
        """Keep one more; when full, the oldest of the lowest severity makes room and leaves a gap."""
        self.held.append(held)
        if len(self.held) > self.max_held:
            lost = min(self.held, key=lambda item: item.alert.severity.rank)
            self.held.remove(lost)
            for destination in lost.destinations:
                self.gaps.append((destination, self._gap(lost)))

    def _gap(self, lost: HeldAlert) -> Gap:
        return Gap(
            gap_id=-lost.alert.sequence,
            store_id=lost.store_id,
            camera_id=lost.alert.camera_id,
            first=lost.alert.sequence,
            last=lost.alert.sequence,
            reason="evicted",
        )

    def outgoing(self, destination: str, *, service_ms: int) -> list[Outgoing]:
        """Alerts that the destination still needs, oldest first; `service_ms` is now."""
        return [
            Outgoing(
                alert=item.alert,
                store_id=item.store_id,
                waited_ms=service_ms - item.service_ms,
            )
            for item in self.held
            if destination in item.destinations
        ]

    def acknowledge(self, destination: str, receipts: Iterable[Receipt]) -> None:
        """The destination has these, whether memory or the database holds them."""
        got = set(receipts)
        for item in self.held:
            if Receipt(item.alert.alert_id, "alert") in got:
                item.destinations.discard(destination)
        self.receipts[destination] |= got

    def refuse(self, destination: str, receipt: Receipt, reason: str) -> None:
        """The destination will not take this held alert: a gap instead."""
        for item in self.held:
            if item.alert.alert_id == receipt.alert_id and destination in item.destinations:
                item.destinations.discard(destination)
                self.gaps.append((destination, replace(self._gap(item), reason=reason)))

    def write(self, connection: Connection, *, store_id: str) -> None:
        """Put everything into the open transaction; `clear` when that was committed."""
        for item in self.held:
            self._write_held(connection, item, store_id=store_id)
        for destination, receipts in self.receipts.items():
            alert_tables.delete_deliveries(connection, destination, receipts)
        connection.executemany("DELETE FROM gaps WHERE gap_id = ? AND last = ?", sorted(self.told))
        for destination, gap in self.gaps:
            alert_tables.add_gap(
                connection,
                destination,
                store_id=gap.store_id,
                camera_id=gap.camera_id,
                first=gap.first,
                last=gap.last,
                reason=gap.reason,
            )
        for (kind, key), value in self.states.items():
            alert_tables.put_state(connection, kind, key, value)

    def clear(self) -> None:
        """All of it is in the database now."""
        self.held.clear()
        self.receipts.clear()
        self.told.clear()
        self.gaps.clear()
        self.states.clear()

    def _write_held(self, connection: Connection, item: HeldAlert, *, store_id: str) -> None:
        if item.store_id == store_id:  # a store that was set aside numbered the others
            alert_tables.set_sequence(connection, item.alert.camera_id, item.alert.sequence)
        alert_tables.insert_alert(
            connection,
            item.alert,
            sorted(item.destinations),
            store_id=item.store_id,
            service_ms=item.service_ms,
            snapshot_bytes=item.snapshot_bytes,
        )


class DiskReserve:
    """`size_bytes` of real blocks beside the database. Any thread; calls are rare."""

    def __init__(self, path: Path, size_bytes: int) -> None:
        self._path = path
        self._size_bytes = size_bytes

    def keep(self) -> bool:
        """Take the room if the disk can spare twice as much; True when it is held."""
        if self._path.exists():
            return True
        try:
            if shutil.disk_usage(self._path.parent).free < 2 * self._size_bytes:
                return False
            self._allocate()
        except OSError:
            self.release()
            return False
        return True

    def release(self) -> bool:
        """Give the room back; True when there was some to give."""
        try:
            self._path.unlink()
            sync_path(self._path.parent)
        except OSError:
            return False
        return True

    def _allocate(self) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, self._size_bytes)
        finally:
            os.close(descriptor)
