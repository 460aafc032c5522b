"""Database: one careful way to open SQLite, and errors that say what a person can do."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from surveil.database import Database, Migration, open_read_only, read_rows, set_aside
from surveil.errors import SchemaTooNewError, StoreCorruptError, StoreError, StoreFullError

MIGRATIONS = (Migration("0001_texts", "CREATE TABLE t (x TEXT);"),)
SECOND = Migration("0002_numbers", "CREATE TABLE u (y); INSERT INTO t VALUES ('migrated');")


def opened(
    path: Path, *, migrations: tuple[Migration, ...] = MIGRATIONS, busy_s: float = 0.05
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


def former(path: Path) -> None:
    """A file as the version before named migrations left it: their number, and no names."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("CREATE TABLE t (x TEXT); PRAGMA user_version = 1;")


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def names(database: Database) -> list[str]:
    return [row["name"] for row in database.read("SELECT name FROM schema_migrations")]


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.endswith(("-wal", "-shm"))}


def test_a_fresh_file_gets_all_migrations_by_name_and_number(tmp_path: Path) -> None:
    database = opened(tmp_path / "a.db", migrations=(*MIGRATIONS, SECOND))
    assert names(database) == ["0001_texts", "0002_numbers"]
    database.close()
    assert version(tmp_path / "a.db") == 2
    assert files(tmp_path) == {"a.db"}


def test_a_former_file_is_known_by_its_number_and_may_go_back(tmp_path: Path) -> None:
    """The former version opens what has at most as many migrations as it knows."""
    former(tmp_path / "a.db")
    database = opened(tmp_path / "a.db")
    assert names(database) == ["0001_texts"]
    insert(database)
    database.close()
    assert version(tmp_path / "a.db") == 1
    assert files(tmp_path) == {"a.db"}


def test_a_former_file_on_a_disk_that_refuses_opens_and_is_named_later(tmp_path: Path) -> None:
    former(tmp_path / "a.db")
    with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("BEGIN IMMEDIATE")
        opened(tmp_path / "a.db").close()
        other.execute("ROLLBACK")
    assert names(opened(tmp_path / "a.db")) == ["0001_texts"]


@pytest.mark.parametrize("named", [True, False])
def test_what_is_pending_is_applied_after_a_backup(tmp_path: Path, named: bool) -> None:
    path = tmp_path / "a.db"
    opened(path).close() if named else former(path)
    database = opened(path, migrations=(*MIGRATIONS, SECOND))
    assert names(database) == ["0001_texts", "0002_numbers"]
    assert [row["x"] for row in database.read("SELECT x FROM t")] == ["migrated"]
    database.close()
    assert version(path) == 2
    assert files(tmp_path) == {"a.db", "a.db.v1.backup"}
    backup = tmp_path / "a.db.v1.backup"
    assert version(backup) == 1
    with closing(open_read_only(backup)) as looker:
        assert read_rows(looker, backup, "SELECT * FROM t") == []


def test_a_failed_migration_changes_nothing(tmp_path: Path) -> None:
    opened(tmp_path / "a.db").close()
    wrong = Migration("0002_wrong", f"{SECOND.sql} NONSENSE;")
    with pytest.raises(StoreError):
        opened(tmp_path / "a.db", migrations=(*MIGRATIONS, wrong))
    database = opened(tmp_path / "a.db")
    assert database.read("SELECT name FROM sqlite_master WHERE name = 'u'") == []
    assert database.read("SELECT * FROM t") == []
    assert names(database) == ["0001_texts"]


KILLED = """
import os, signal, sqlite3, sys
from pathlib import Path
from surveil.database import Database, Migration

path, moment = Path(sys.argv[1]), sys.argv[2]
connect = sqlite3.connect

def deadly(*args, **kwargs):
    connection = connect(*args, **kwargs)
    connection.set_trace_callback(
        lambda sql: os.kill(os.getpid(), signal.SIGKILL) if moment in sql else None
    )
    return connection

sqlite3.connect = deadly
migrations = [Migration(*step) for step in zip(sys.argv[3::2], sys.argv[4::2], strict=True)]
Database(path, migrations=migrations, synchronous="FULL")
"""


@pytest.mark.parametrize(
    "moment",
    ["BEGIN IMMEDIATE", "CREATE TABLE u", "migrated", "schema_migrations (name)", "= 2", "COMMIT"],
)
@pytest.mark.parametrize("named", [True, False])
def test_a_migration_that_is_killed_is_done_again_as_a_whole(
    tmp_path: Path, moment: str, named: bool
) -> None:
    path = tmp_path / "a.db"
    opened(path).close() if named else former(path)
    steps = [word for step in (*MIGRATIONS, SECOND) for word in (step.name, step.sql)]
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path), moment, *steps], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert version(path) == 1
    with closing(sqlite3.connect(path)) as looker:
        tables = {row[0] for row in looker.execute("SELECT name FROM sqlite_master")}
    assert "u" not in tables
    assert ("schema_migrations" in tables) == named
    database = opened(path, migrations=(*MIGRATIONS, SECOND))
    assert names(database) == ["0001_texts", "0002_numbers"]
    assert [row["x"] for row in database.read("SELECT x FROM t")] == ["migrated"]


def test_a_backup_that_was_cut_short_is_made_anew(tmp_path: Path) -> None:
    former(tmp_path / "a.db")
    (tmp_path / "a.db.v1.backup.writing").write_bytes(b"half a page")
    opened(tmp_path / "a.db", migrations=(*MIGRATIONS, SECOND)).close()
    assert version(tmp_path / "a.db.v1.backup") == 1
    assert files(tmp_path) == {"a.db", "a.db.v1.backup"}


def test_a_newer_schema_is_refused_by_number_and_by_name_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    opened(path, migrations=(*MIGRATIONS, SECOND)).close()
    before = path.read_bytes()
    with pytest.raises(SchemaTooNewError, match=r"schema 2 \(0002_numbers\); this one knows 1"):
        opened(path)
    with pytest.raises(SchemaTooNewError, match="0001_texts"):
        opened(path, migrations=(Migration("0001_other", ""), SECOND))
    assert path.read_bytes() == before
    assert files(tmp_path) == {"a.db"}


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
