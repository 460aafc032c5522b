"""Database: one careful way to open SQLite, and errors that say what a person can do."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from surveil.database import Database, open_read_only, read_rows, set_aside
from surveil.errors import SchemaTooNewError, StoreCorruptError, StoreError, StoreFullError

MIGRATIONS = ("CREATE TABLE t (x TEXT);",)


def opened(
    path: Path, *, migrations: tuple[str, ...] = MIGRATIONS, busy_s: float = 0.05
) -> Database:
    return Database(path, migrations=migrations, synchronous="FULL", busy_s=busy_s)


def insert(database: Database, text: str = "x") -> None:
    with database.transaction() as connection:
        connection.execute("INSERT INTO t VALUES (?)", (text,))


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    database = opened(tmp_path / "a.db")

    def half() -> None:
        with database.transaction() as connection:
            connection.execute("INSERT INTO t VALUES ('half')")
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        half()
    insert(database, "whole")
    assert [row["x"] for row in database.read("SELECT x FROM t")] == ["whole"]
    database.close()
    database.close()


def test_commits_wait_for_the_disk_and_the_log_is_kept_apart(tmp_path: Path) -> None:
    database = opened(tmp_path / "a.db")
    assert database.read("PRAGMA journal_mode")[0][0] == "wal"
    assert database.read("PRAGMA synchronous")[0][0] == 2
    assert database.is_new
    database.close()
    assert not opened(tmp_path / "a.db").is_new


def test_a_failed_migration_changes_nothing(tmp_path: Path) -> None:
    opened(tmp_path / "a.db").close()
    wrong = (*MIGRATIONS, "CREATE TABLE u (y); NONSENSE;")
    with pytest.raises(StoreError):
        opened(tmp_path / "a.db", migrations=wrong)
    database = opened(tmp_path / "a.db")
    assert database.read("SELECT name FROM sqlite_master WHERE name = 'u'") == []


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    opened(tmp_path / "a.db", migrations=(*MIGRATIONS, "CREATE TABLE u (y);")).close()
    with pytest.raises(SchemaTooNewError, match=r"schema 2; this one knows 1"):
        opened(tmp_path / "a.db")


@pytest.mark.parametrize(
    "content", [b"not a database" * 500, b"SQLite format 3\0" + b"\xff" * 8192]
)
def test_damage_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(content)
    with pytest.raises(StoreCorruptError, match="is damaged"):
        opened(path)
    moved = set_aside(path, "1")
    assert moved.name == "a.db.damaged-1"
    assert not path.exists()
    opened(path).close()


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    database = opened(tmp_path / "a.db")
    pages = database.read("PRAGMA page_count")[0][0]
    database.read(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreFullError, match="no room left"):
        insert(database, "x" * 100_000)
    database.read("PRAGMA max_page_count = 100000")
    insert(database)


def test_a_lock_by_another_process_is_named(tmp_path: Path) -> None:
    database = opened(tmp_path / "a.db")
    with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked"):
            insert(database)
        assert database.read("SELECT * FROM t") == []
        other.execute("ROLLBACK")
    insert(database)


def test_a_looker_sees_what_was_committed_and_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    database = opened(path)
    insert(database)
    with closing(open_read_only(path)) as looker:
        assert len(read_rows(looker, path, "SELECT * FROM t")) == 1
        with pytest.raises(StoreError, match="readonly"):
            read_rows(looker, path, "DELETE FROM t")


def test_joining_writes_beside_the_owner(tmp_path: Path) -> None:
    database = opened(tmp_path / "a.db")
    guest = Database.join(tmp_path / "a.db")
    insert(guest)
    guest.close()
    assert len(database.read("SELECT * FROM t")) == 1
