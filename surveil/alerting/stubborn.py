"""The file behind AlertStore, which goes on when the disk does not.

Full: the reserve is given back. Damaged: the file is set aside and a new one begun. Locked or read-only: what could
not be written waits in `unwritten`, and rides along with the next transaction that succeeds.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from surveil.alerting.reserve import Reserve
from surveil.alerting.schema import MIGRATIONS
from surveil.alerting.unwritten import Unwritten
from surveil.clock import Clock, WallTime, ns
from surveil.database import Connection, Database, Row, Value, set_aside
from surveil.errors import StoreCorruptError, StoreError, StoreFullError
from surveil.records import Problem

logger = logging.getLogger(__name__)
T = TypeVar("T")

RETRY_NS = ns(1.0)


class StubbornDatabase:
    """Not thread-safe: AlertStore's lock guards it.

    The constructor raises SchemaTooNewError or StoreError; a damaged file is set aside instead (`damaged`).
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        wall: WallTime,
        *,
        busy_s: float,
        reserve: Reserve,
        on_replaced: Callable[[Path], None],
        max_held: int = 1_000,
    ) -> None:
        """`on_replaced` is called with the damaged file's new name, after a new database was begun while running."""
        self.unwritten = Unwritten(max_held)
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
        self._damage: Problem | None = None
        try:
            self._database = self._connect()
        except StoreCorruptError as error:
            self._begin_anew(error)
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
            result = self._persist(work)
        except StoreError as error:
            self._refused(error)
            raise
        self._recovered()
        return result

    def try_write(self, work: Callable[[Connection], object] = lambda _: None) -> None:
        """Like `write`, but what waits goes on waiting when the disk refuses, and `work` is forgotten."""
        with suppress(StoreError):  # `problem` says so, as long as it lasts
            self.write(work)

    def read(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        """Raises StoreError."""
        return self._database.read(sql, parameters)

    def try_read(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        """Nothing when it cannot be read; `problem` then says so."""
        try:
            return self.read(sql, parameters)
        except StoreCorruptError as error:
            self._replace(error)
        except StoreError as error:
            self._refused(error)
        return []

    def settle(self) -> bool:
        """Write what waits, if the disk takes it; True when nothing waits."""
        if self.unwritten:
            self.try_write()
        self._reserve.keep()
        return not self.unwritten

    def problem(self) -> Problem | None:
        if self._refusal is not None:
            held = len(self.unwritten.held)
            text = f"{self._refusal}; {held} alerts are kept in memory only"
            return Problem("disk", text, self._refused_unix_ms)
        return self._damage

    def close(self) -> None:
        self.try_write()
        self._database.close()

    def _connect(self) -> Database:
        return Database(self._path, migrations=MIGRATIONS, synchronous="FULL", busy_s=self._busy_s)

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
            self.unwritten.write(connection, store_id=self.store_id)
            result = work(connection)
        self.unwritten.clear()
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
        self._damage = Problem("store", text, now_ms)
        self._database = self._connect()
        return self.damaged
