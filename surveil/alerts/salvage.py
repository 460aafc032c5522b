"""What can still be read of a damaged alerts.db: switched-off cameras, open incidents, alerts that nobody has had."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from surveil.alerts import alert_tables
from surveil.alerts.write_behind import HeldAlert
from surveil.database import Connection, Row, open_read_only
from surveil.errors import StoreError
from surveil.records import MQTT

STORE_ID = ("store", "id")


@dataclass(slots=True)
class Salvage:
    """All that was found; `complete` when reading met no damage."""

    store_id: str | None = None
    states: dict[tuple[str, str], str] = field(default_factory=dict)
    last: dict[str, int] = field(default_factory=dict)
    """Camera -> its newest sequence number."""
    held: list[HeldAlert] = field(default_factory=list)
    """Alerts that were still to be delivered."""
    complete: bool = True


def salvage(path: Path) -> Salvage:
    """Never raises: what cannot be read is not in the result, which then is not `complete`."""
    found = Salvage()
    try:
        connection = open_read_only(path)
    except StoreError:
        found.complete = False
        return found
    with closing(connection):
        for take in (_states, _sequences, _alerts):
            found.complete &= _tried(take, connection, found)
    found.store_id = found.states.pop(STORE_ID, None)
    return found


def note_losses(connection: Connection, found: Salvage) -> None:
    """A gap for each camera whose undelivered alerts may have been lost: better one too many than a silent loss."""
    saved: dict[str, int] = {}
    for item in found.held:
        camera_id = item.alert.camera_id
        saved[camera_id] = max(saved.get(camera_id, 0), item.alert.sequence)
    for camera_id, last in found.last.items():
        first = saved.get(camera_id, 0) + 1
        if not found.complete and found.store_id and first <= last:
            alert_tables.add_gap(
                connection,
                MQTT,
                store_id=found.store_id,
                camera_id=camera_id,
                first=first,
                last=last,
                reason="database damaged",
            )


def _tried(
    take: Callable[[Connection, Salvage], None], connection: Connection, found: Salvage
) -> bool:
    try:
        take(connection, found)
    except (sqlite3.Error, ValueError, TypeError, KeyError):  # damage shows as any of these
        return False
    return True


def _states(connection: Connection, found: Salvage) -> None:
    for row in _rows(connection, "SELECT kind, key, value FROM states"):
        found.states[str(row["kind"]), str(row["key"])] = str(row["value"])


def _sequences(connection: Connection, found: Salvage) -> None:
    for row in _rows(connection, "SELECT camera_id, last FROM sequences"):
        found.last[str(row["camera_id"])] = int(row["last"])


def _alerts(connection: Connection, found: Salvage) -> None:
    rows = _rows(
        connection,
        """SELECT a.*, d.destination FROM alerts a JOIN deliveries d ON d.alert_row = a.row_id
           WHERE d.parked IS NULL AND d.kind = 'alert' ORDER BY a.row_id""",
    )
    by_id: dict[str, HeldAlert] = {}
    for row in rows:
        held = by_id.get(row["alert_id"])
        if held is None:
            alert = alert_tables.alert_from_row(row)
            held = HeldAlert(alert, row["store"], set(), 0, row["snapshot_bytes"])
            by_id[row["alert_id"]] = held
            found.held.append(held)
        held.destinations.add(row["destination"])


def _rows(connection: Connection, sql: str) -> Iterator[Row]:
    """One by one, so that what lies before the damage is had."""
    yield from connection.execute(sql)
