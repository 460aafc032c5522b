"""The SQL of alerts.db: plain functions over a connection that is inside a transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from surveil.database import Connection, Migration, Row
from surveil.records import (
    Alert,
    Clip,
    Evidence,
    Gap,
    Kind,
    Match,
    Outgoing,
    Receipt,
    Severity,
    Snapshot,
    Timings,
)

OUTGOING = """
    SELECT a.*, d.kind AS kind FROM deliveries d JOIN alerts a ON a.row_id = d.alert_row
    WHERE d.destination = ? AND d.parked IS NULL ORDER BY d.alert_row, d.kind LIMIT ?
"""
PARKED = """
    SELECT count(*) AS total, coalesce(max(alert_row), 0) AS newest FROM deliveries
    WHERE destination = ? AND parked IS NOT NULL
"""
WHY_PARKED = (
    "SELECT parked FROM deliveries WHERE destination = ? AND alert_row = ? AND parked IS NOT NULL"
)
GAPS = "SELECT * FROM gaps WHERE destination = ? ORDER BY gap_id LIMIT ?"


def set_sequence(connection: Connection, camera_id: str, last: int) -> None:
    """The camera's newest number."""
    connection.execute(
        "INSERT INTO sequences VALUES (?, ?) ON CONFLICT DO UPDATE SET last = max(last, excluded.last)",
        (camera_id, last),
    )


