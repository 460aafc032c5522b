"""alerts.db: every alert is a committed row before anything else happens to it.

One writer process. When the database refuses (disk full, locked, read-only), alerts, receipts and states wait in
memory and are written with the next transaction that succeeds; a damaged file is set aside and a new one begun.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from surveil.alerts import alert_tables
from surveil.alerts.salvage import STORE_ID, note_losses, salvage
from surveil.alerts.state_table import INCIDENTS, StateTable, to_json
from surveil.alerts.write_behind import DiskReserve, HeldAlert, WriteBehind
from surveil.clock import NS_PER_MS, Clock, WallTime
from surveil.database import Connection, Row, Value
from surveil.errors import StoreError
from surveil.records import Alert, Gap, Outgoing, Problem, Receipt

T = TypeVar("T")

RESERVE_BYTES = 4 << 20
SERVICE_MS = ("clock", "service_ms")


class AlertStore:
    """Alerts and their deliveries; `states` is what else a restart must not forget. Any thread.

    The constructor raises SchemaTooNewError; a damaged file is set aside (`damaged`), and one that the disk will not
    open is opened when it will: until then alerts go out from memory, numbered by a store of their own.
    """

    name = "store"

    def __init__(
        self,
        path: Path,
        clock: Clock,
        wall: WallTime,
        *,
        max_waiting: int = 10_000,
        busy_s: float = 1.0,
        reserve_bytes: int = RESERVE_BYTES,
        max_held: int = 1_000,
    ) -> None:
        """`max_held`: alerts kept in memory while the disk refuses them."""
        self.path = path
        self.max_waiting = max_waiting
        self._clock = clock
        self._wall = wall
        self._listeners: list[Callable[[], None]] = []
        self._committed_total = 0
        self._held_total = 0
        self._file = WriteBehind(
            path,
            clock,
            wall,
            busy_s=busy_s,
            reserve=DiskReserve(path.with_name(f"{path.name}.reserve"), reserve_bytes),
            on_replaced=self._take_over,
            on_opened=self._open_late,
            max_held=max_held,
        )
        self.states = StateTable(self._file)
        if self._file.damaged is not None:
            self._take_over(self._file.damaged)
        else:
            self._load()

    @property
    def damaged(self) -> Path | None:
        """Where a damaged database was put, if one was."""
        return self._file.damaged

    @property
    def is_new(self) -> bool:
        """It was begun with nothing: files that no row names may well be somebody's."""
        return self._file.is_new

    # What the alerts thread does.

    def commit(
        self,
        draft: Alert,
        destinations: Iterable[str],
        *,
        open_incidents: Sequence[Mapping[str, Any]] | None = None,
        snapshot_bytes: int = 0,
    ) -> Alert:
        """Number the draft (its `sequence` is ignored); make it, its deliveries and `open_incidents` durable at once.

        Raises StoreError: nothing was kept, and `hold` is the way out.
        """
        wanted = list(destinations)

        def work(connection: Connection) -> Alert:
            # Numbered here and not before: a damaged file may be replaced, and then the numbers begin anew.
            alert = replace(draft, sequence=self._next(draft.camera_id))
            self._insert(connection, alert, wanted, snapshot_bytes)
            if open_incidents is not None:
                alert_tables.put_state(connection, *INCIDENTS, to_json(open_incidents))
            return alert

        with self._file.lock:
            alert = self._file.write(work)
            self._last[alert.camera_id] = alert.sequence
            self._committed_total += 1
            if open_incidents is not None:
                self.states.committed(INCIDENTS, to_json(open_incidents))
        self._notify_listeners()
        return alert

    def hold(
        self,
        draft: Alert,
        destinations: Iterable[str],
        *,
        open_incidents: Sequence[Mapping[str, Any]] | None = None,
        snapshot_bytes: int = 0,
    ) -> Alert:
        """Number the draft and keep it in memory, `durable=False`, until it can be written. Never raises."""
        with self._file.lock:
            alert = replace(draft, sequence=self._next(draft.camera_id), durable=False)
            self._file.pending.hold(
                HeldAlert(
                    alert, self.store_id, set(destinations), self.service_ms(), snapshot_bytes
                )
            )
            self._last[alert.camera_id] = alert.sequence
            self._held_total += 1
            if open_incidents is not None:
                self.states.put_later(INCIDENTS, to_json(open_incidents))
        self._notify_listeners()
        return alert

    def settle(self) -> bool:
        """Try, at most once a second, to write what waits in memory; True when nothing does."""
        with self._file.lock:
            return self._file.settle()

    def listen(self, callback: Callable[[], None]) -> None:
        """`callback` is called after every commit, in the committing thread; it must return at once."""
        self._listeners.append(callback)

    # What a destination does.

    def waiting(self, destination: str, *, limit: int = 100) -> list[Outgoing]:
        """What the destination has not acknowledged, in order of commit. Never raises: `problems()` says if
        some cannot be read."""
        with self._file.lock:
            acknowledged = self._file.pending.receipts.get(destination, ())
            reach = limit + len(acknowledged)  # they may be in front while their deletion waits
            rows = self._file.try_read(alert_tables.OUTGOING, (destination, reach))
            found = [
                alert_tables.outgoing_from_row(row, waited_ms=self._waited_ms(row)) for row in rows
            ]
            found += self._file.pending.outgoing(destination, service_ms=self.service_ms())
            fresh = [outgoing for outgoing in found if outgoing.receipt not in acknowledged]
            return fresh[:limit]

    def waiting_total(self, destination: str) -> int:
        """How many things wait for the destination, without those that are parked."""
        with self._file.lock:
            rows = self._file.try_read(
                "SELECT count(*) FROM deliveries WHERE destination = ? AND parked IS NULL",
                (destination,),
            )
            written = int(rows[0][0]) if rows else 0
            held = self._file.pending.held
            return written + sum(destination in item.destinations for item in held)

    def acknowledged(self, destination: str, receipts: Iterable[Receipt]) -> None:
        """The destination has these. Never raises: what cannot be written now is written later."""
        with self._file.lock:
            self._file.pending.acknowledge(destination, receipts)
            self._file.try_write()

    def park(self, destination: str, receipt: Receipt, reason: str) -> None:
        """The destination refuses this for good: keep it, try it no more, leave a gap. Never raises."""
        with self._file.lock:
            self._file.pending.refuse(destination, receipt, f"refused: {reason}")
            self._file.try_write(lambda c: self._park(c, destination, receipt, reason))

    def parked(self, destination: str) -> tuple[int, str] | None:
        """How many things it has refused and are kept, and why the newest; None when that cannot be read. Never
        raises."""
        with self._file.lock, suppress(StoreError):
            row = self._file.read(alert_tables.PARKED, (destination,))[0]
            why = self._file.read(alert_tables.WHY_PARKED, (destination, row["newest"]))
            return int(row["total"]), str(why[0]["parked"]) if why else ""
        return None

    def retry_parked(self, destination: str) -> None:
        """What it refused waits once more. Never raises: what cannot be written now stays parked."""
        with self._file.lock:
            self._file.try_write(lambda c: alert_tables.retry_parked(c, destination))

    def gaps(self, destination: str, *, limit: int = 100) -> list[Gap]:
        """Losses that the destination has not been told of. Never raises."""
        with self._file.lock:
            gaps = [
                alert_tables.gap_from_row(r)
                for r in self._file.try_read(alert_tables.GAPS, (destination, limit))
            ]
            return [gap for gap in gaps if (gap.gap_id, gap.last) not in self._file.pending.told]

    def told(self, gap: Gap) -> None:
        """The destination knows of this gap. Never raises."""
        with self._file.lock:
            self._file.pending.told.add((gap.gap_id, gap.last))
            self._file.try_write()

    def replay(self, destination: str, camera_id: str, first: int) -> int:
        """Queue the camera's kept alerts from sequence `first` on once more; numbers that are no longer kept become
        gaps. Returns how many were found. Raises StoreError."""
        with self._file.lock:
            found = self._file.write(
                lambda c: alert_tables.replay(
                    c, destination, camera_id, store_id=self.store_id, first=first
                )
            )
        self._notify_listeners()
        return found

    def expire(self, after_s: float) -> int:
        """Give up deliveries that have waited longer; each leaves a gap. Returns how many. Raises StoreError.

        Waiting is measured in the store's own time in service, not by the wall clock: a box that wakes up in 1970
        and is then told the time must not lose what it saw in between.
        """
        with self._file.lock:
            now_ms = self.service_ms()
            before_ms = now_ms - round(after_s * 1000)

            def work(connection: Connection) -> int:
                alert_tables.put_state(connection, *SERVICE_MS, str(now_ms))
                return alert_tables.expire(connection, before_service_ms=before_ms)

            lost = self._file.write(work)
        if lost:
            self._notify_listeners()
        return lost

    # Looking things up.

    def find(self, alert_id: str) -> Alert | None:
        """One alert that is kept. Raises StoreError."""
        return self._one("SELECT * FROM alerts WHERE alert_id = ?", alert_id)

    def newest_with_snapshot(self, camera_id: str) -> Alert | None:
        """The camera's newest alert that still has its picture. Raises StoreError."""
        return self._one(
            """SELECT * FROM alerts WHERE camera_id = ? AND snapshot_path IS NOT NULL
               ORDER BY row_id DESC LIMIT 1""",
            camera_id,
        )

    # What is asked of every long-lived part.

    def problems(self) -> Sequence[Problem]:
        """Why the database is not fully itself. Answers at once, also while a disk takes its time."""
        return self._file.problems()

    def counters(self) -> Mapping[str, float]:
        return {
            "alerts_committed_total": self._committed_total,
            "alerts_held_total": self._held_total,
            "alerts_in_memory": len(self._file.pending.held),
        }

    # For the other modules of this room.

    def write(self, work: Callable[[Connection], T]) -> T:
        """`work` in one transaction; deliveries are told. Raises StoreError."""
        with self._file.lock:
            result = self._file.write(work)
        self._notify_listeners()
        return result

    def read(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        """Raises StoreError."""
        with self._file.lock:
            return self._file.read(sql, parameters)

    def close(self) -> None:
        """Safe to call twice."""
        with self._file.lock:
            self._file.close()

    # Inside.

    def _one(self, sql: str, key: str) -> Alert | None:
        rows = self.read(sql, (key,))
        return alert_tables.alert_from_row(rows[0]) if rows else None

    def _load(self) -> None:
        self.states.load()
        numbers = self._file.read("SELECT camera_id, last FROM sequences")
        self._last = {row["camera_id"]: int(row["last"]) for row in numbers}
        self._opened_mono_ns = self._clock.monotonic_ns()
        newest_ms = self._file.read("SELECT coalesce(max(service_ms), 0) FROM alerts")[0][0]
        self._service_base_ms = max(int(newest_ms), int(self.states.get(SERVICE_MS) or "0"))
        self.store_id = self.states.get(STORE_ID) or self._name_store()
        self._file.store_id = self.store_id

    def _name_store(self) -> str:
        store_id = str(uuid4())
        if self._file.absent:
            return store_id  # for what goes out from memory; the file has its own
        self._file.write(lambda connection: alert_tables.put_state(connection, *STORE_ID, store_id))
        self.states.committed(STORE_ID, store_id)
        return store_id

    def _take_over(self, damaged: Path) -> None:
        """A new database was begun: carry over what memory, or the damaged file, still knows."""
        known = {key: value for key, value in self.states.values().items() if key != STORE_ID}
        found = salvage(damaged)
        self._load()
        for key, value in {**found.states, **known}.items():
            self.states.put_later(key, value)
        pending = self._file.pending
        pending.held = [*found.held, *pending.held]
        self._file.write(lambda connection: note_losses(connection, found))

    def _open_late(self) -> None:
        """What was done without the file joins it: held alerts keep their numbers and their store, as those of a
        damaged file do."""
        known, before_ms = self.states.values(), self.service_ms()
        self._load()
        for key, value in known.items():
            self.states.put_later(key, value)
        # Their waiting was counted from zero; in the file's time they would be as old as the file.
        for item in self._file.pending.held:
            item.service_ms += self.service_ms() - before_ms

    def _next(self, camera_id: str) -> int:
        return self._last.get(camera_id, 0) + 1

    def _waited_ms(self, row: Row) -> int:
        """By time in service. Of an alert of an earlier run the wall clock may know better: it also counts the time
        for which the machine was off."""
        waited_ms = self.service_ms() - int(row["service_ms"])
        if row["service_ms"] > self._service_base_ms:
            return waited_ms
        now_ms = self._wall.unix_ms_at(self._clock.monotonic_ns())
        return max(waited_ms, now_ms - int(row["captured_unix_ms"]))

    def service_ms(self) -> int:
        """How long this store has been in service, over all restarts, by the monotonic clock."""
        in_service_ns = self._clock.monotonic_ns() - self._opened_mono_ns
        return self._service_base_ms + in_service_ns // NS_PER_MS

    def _insert(
        self,
        connection: Connection,
        alert: Alert,
        destinations: Sequence[str],
        snapshot_bytes: int,
    ) -> None:
        alert_tables.set_sequence(connection, alert.camera_id, alert.sequence)
        alert_tables.insert_alert(
            connection,
            alert,
            destinations,
            store_id=self.store_id,
            service_ms=self.service_ms(),
            snapshot_bytes=snapshot_bytes,
        )
        for destination in destinations:
            alert_tables.evict(connection, destination, max_waiting=self.max_waiting)

    def _park(
        self, connection: Connection, destination: str, receipt: Receipt, reason: str
    ) -> None:
        row = alert_tables.park_delivery(connection, destination, receipt, reason)
        if row is not None and receipt.kind == "alert":
            alert_tables.add_gap(
                connection,
                destination,
                store_id=row["store"],
                camera_id=row["camera_id"],
                first=row["sequence"],
                last=row["sequence"],
                reason=f"refused: {reason}",
            )

    def _notify_listeners(self) -> None:
        for callback in self._listeners:
            callback()
