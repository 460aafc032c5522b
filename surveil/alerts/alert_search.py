"""Looking at alerts from another process, while the daemon writes them."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from surveil.alerts import alert_tables
from surveil.database import Database, Row, Value, open_read_only, read_rows
from surveil.errors import StoreError
from surveil.records import Alert, Clip, Severity


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Everything that is None is not asked for."""

    alert_id: str | None = None
    """Its beginning or its end is enough."""
    camera_id: str | None = None
    rule_id: str | None = None
    min_severity: Severity | None = None
    since_unix_ms: int | None = None
    unseen: bool = False
    limit: int = 50


@dataclass(frozen=True, slots=True)
class StoredAlert:
    """One alert as it lies on the disk."""

    alert: Alert
    waits_for: tuple[str, ...]
    """Destinations that have not acknowledged it."""
    parked: tuple[str, ...]
    """Destinations that refuse it."""
    seen_unix_ms: int | None
    clip: Clip | None


def list_alerts(path: Path, wanted: AlertFilter) -> list[StoredAlert]:
    """Newest first. Raises StoreError."""
    conditions, parameters = _conditions(wanted)
    sql = f"""
        SELECT a.*,
            (SELECT group_concat(destination, char(10)) FROM deliveries
                WHERE alert_row = a.row_id AND kind = 'alert' AND parked IS NULL) AS waits_for,
            (SELECT group_concat(destination, char(10)) FROM deliveries
                WHERE alert_row = a.row_id AND kind = 'alert' AND parked IS NOT NULL) AS parked_at
        FROM alerts a WHERE {conditions} ORDER BY a.row_id DESC LIMIT ?"""
    with closing(open_read_only(path)) as connection:
        return [
            _stored(row) for row in read_rows(connection, path, sql, (*parameters, wanted.limit))
        ]


def mark_seen(path: Path, alert_ids: list[str], *, now_unix_ms: int) -> int:
    """A person has taken note; returns how many of them were unseen. Raises StoreError."""
    if not path.exists():
        raise StoreError(f"{path} does not exist: has the daemon run with this state folder?")
    database = Database.join(path)
    try:
        with database.transaction() as connection:
            marked = connection.executemany(
                "UPDATE alerts SET seen_unix_ms = ? WHERE alert_id = ? AND seen_unix_ms IS NULL",
                [(now_unix_ms, alert_id) for alert_id in alert_ids],
            )
            return marked.rowcount
    finally:
        database.close()


def _conditions(wanted: AlertFilter) -> tuple[str, list[Value]]:
    asked: list[tuple[str, list[Value]]] = []
    if wanted.alert_id is not None:
        escaped = wanted.alert_id.lower()
        asked.append(
            (
                "(substr(a.alert_id, 1, ?) = ? OR substr(a.alert_id, -?) = ?)",
                [len(escaped), escaped, len(escaped), escaped],
            )
        )
    if wanted.camera_id is not None:
        asked.append(("a.camera_id = ?", [wanted.camera_id]))
    if wanted.rule_id is not None:
        asked.append(("a.rule_id = ?", [wanted.rule_id]))
    if wanted.min_severity is not None:
        asked.append(("a.severity >= ?", [wanted.min_severity.rank]))
    if wanted.since_unix_ms is not None:
        asked.append(("a.captured_unix_ms >= ?", [wanted.since_unix_ms]))
    if wanted.unseen:
        asked.append(("a.seen_unix_ms IS NULL", []))
    conditions = " AND ".join(condition for condition, _ in asked) or "1"
    return conditions, [value for _, values in asked for value in values]


def _stored(row: Row) -> StoredAlert:
    return StoredAlert(
        alert=alert_tables.alert_from_row(row),
        waits_for=tuple((row["waits_for"] or "").split()),
        parked=tuple((row["parked_at"] or "").split()),
        seen_unix_ms=row["seen_unix_ms"],
        clip=alert_tables.clip_from_row(row),
    )
