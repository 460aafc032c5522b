"""One SQLite file, opened the same careful way by the two rooms that keep one.

WAL, one connection behind one lock, explicit transactions, `PRAGMA user_version` migrations with a backup first, and
every `sqlite3` exception translated once. Only `surveil.alerts` and `surveil.journal` import this.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal

from surveil.errors import SchemaTooNewError, StoreCorruptError, StoreError, StoreFullError

Connection = sqlite3.Connection
Row = sqlite3.Row
Value = str | int | float | bytes | None
SIDE_FILES = ("", "-wal", "-shm")
"""Suffixes of the files that make up one database in WAL mode."""

_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_PRIMARY_CODE = 0xFF  # extended result codes carry the primary one in the low byte


class Database:
    """An open database. Any thread; callers queue behind one lock.

    Raises from the constructor: StoreCorruptError, SchemaTooNewError, StoreError.
    """

    def __init__(
        self,
        path: Path,
        *,
        migrations: Sequence[str],
        synchronous: Literal["FULL", "NORMAL"],
        busy_s: float = 2.0,
    ) -> None:
        self.path = path
        self.is_new = not path.exists()
        self._lock = threading.RLock()
        with _translated(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                path, timeout=busy_s, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare(migrations, synchronous)
            except BaseException:
                self._connection.close()
                raise

    @classmethod
    def join(cls, path: Path, *, busy_s: float = 5.0) -> Database:
        """Write beside the daemon that owns the file: whatever its schema is, it stays. Raises StoreError."""
        with _translated(path), closing(sqlite3.connect(path, timeout=busy_s)) as connection:
            version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        return cls(path, migrations=[""] * version, synchronous="FULL", busy_s=busy_s)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """All or nothing; on leaving, the rows are as durable as `synchronous` promises. Raises StoreError."""
        with self._lock, _translated(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def read(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        """All rows of a query. Raises StoreError."""
        with self._lock, _translated(self.path):
            return self._connection.execute(sql, parameters).fetchall()

    def close(self) -> None:
        """Safe to call twice."""
        with self._lock:
            self._connection.close()

    def _prepare(self, migrations: Sequence[str], synchronous: str) -> None:
        self._connection.row_factory = sqlite3.Row
        self._refuse_newer(len(migrations))
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute(f"PRAGMA synchronous = {synchronous}")
        self._connection.execute("PRAGMA foreign_keys = ON")
        # A damaged page is better found now than in the middle of the night; 100 MB takes well under a second.
        verdict = self._connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise StoreCorruptError(f"{self.path} is damaged: {verdict}")
        self._migrate(migrations)

    def _version(self) -> int:
        return int(self._connection.execute("PRAGMA user_version").fetchone()[0])

    def _refuse_newer(self, known: int) -> None:
        found = self._version()
        if found > known:
            raise SchemaTooNewError(
                f"{self.path} was written by a newer Surveil (schema {found}; this one knows {known}): "
                "install that version again, or move the file away to start anew"
            )

    def _migrate(self, migrations: Sequence[str]) -> None:
        found = self._version()
        if found == len(migrations):
            return
        if found > 0:
            self._back_up(found)
        script = "\n".join(migrations[found:])
        self._connection.executescript(
            f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {len(migrations)};\nCOMMIT;"
        )

    def _back_up(self, version: int) -> None:
        target = self.path.with_name(f"{self.path.name}.v{version}.backup")
        with closing(sqlite3.connect(target)) as copy:
            self._connection.backup(copy)
        sync_path(target)
        sync_path(target.parent)


def open_read_only(path: Path, *, busy_s: float = 2.0) -> Connection:
    """A connection for looking while a daemon writes; the caller closes it. Raises StoreError."""
    if not path.exists():
        raise StoreError(f"{path} does not exist: has the daemon run with this state folder?")
    with _translated(path):
        # Not immutable=1: that would ignore the write-ahead log, where the newest rows are.
        uri = f"{path.absolute().as_uri()}?mode=ro"
        connection = sqlite3.connect(uri, uri=True, timeout=busy_s, isolation_level=None)
        connection.row_factory = sqlite3.Row
        return connection


def read_rows(
    connection: Connection, path: Path, sql: str, parameters: Sequence[Value] = ()
) -> list[Row]:
    """All rows of a query on a connection of `open_read_only`. Raises StoreError."""
    with _translated(path):
        return connection.execute(sql, parameters).fetchall()


def set_aside(path: Path, label: str) -> Path:
    """Rename a damaged database and its side files to `<name>.damaged-<label>`; returns the new name."""
    target = path.with_name(f"{path.name}.damaged-{label}")
    for suffix in SIDE_FILES:
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(target.with_name(target.name + suffix))
    sync_path(path.parent)
    return target


def sync_path(path: Path) -> None:
    """fsync a file or a folder, so that its bytes, or its names, outlive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise _store_error(path, error) from error
    except OSError as error:
        raise StoreError(f"{path} cannot be used: {error.strerror or error}") from error


def _store_error(path: Path, error: sqlite3.Error) -> StoreError:
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE
    if code in _CORRUPT:
        return StoreCorruptError(f"{path} is damaged: {error}")
    if code == sqlite3.SQLITE_FULL:
        return StoreFullError(f"{path} cannot be written: there is no room left on its disk")
    return StoreError(f"{path} cannot be used: {error}")
