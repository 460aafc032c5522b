"""alerts.db: every alert is a committed row before anything else happens to it.

One writer process. When the database refuses (disk full, locked, read-only), alerts, receipts and states wait in
memory and are written with the next transaction that succeeds; a damaged file is set aside and a new one begun.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from surveil.alerting import tables
from surveil.alerting.outgoing import Gap, Outgoing, Receipt
from surveil.alerting.reserve import Reserve
from surveil.alerting.schema import MIGRATIONS
from surveil.alerting.unwritten import Held, Unwritten
from surveil.clock import NS_PER_MS, Clock, WallTime, ns
from surveil.database import Connection, Database, Row, Value, set_aside
from surveil.errors import StoreCorruptError, StoreError, StoreFullError
from surveil.records import Alert, Problem

logger = logging.getLogger(__name__)
T = TypeVar("T")

RESERVE_BYTES = 4 << 20
SETTLE_EVERY_NS = ns(1.0)


class AlertStore:
    """Alerts, deliveries and what a restart must not forget. Any thread.

    The constructor raises SchemaTooNewError or StoreError; a damaged file is set aside instead (`damaged`).
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        wall: WallTime,
        *,
        max_waiting: int = 10_000,
        busy_s: float = 2.0,
        reserve_bytes: int = RESERVE_BYTES,
    ) -> None:
        self.path = path
        self.damaged: Path | None = None
        """Where a damaged database was put, if one was."""
        self.max_waiting = max_waiting
        self._clock = clock
        self._wall = wall
        self._busy_s = busy_s
        self._lock = threading.RLock()
        self._listeners: list[Callable[[], None]] = []
        self._unwritten = Unwritten()
        self._refusal: Problem | None = None
        self._next_settle_mono_ns = 0
        self._reserve = Reserve(path.with_name(f"{path.name}.reserve"), reserve_bytes)
        self._open()
        self._reserve.keep()

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
        with self._lock:
            alert = replace(draft, sequence=self._last.get(draft.camera_id, 0) + 1)
            self._write(lambda c: self._insert(c, alert, wanted, snapshot_bytes, open_incidents))
            self._last[alert.camera_id] = alert.sequence
            if open_incidents is not None:
                self._states["incidents", ""] = _to_json(open_incidents)
        self._tell()
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
        with self._lock:
            sequence = self._last.get(draft.camera_id, 0) + 1
            alert = replace(draft, sequence=sequence, durable=False)
            self._unwritten.hold(
                Held(alert, self.store_id, set(destinations), self._service_ms(), snapshot_bytes)
            )
            self._last[alert.camera_id] = sequence
            if open_incidents is not None:
                self._keep_state("incidents", "", _to_json(open_incidents))
        self._tell()
        return alert

    def settle(self) -> bool:
        """Try, at most once a second, to write what waits in memory; True when nothing does."""
        with self._lock:
            if self._unwritten and self._clock.monotonic_ns() >= self._next_settle_mono_ns:
                self._next_settle_mono_ns = self._clock.monotonic_ns() + SETTLE_EVERY_NS
                self._try_write(lambda connection: None)
            return not self._unwritten

    def listen(self, callback: Callable[[], None]) -> None:
        """`callback` is called after every commit, in the committing thread; it must return at once."""
        self._listeners.append(callback)

    # What a destination does.

    def waiting(self, destination: str, *, limit: int = 100) -> list[Outgoing]:
        """What the destination has not acknowledged, in order of commit. Never raises: `problem()` says if some
        cannot be read."""
        with self._lock:
            rows = self._try_read(tables.OUTGOING, (destination, limit))
            found = [tables.outgoing_from_row(row) for row in rows]
            found += self._unwritten.outgoing(destination)
            fresh = [
                o for o in found if not self._unwritten.is_acknowledged(destination, o.receipt)
            ]
            return fresh[:limit]

    def waiting_total(self, destination: str) -> int:
        """How many things wait for the destination, without those that are parked."""
        with self._lock:
            rows = self._try_read(
                "SELECT count(*) FROM deliveries WHERE destination = ? AND parked IS NULL",
                (destination,),
            )
            written = int(rows[0][0]) if rows else 0
            return written + len(self._unwritten.outgoing(destination))

    def acknowledged(self, destination: str, receipts: Iterable[Receipt]) -> None:
        """The destination has these. Never raises: what cannot be written now is written later."""
        with self._lock:
            self._unwritten.acknowledge(destination, receipts)
            self._try_write(lambda connection: None)

    def park(self, destination: str, receipt: Receipt, reason: str) -> None:
        """The destination refuses this for good: keep it, try it no more, leave a gap. Never raises."""
        with self._lock:
            self._try_write(lambda c: self._park(c, destination, receipt, reason))

    def gaps(self, destination: str, *, limit: int = 100) -> list[Gap]:
        """Losses that the destination has not been told of. Never raises."""
        with self._lock:
            gaps = [
                tables.gap_from_row(r) for r in self._try_read(tables.GAPS, (destination, limit))
            ]
            return [gap for gap in gaps if (gap.gap_id, gap.last) not in self._unwritten.told]

    def told(self, gap: Gap) -> None:
        """The destination knows of this gap. Never raises."""
        with self._lock:
            self._unwritten.told.add((gap.gap_id, gap.last))
            self._try_write(lambda connection: None)

    def replay(self, destination: str, camera_id: str, first: int) -> int:
        """Queue the camera's kept alerts from sequence `first` on once more; numbers that are no longer kept become
        gaps. Returns how many were found. Raises StoreError."""
        with self._lock:
            found = self._write(
                lambda c: tables.replay(
                    c, destination, camera_id, store_id=self.store_id, first=first
                )
            )
        self._tell()
        return found

    def expire(self, after_s: float) -> int:
        """Give up deliveries that have waited longer; each leaves a gap. Returns how many. Raises StoreError.

        Waiting is measured in the store's own time in service, not by the wall clock: a box that wakes up in 1970
        and is then told the time must not lose what it saw in between.
        """
        with self._lock:
            now_ms = self._service_ms()
            before_ms = now_ms - round(after_s * 1000)

            def work(connection: Connection) -> int:
                tables.put_state(connection, "clock", "service_ms", str(now_ms))
                return tables.expire(connection, before_service_ms=before_ms)

            lost = self._write(work)
        if lost:
            self._tell()
        return lost

    # Looking things up.

    def find(self, alert_id: str) -> Alert | None:
        """One alert that is kept. Raises StoreError."""
        rows = self._read("SELECT * FROM alerts WHERE alert_id = ?", (alert_id,))
        return tables.alert_from_row(rows[0]) if rows else None

    def newest_with_snapshot(self, camera_id: str) -> Alert | None:
        """The camera's newest alert that still has its picture. Raises StoreError."""
        rows = self._read(
            """SELECT * FROM alerts WHERE camera_id = ? AND snapshot_path IS NOT NULL
               ORDER BY row_id DESC LIMIT 1""",
            (camera_id,),
        )
        return tables.alert_from_row(rows[0]) if rows else None

    def problem(self) -> Problem | None:
        """Why the database is not fully itself; None when it is."""
        with self._lock:
            if self._refusal is not None:
                return self._refusal
        return self._damage

    # What a restart must not forget.

    def enabled(self, camera_id: str) -> bool:
        """Whether the camera is to be watched; True until somebody switches it off."""
        with self._lock:
            return self._states.get(("enabled", camera_id), "ON") == "ON"

    def set_enabled(self, camera_id: str, on: bool) -> None:
        """Never raises: what cannot be written now is written later."""
        self._set_state("enabled", camera_id, "ON" if on else "OFF")

    def open_incidents(self) -> list[dict[str, Any]]:
        """As last given to `commit` or `save_incidents`."""
        with self._lock:
            found: list[dict[str, Any]] = json.loads(self._states.get(("incidents", ""), "[]"))
            return found

    def save_incidents(self, incidents: Sequence[Mapping[str, Any]]) -> None:
        """For changes that come without an alert: a hit, an end. Never raises."""
        self._set_state("incidents", "", _to_json(incidents))

    def announced(self) -> dict[str, dict[str, Any]]:
        """What was announced to subscribers and not taken back: key -> what its author wants to know to do so."""
        with self._lock:
            return {
                key: json.loads(value)
                for (kind, key), value in self._states.items()
                if kind == "announced"
            }

    def announce(self, key: str, details: Mapping[str, Any]) -> None:
        """Remember, before the first retained message goes out, what must be cleared one day. Never raises."""
        self._set_state("announced", key, _to_json(details))

    def forget(self, key: str) -> None:
        """It was cleared. Never raises."""
        self._set_state("announced", key, None)

    def close(self) -> None:
        """Safe to call twice."""
        with self._lock:
            self._try_write(lambda connection: None)
            self._database.close()

    # Inside.

    def _open(self) -> None:
        try:
            self._database = self._connect()
        except StoreCorruptError as error:
            self._set_aside(error)
        else:
            self._load()

    def _connect(self) -> Database:
        return Database(self.path, migrations=MIGRATIONS, synchronous="FULL", busy_s=self._busy_s)

    def _load(self) -> None:
        self.is_new = self._database.is_new
        self._damage: Problem | None = getattr(self, "_damage", None)
        rows = self._database.read("SELECT kind, key, value FROM states")
        self._states = {(row["kind"], row["key"]): str(row["value"]) for row in rows}
        self._last = {
            row["camera_id"]: int(row["last"])
            for row in self._database.read("SELECT * FROM sequences")
        }
        self._opened_mono_ns = self._clock.monotonic_ns()
        self._service_base_ms = self._served_ms()
        self.store_id = self._states.get(("store", "id")) or self._name_store()

    def _served_ms(self) -> int:
        newest = self._database.read("SELECT coalesce(max(service_ms), 0) FROM alerts")[0][0]
        return max(int(newest), int(self._states.get(("clock", "service_ms"), "0")))

    def _name_store(self) -> str:
        store_id = str(uuid4())
        with self._database.transaction() as connection:
            tables.put_state(connection, "store", "id", store_id)
        self._states["store", "id"] = store_id
        return store_id

    def _service_ms(self) -> int:
        return (
            self._service_base_ms + (self._clock.monotonic_ns() - self._opened_mono_ns) // NS_PER_MS
        )

    def _insert(
        self,
        connection: Connection,
        alert: Alert,
        destinations: Sequence[str],
        snapshot_bytes: int,
        open_incidents: Sequence[Mapping[str, Any]] | None,
    ) -> None:
        tables.set_sequence(connection, alert.camera_id, alert.sequence)
        tables.insert_alert(
            connection,
            alert,
            destinations,
            store_id=self.store_id,
            service_ms=self._service_ms(),
            snapshot_bytes=snapshot_bytes,
        )
        for destination in destinations:
            tables.evict(connection, destination, max_waiting=self.max_waiting)
        if open_incidents is not None:
            tables.put_state(connection, "incidents", "", _to_json(open_incidents))

    def _park(
        self, connection: Connection, destination: str, receipt: Receipt, reason: str
    ) -> None:
        row = tables.park_delivery(connection, destination, receipt, reason)
        if row is not None and receipt.kind == "alert":
            tables.add_gap(
                connection,
                destination,
                store_id=row["store"],
                camera_id=row["camera_id"],
                first=row["sequence"],
                last=row["sequence"],
                reason=f"refused: {reason}",
            )

    def _set_state(self, kind: str, key: str, value: str | None) -> None:
        with self._lock:
            if self._states.get((kind, key)) != value:
                self._keep_state(kind, key, value)
                self._try_write(lambda connection: None)

    def _keep_state(self, kind: str, key: str, value: str | None) -> None:
        self._unwritten.states[kind, key] = value
        if value is None:
            self._states.pop((kind, key), None)
        else:
            self._states[kind, key] = value

    def _tell(self) -> None:
        for callback in self._listeners:
            callback()

    def _write(self, work: Callable[[Connection], T]) -> T:
        """`work` in one transaction, together with all that waits in memory. Raises StoreError."""
        try:
            try:
                result = self._attempt(work)
            except StoreCorruptError as error:
                self._set_aside(error)
                result = self._attempt(work)
            except StoreFullError:
                if not self._reserve.release():
                    raise
                result = self._attempt(work)
        except StoreError as error:
            self._refused(error)
            raise
        self._refusal = None
        return result

    def _attempt(self, work: Callable[[Connection], T]) -> T:
        with self._database.transaction() as connection:
            self._unwritten.write(connection, store_id=self.store_id)
            result = work(connection)
        self._unwritten.clear()
        return result

    def _try_write(self, work: Callable[[Connection], object]) -> None:
        try:
            self._write(work)
        except StoreError as error:
            self._refused(error)

    def _read(self, sql: str, parameters: Sequence[Value]) -> list[Row]:
        with self._lock:
            return self._database.read(sql, parameters)

    def _try_read(self, sql: str, parameters: Sequence[Value]) -> list[Row]:
        try:
            return self._read(sql, parameters)
        except StoreCorruptError as error:
            self._set_aside(error)
        except StoreError as error:
            self._refused(error)
        return []

    def _refused(self, error: StoreError) -> None:
        """Once an outage in the log; for as long as it lasts in the health."""
        if self._refusal is None:
            logger.error("%s; alerts go on from memory", error)
            now_ms = self._wall.unix_ms_at(self._clock.monotonic_ns())
            self._refusal = Problem(code="disk", text=str(error), since_unix_ms=now_ms)

    def _set_aside(self, error: StoreCorruptError) -> None:
        now_ms = self._wall.unix_ms_at(self._clock.monotonic_ns())
        if hasattr(self, "_database"):
            self._database.close()
        self.damaged = set_aside(self.path, str(now_ms))
        text = f"{error}; put aside as {self.damaged.name}, a new one was begun"
        logger.error("%s", text)
        self._damage = Problem(code="store", text=text, since_unix_ms=now_ms)
        self._database = self._connect()
        self._load()


def _to_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
