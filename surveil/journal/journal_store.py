"""journal.db: captions in batches, so that flash is written every few seconds and not at every caption.

`synchronous=NORMAL`: a power cut may cost the last batches, never the file.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from surveil.clock import Clock
from surveil.database import Connection, Database, Migration, Value, set_aside
from surveil.errors import SchemaTooNewError, StoreCorruptError, StoreError
from surveil.journal.caption_search import Hit, Query, find
from surveil.records import Alert, Caption, Problem

logger = logging.getLogger(__name__)

MIGRATIONS = (
    Migration(
        "0001_captions",
        """
    CREATE TABLE captions (
        row_id INTEGER PRIMARY KEY,
        camera_id TEXT NOT NULL,
        region_id TEXT,
        captured_unix_ms INTEGER NOT NULL,
        text TEXT NOT NULL,
        confidence REAL,
        model_id TEXT NOT NULL
    );
    CREATE INDEX captions_by_time ON captions (captured_unix_ms);
    CREATE INDEX captions_by_camera ON captions (camera_id, captured_unix_ms);

    CREATE VIRTUAL TABLE captions_fts USING fts5 (
        text, content = 'captions', content_rowid = 'row_id', tokenize = 'porter unicode61 remove_diacritics 2'
    );
    CREATE TRIGGER captions_added AFTER INSERT ON captions BEGIN
        INSERT INTO captions_fts (rowid, text) VALUES (new.row_id, new.text);
    END;
    CREATE TRIGGER captions_removed AFTER DELETE ON captions BEGIN
        INSERT INTO captions_fts (captions_fts, rowid, text) VALUES ('delete', old.row_id, old.text);
    END;

    CREATE TABLE alerts (
        alert_id TEXT PRIMARY KEY,
        camera_id TEXT NOT NULL,
        captured_unix_ms INTEGER NOT NULL,
        rule_id TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX alerts_by_caption ON alerts (camera_id, captured_unix_ms);
    """,
    ),
)
Entry = tuple[str, str | None, int, str, float | None, str]
"""One row of `captions`, without its row_id."""
MAX_UNWRITTEN = 50_000
"""Captions kept while the disk refuses; about 20 MB."""
PAGE = 1_000
REMEDY = "make room on the disk of state_dir, and see that it can be written and is healthy"
MERGES = 1_000
MERGE_PAGES = 256


class Journal:
    """Any thread. The constructor raises SchemaTooNewError; a damaged file is set aside, and one that the disk will not
    open is opened when it will."""

    name = "journal"

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self._lost_total = 0
        """Captions that memory could not hold while the disk refused."""
        self._written_total = 0
        self._clock = clock
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._captions: deque[Entry] = deque()
        self._alerts: deque[Alert] = deque()
        self._problem: Problem | None = None
        self._damage: Problem | None = None
        """Since the start: captions of the past are not found any more."""
        self._database: Database | None = None
        try:
            self._opened()
        except SchemaTooNewError:
            raise
        except StoreError as error:
            self._refused(error)

    def add(self, caption: Caption) -> None:
        """Memory only; `flush` writes it. The picture is let go of here: words may wait for a disk, pixels not."""
        with self._lock:
            self._captions.append(_entry(caption))
            self._trim()

    def add_alert(self, alert: Alert) -> None:
        """Marks the alert's caption. Memory only."""
        with self._lock:
            self._alerts.append(alert)

    def flush(self) -> None:
        """Write what was added; call every 5 s. When the disk refuses, `problems` says so and the captions wait."""
        with self._flushing:
            with self._lock:
                captions, self._captions = self._captions, deque()
                alerts, self._alerts = self._alerts, deque()
            if not captions and not alerts and self._database is not None:
                return
            try:
                with self._opened().transaction() as connection:
                    _insert(connection, captions, alerts)
            except StoreError as error:
                self._put_back(captions, alerts)
                self._refused(error)
            else:
                self._problem = None
                self._written_total += len(captions)

    def search(
        self,
        query: str,
        *,
        camera_id: str | None = None,
        since_unix_ms: int | None = None,
        until_unix_ms: int | None = None,
        limit: int = 50,
    ) -> list[Hit]:
        """Newest first, of what was flushed. Raises SearchError, StoreError."""
        asked = Query(query, camera_id, since_unix_ms, until_unix_ms, limit)
        return find(self._opened().read, asked)

    def captions(
        self,
        *,
        since_unix_ms: int | None = None,
        until_unix_ms: int | None = None,
        camera_id: str | None = None,
    ) -> Iterator[Hit]:
        """Oldest first, in pages, for replaying rules over the past. Raises StoreError."""
        asked = Query(None, camera_id, since_unix_ms, until_unix_ms, PAGE)
        while page := find(self._opened().read, asked, newest_first=False):
            # A page is cut at its last moment, so that captions of one moment stay together.
            last_ms = page[-1].captured_unix_ms
            whole = len(page) < asked.limit
            done = page if whole else [hit for hit in page if hit.captured_unix_ms < last_ms]
            yield from done
            if whole:
                return
            since_ms = last_ms if done else asked.since_unix_ms
            limit = PAGE if done else 2 * asked.limit
            asked = replace(asked, since_unix_ms=since_ms, limit=limit)

    def prune(self, before_unix_ms: int, *, max_bytes: int | None = None) -> int:
        """Delete what was captured earlier, then the oldest until the rest fits `max_bytes`; in small transactions.

        Returns how many captions. SQLite uses the room again; the file does not shrink. Raises StoreError.
        """
        removed = 0
        while count := self._prune_some("captured_unix_ms < ?", (before_unix_ms,)):
            removed += count
        if max_bytes is not None:
            removed += self._prune_to(max_bytes)
        with self._opened().transaction() as connection:
            connection.execute(
                """DELETE FROM alerts WHERE captured_unix_ms < ?
                   OR captured_unix_ms < (SELECT min(captured_unix_ms) FROM captions)""",
                (before_unix_ms,),
            )
        return removed

    def problems(self) -> Sequence[Problem]:
        """Why captions are not being written, or where those of the past are."""
        return [one for one in (self._problem, self._damage) if one is not None]

    def counters(self) -> Mapping[str, float]:
        with self._lock:
            waiting = len(self._captions)
        return {
            "captions_total": self._written_total,
            "captions_waiting": waiting,
            "captions_lost_total": self._lost_total,
        }

    def close(self) -> None:
        """Writes what was added. Safe to call twice."""
        self.flush()
        if self._database is not None:
            self._database.close()

    def _prune_to(self, max_bytes: int) -> int:
        """As many of the oldest as the excess amounts to on average: the room itself comes back later, piece by piece,
        so measuring it after each deletion would empty the journal."""
        used = self._used_bytes()
        if used <= max_bytes:
            return 0
        total = int(self._opened().read("SELECT count(*) FROM captions")[0][0])
        left = math.ceil(total * (used - max_bytes) / used)
        removed = 0
        while left > 0 and (count := self._prune_some("1", (), limit=min(left, PAGE))):
            left -= count
            removed += count
        self._compact()
        return removed

    def _compact(self) -> None:
        """The full-text index marks deleted words; merging its parts, in short steps, makes room of them."""
        for step in range(MERGES):
            pages = (
                -MERGE_PAGES if step == 0 else MERGE_PAGES
            )  # negative: take up all parts (FTS5, section 6.8)
            with self._opened().transaction() as connection:
                before = connection.total_changes
                connection.execute(
                    "INSERT INTO captions_fts (captions_fts, rank) VALUES ('merge', ?)", (pages,)
                )
                if connection.total_changes - before < 2:
                    return

    def _prune_some(
        self, condition: str, parameters: tuple[Value, ...], *, limit: int = PAGE
    ) -> int:
        with self._opened().transaction() as connection:
            return connection.execute(
                f"""DELETE FROM captions WHERE row_id IN (SELECT row_id FROM captions WHERE {condition}
                    ORDER BY captured_unix_ms LIMIT ?)""",
                (*parameters, limit),
            ).rowcount

    def _used_bytes(self) -> int:
        pages, free, size = (
            int(self._opened().read(f"PRAGMA {name}")[0][0])
            for name in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * size

    def _opened(self) -> Database:
        """Raises StoreError while the disk refuses."""
        if self._database is None:
            self._database = self._open()
        return self._database

    def _open(self) -> Database:
        try:
            return self._connect()
        except StoreCorruptError as error:
            moved = set_aside(self.path, str(self._clock.unix_ms()))
            text = f"{error}; put aside as {moved.name}, a new one was begun"
            logger.error("%s", text)  # noqa: TRY400 - the damage is the news, not this stack
            remedy = "restore a backup if older captions are needed; a restart clears this"
            self._damage = Problem("journal", text, self._clock.unix_ms(), remedy=remedy)
            return self._connect()

    def _connect(self) -> Database:
        return Database(self.path, migrations=MIGRATIONS, synchronous="NORMAL")

    def _put_back(self, captions: deque[Entry], alerts: deque[Alert]) -> None:
        with self._lock:
            self._captions.extendleft(reversed(captions))
            self._alerts.extendleft(reversed(alerts))
            self._trim()

    def _trim(self) -> None:
        while len(self._captions) > MAX_UNWRITTEN:
            self._captions.popleft()
            self._lost_total += 1

    def _refused(self, error: StoreError) -> None:
        if isinstance(error, StoreCorruptError):
            if self._database is not None:
                self._database.close()
            self._database = self._open()
        elif self._problem is None:
            logger.error("%s; captions wait in memory", error)
            self._problem = Problem(
                "journal", str(error), self._clock.unix_ms(), component=self.name, remedy=REMEDY
            )


def _entry(caption: Caption) -> Entry:
    frame = caption.frame
    return (
        frame.camera_id,
        frame.region_id,
        frame.captured_unix_ms,
        caption.text,
        caption.confidence,
        caption.model_id,
    )


def _insert(connection: Connection, captions: Iterable[Entry], alerts: Iterable[Alert]) -> None:
    connection.executemany(
        """INSERT INTO captions (camera_id, region_id, captured_unix_ms, text, confidence, model_id)
           VALUES (?, ?, ?, ?, ?, ?)""",
        captions,
    )
    connection.executemany(
        "INSERT OR IGNORE INTO alerts VALUES (?, ?, ?, ?)",
        [(a.alert_id, a.camera_id, a.captured_unix_ms, a.rule_id) for a in alerts],
    )