def insert_alert(
    connection: Connection,
    alert: Alert,
    destinations: Iterable[str],
    *,
    store_id: str,
    service_ms: int,
    snapshot_bytes: int,
) -> None:
    """The row and one delivery for each destination; nothing when the alert is there already."""
    cursor = connection.execute(
        """INSERT OR IGNORE INTO alerts (alert_id, store, camera_id, sequence, severity, rule_id, captured_unix_ms,
               service_ms, body, snapshot, snapshot_reason, snapshot_path, snapshot_bytes)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            alert.alert_id,
            store_id,
            alert.camera_id,
            alert.sequence,
            alert.severity.rank,
            alert.rule_id,
            alert.captured_unix_ms,
            service_ms,
            alert_to_json(alert),
            snapshot_to_json(alert.snapshot),
            alert.snapshot_reason,
            alert.snapshot.path if alert.snapshot else None,
            snapshot_bytes,
        ),
    )
    if cursor.rowcount:
        connection.executemany(
            "INSERT INTO deliveries (destination, alert_row) VALUES (?, ?)",
            [(destination, cursor.lastrowid) for destination in destinations],
        )


def delete_deliveries(
    connection: Connection, destination: str, receipts: Iterable[Receipt]
) -> None:
    """What the destination has acknowledged."""
    connection.executemany(
        """DELETE FROM deliveries WHERE destination = ? AND kind = ?
           AND alert_row = (SELECT row_id FROM alerts WHERE alert_id = ?)""",
        [(destination, receipt.kind, receipt.alert_id) for receipt in receipts],
    )


def park_delivery(
    connection: Connection, destination: str, receipt: Receipt, reason: str
) -> Row | None:
    """Keep it, but try it no more; returns the alert's row, or None when it is not (or no longer) kept."""
    row: Row | None = connection.execute(
        "SELECT * FROM alerts WHERE alert_id = ?", (receipt.alert_id,)
    ).fetchone()
    if row is not None:
        connection.execute(
            "UPDATE deliveries SET parked = ? WHERE destination = ? AND kind = ? AND alert_row = ?",
            (reason, destination, receipt.kind, row["row_id"]),
        )
    return row


def retry_parked(connection: Connection, destination: str) -> None:
    """All of them wait again."""
    connection.execute(
        "UPDATE deliveries SET parked = NULL WHERE destination = ? AND parked IS NOT NULL",
        (destination,),
    )


def lose_deliveries(connection: Connection, losses: Iterable[Row], reason: str) -> None:
    """Delete deliveries (rows name the delivery and its alert); leave a gap for each."""
    for row in losses:
        connection.execute(
            "DELETE FROM deliveries WHERE destination = ? AND alert_row = ? AND kind = ?",
            (row["destination"], row["alert_row"], row["kind"]),
        )
        if row["kind"] == "alert":
            add_gap(
                connection,
                row["destination"],
                store_id=row["store"],
                camera_id=row["camera_id"],
                first=row["sequence"],
                last=row["sequence"],
                reason=reason,
            )


def add_gap(
    connection: Connection,
    destination: str,
    *,
    store_id: str,
    camera_id: str,
    first: int,
    last: int,
    reason: str,
) -> None:
    """Remember a loss; one that follows another of its kind makes that one longer."""
    key = (destination, store_id, camera_id, reason)
    longer = connection.execute(
        """UPDATE gaps SET last = max(last, ?) WHERE destination = ? AND store = ? AND camera_id = ? AND reason = ?
           AND first <= ? AND last >= ?""",
        (last, *key, first, first - 1),
    )
    if longer.rowcount == 0:
        connection.execute(
            """INSERT INTO gaps (destination, store, camera_id, reason, first, last) VALUES (?, ?, ?, ?, ?, ?)""",
            (*key, first, last),
        )


def evict(connection: Connection, destination: str, *, max_waiting: int) -> None:
    """Drop what is too much: the oldest of the lowest severity first."""
    waiting = connection.execute(
        "SELECT count(*) FROM deliveries WHERE destination = ? AND parked IS NULL", (destination,)
    ).fetchone()[0]
    if waiting > max_waiting:
        losses = connection.execute(
            """SELECT d.destination, d.alert_row, d.kind, a.store, a.camera_id, a.sequence
               FROM deliveries d JOIN alerts a ON a.row_id = d.alert_row
               WHERE d.destination = ? AND d.parked IS NULL
               ORDER BY a.severity, d.alert_row LIMIT ?""",
            (destination, waiting - max_waiting),
        ).fetchall()
        lose_deliveries(connection, losses, "evicted")


def expire(connection: Connection, *, before_service_ms: int) -> int:
    """Give up what has waited since before that moment; returns how many deliveries."""
    losses = connection.execute(
        """SELECT d.destination, d.alert_row, d.kind, a.store, a.camera_id, a.sequence
           FROM deliveries d JOIN alerts a ON a.row_id = d.alert_row
           WHERE d.parked IS NULL AND a.service_ms < ? ORDER BY d.destination, d.alert_row""",
        (before_service_ms,),
    ).fetchall()
    lose_deliveries(connection, losses, "expired")
    return len(losses)


def replay(
    connection: Connection,
    destination: str,
    camera_id: str,
    *,
    store_id: str,
    first: int,
) -> int:
    """Queue the kept alerts from `first` on once more, and a gap for each run of numbers that is no longer kept.

    Returns how many alerts were found.
    """
    rows = connection.execute(
        """SELECT row_id, sequence FROM alerts WHERE store = ? AND camera_id = ? AND sequence >= ?
           ORDER BY sequence""",
        (store_id, camera_id, first),
    ).fetchall()
    connection.executemany(
        """INSERT INTO deliveries (destination, alert_row) VALUES (?, ?)
           ON CONFLICT DO UPDATE SET parked = NULL""",
        [(destination, row["row_id"]) for row in rows],
    )
    last = connection.execute(
        "SELECT last FROM sequences WHERE camera_id = ?", (camera_id,)
    ).fetchone()
    kept = [row["sequence"] for row in rows]
    for start, end in missing_runs(kept, first=max(1, first), last=last["last"] if last else 0):
        add_gap(
            connection,
            destination,
            store_id=store_id,
            camera_id=camera_id,
            first=start,
            last=end,
            reason="not kept",
        )
    return len(rows)


def missing_runs(kept: Iterable[int], *, first: int, last: int) -> list[tuple[int, int]]:
    """Runs of numbers in first..last that the sorted `kept` lacks."""
    runs = []
    expected = first
    for number in kept:
        if expected <= min(number - 1, last):
            runs.append((expected, min(number - 1, last)))
        expected = max(expected, number + 1)
    if expected <= last:
        runs.append((expected, last))
    return runs


def put_state(connection: Connection, kind: str, key: str, value: str | None) -> None:
    """None deletes."""
    if value is None:
        connection.execute("DELETE FROM states WHERE kind = ? AND key = ?", (kind, key))
    else:
        connection.execute(
            "INSERT INTO states VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
            (kind, key, value),
        )


def put_clip(connection: Connection, alert_id: str, clip: Clip, *, clip_bytes: int) -> None:
    """The alert's clip, or why it has none."""
    connection.execute(
        "UPDATE alerts SET clip = ?, clip_path = ?, clip_bytes = ? WHERE alert_id = ?",
        (json.dumps(asdict(clip), ensure_ascii=False), clip.path, clip_bytes, alert_id),
    )


def add_delivery(connection: Connection, destination: str, alert_id: str, kind: Kind) -> None:
    """Queue one more thing about an alert that is kept."""
    connection.execute(
        """INSERT OR IGNORE INTO deliveries (destination, alert_row, kind)
           SELECT ?, row_id, ? FROM alerts WHERE alert_id = ?""",
        (destination, kind, alert_id),
    )


def alert_from_row(row: Row) -> Alert:
    """An alert as it was committed, with the snapshot it has now."""
    return alert_from_json(
        row["body"], snapshot=row["snapshot"], snapshot_reason=row["snapshot_reason"]
    )


def clip_from_row(row: Row) -> Clip | None:
    """None when none was ever promised."""
    if row["clip"] is None:
        return None
    clip = Clip(**json.loads(row["clip"]))
    return clip if clip.path == row["clip_path"] else Clip(reason="no longer kept")


def outgoing_from_row(row: Row, *, waited_ms: int) -> Outgoing:
    """A row of `OUTGOING`."""
    clip = Clip(**json.loads(row["clip"])) if row["kind"] == "clip" and row["clip"] else None
    return Outgoing(
        alert=alert_from_row(row),
        store_id=row["store"],
        kind=row["kind"],
        clip=clip,
        waited_ms=waited_ms,
    )


def gap_from_row(row: Row) -> Gap:
    """A row of `GAPS`."""
    return Gap(
        gap_id=row["gap_id"],
        store_id=row["store"],
        camera_id=row["camera_id"],
        first=row["first"],
        last=row["last"],
        reason=row["reason"],
    )


def alert_to_json(alert: Alert) -> str:
    """Everything but the snapshot, which has columns of its own because retention changes it."""
    fields = asdict(alert)
    del fields["snapshot"], fields["snapshot_reason"]
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def alert_from_json(body: str, *, snapshot: str | None, snapshot_reason: str | None) -> Alert:
    """The record that `alert_to_json` wrote; `snapshot` is `snapshot_to_json`'s text."""
    fields: dict[str, Any] = json.loads(body)
    fields["severity"] = Severity(fields["severity"])
    fields["match"] = Match(**fields["match"])
    fields["evidence"] = tuple(Evidence(**item) for item in fields["evidence"])
    fields["timings"] = Timings(**fields["timings"])
    picture = Snapshot(**json.loads(snapshot)) if snapshot else None
    return Alert(**fields, snapshot=picture, snapshot_reason=snapshot_reason)


def snapshot_to_json(snapshot: Snapshot | None) -> str | None:
    """The snapshot column of an alert's row."""
    return None if snapshot is None else json.dumps(asdict(snapshot), separators=(",", ":"))


MIGRATIONS = (
    Migration(
        "0001_alerts",
        """
    CREATE TABLE alerts (
        row_id INTEGER PRIMARY KEY,        -- order of commit, over all cameras
        alert_id TEXT NOT NULL UNIQUE,
        store TEXT NOT NULL,               -- an alert salvaged from a damaged database keeps its old store
        camera_id TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        severity INTEGER NOT NULL,         -- Severity.rank
        rule_id TEXT NOT NULL,
        captured_unix_ms INTEGER NOT NULL,
        service_ms INTEGER NOT NULL,       -- how long the store had been in service at commit; see AlertStore
        body TEXT NOT NULL,                -- alert_to_json
        snapshot TEXT,                     -- snapshot_to_json; NULL when there is none
        snapshot_reason TEXT,              -- why there is none
        snapshot_path TEXT,
        snapshot_bytes INTEGER NOT NULL DEFAULT 0,
        clip TEXT,                         -- JSON: {path, seconds} or {reason}
        clip_path TEXT,
        clip_bytes INTEGER NOT NULL DEFAULT 0,
        seen_unix_ms INTEGER,              -- when a person acknowledged it
        UNIQUE (store, camera_id, sequence)
    );
    CREATE INDEX alerts_by_time ON alerts (captured_unix_ms);
    CREATE INDEX alerts_with_files ON alerts (row_id)
        WHERE snapshot_path IS NOT NULL OR clip_path IS NOT NULL;

    CREATE TABLE deliveries (
        destination TEXT NOT NULL,
        alert_row INTEGER NOT NULL REFERENCES alerts (row_id) ON DELETE CASCADE,
        kind TEXT NOT NULL DEFAULT 'alert', -- 'alert' or 'clip'; the alert sorts first
        parked TEXT,                        -- why it is not tried again; NULL while it waits
        PRIMARY KEY (destination, alert_row, kind)
    ) WITHOUT ROWID;
    CREATE INDEX deliveries_by_alert ON deliveries (alert_row);

    CREATE TABLE gaps (                    -- losses that a destination has not been told of yet
        gap_id INTEGER PRIMARY KEY,
        destination TEXT NOT NULL,
        store TEXT NOT NULL,
        camera_id TEXT NOT NULL,
        first INTEGER NOT NULL,
        last INTEGER NOT NULL,
        reason TEXT NOT NULL
    );

    CREATE TABLE sequences (camera_id TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID;

    CREATE TABLE states (                  -- small things that a restart must not forget
        kind TEXT NOT NULL,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (kind, key)
    ) WITHOUT ROWID;
    """,
    ),
)
