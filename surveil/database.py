"""One SQLite file, opened the same careful way by the two rooms that keep one.

WAL, one connection behind one lock, explicit transactions, named migrations with a backup first, and every `sqlite3`
exception translated once. Only `surveil.alerts` and `surveil.journal` import this.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from surveil.errors import SchemaTooNewError, StoreCorruptError, StoreError, StoreFullError

Connection = sqlite3.Connection
Row = sqlite3.Row
Value = str | int | float | bytes | None
SIDE_FILES = ("", "-wal", "-shm")
"""Suffixes of the files that make up one database in WAL mode."""

_BOOKKEEPING = """CREATE TABLE IF NOT EXISTS schema_migrations (
    name TEXT PRIMARY KEY,
    applied_at TEXT NOT NULL DEFAULT (datetime('now'))  -- UTC by the machine's clock, for people
) WITHOUT ROWID;"""
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_PRIMARY_CODE = 0xFF  # extended result codes carry the primary one in the low byte


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of a schema, applied once to each file; never changed after a release."""

    name: str
    """`0001_alerts`: letters, digits, underscores. It says whether a file has had this step."""
    sql: str


class Database:
    """An open database. Any thread; callers queue behind one lock.

    Raises from the constructor: StoreCorruptError, SchemaTooNewError, StoreError.
    """

    def __init__(
        self,
        path: Path,
        *,
        migrations: Sequence[Migration] | None,
        synchronous: Literal["FULL", "NORMAL"],
        busy_s: float = 2.0,
    ) -> None:
        """`migrations`: in order; None leaves the schema as it is found."""
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
        return cls(path, migrations=None, synchronous="FULL", busy_s=busy_s)

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

    def _prepare(self, migrations: Sequence[Migration] | None, synchronous: str) -> None:
        self._connection.row_factory = sqlite3.Row
        if migrations is not None:
            self._refuse_newer(migrations)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute(f"PRAGMA synchronous = {synchronous}")
        self._connection.execute("PRAGMA foreign_keys = ON")
        # A damaged page is better found now than in the middle of the night; 100 MB takes well under a second.
        verdict = self._connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise StoreCorruptError(f"{self.path} is damaged: {verdict}")
        if migrations is not None:
            self._migrate(migrations)

    def _version(self) -> int:
        """How many migrations the file has had."""
        return int(self._connection.execute("PRAGMA user_version").fetchone()[0])

    def _recorded(self) -> set[str] | None:
        """Names of the migrations that the file has had; None where only their number was kept."""
        if not self.read("SELECT 1 FROM sqlite_master WHERE name = 'schema_migrations'"):
            return None
        return {str(row["name"]) for row in self.read("SELECT name FROM schema_migrations")}

    def _refuse_newer(self, migrations: Sequence[Migration]) -> None:
        found = self._version()
        unknown = (self._recorded() or set()) - {migration.name for migration in migrations}
        if found > len(migrations) or unknown:
            names = f" ({', '.join(sorted(unknown))})" if unknown else ""
            raise SchemaTooNewError(
                f"{self.path} was written by a newer Surveil "
                f"(schema {found}{names}; this one knows {len(migrations)}): "
                "install that version again, or move the file away to start anew"
            )

    def _migrate(self, migrations: Sequence[Migration]) -> None:
        """Apply what is pending, all of it or nothing; a file that has something in it is backed up before."""
        version, recorded = self._version(), self._recorded()
        applied = recorded
        if applied is None:
            applied = {migration.name for migration in migrations[:version]}
        pending = [migration for migration in migrations if migration.name not in applied]
        if not pending:
            if recorded is None:
                self._record(applied)
            return
        if version > 0:
            self._back_up(version)
        names = [*applied, *(migration.name for migration in pending)]
        script = "\n".join(migration.sql for migration in pending)
        # `user_version` counts them: by it an earlier version knows that a file is too new for it.
        self._connection.executescript(
            f"BEGIN IMMEDIATE;\n{script}\n{_bookkeeping(names)}\n"
            f"PRAGMA user_version = {len(names)};\nCOMMIT;"
        )

    def _record(self, names: set[str]) -> None:
        """Give names to what only a number told. A disk that refuses is asked again at the next start: the file is
        usable as it is."""
        with suppress(sqlite3.OperationalError):
            self._connection.executescript(f"BEGIN IMMEDIATE;\n{_bookkeeping(names)}\nCOMMIT;")
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _back_up(self, version: int) -> None:
        """Whole or not there: a backup that was cut short does not bear the name."""
        target = self.path.with_name(f"{self.path.name}.v{version}.backup")
        unfinished = target.with_name(f"{target.name}.writing")
        unfinished.unlink(missing_ok=True)
        with closing(sqlite3.connect(unfinished)) as copy:
            self._connection.backup(copy)
        sync_path(unfinished)
        unfinished.rename(target)
        sync_path(target.parent)


def _bookkeeping(names: Iterable[str]) -> str:
    rows = ", ".join(f"('{name}')" for name in sorted(names))
    return f"{_BOOKKEEPING}\nINSERT OR IGNORE INTO schema_migrations (name) VALUES {rows};"


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
