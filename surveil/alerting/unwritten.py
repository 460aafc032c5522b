"""What could not be written to alerts.db yet, kept in memory until it can."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from surveil.alerting import tables
from surveil.alerting.outgoing import Gap, Outgoing, Receipt
from surveil.database import Connection
from surveil.records import Alert


@dataclass(slots=True)
class Held:
    """An alert that goes out from memory."""

    alert: Alert
    store_id: str
    destinations: set[str]
    """Those that have not acknowledged it."""
    service_ms: int
    snapshot_bytes: int = 0


@dataclass(slots=True)
class Unwritten:
    """Bounded: `max_held` alerts. Not thread-safe: the store's lock guards it."""

    max_held: int = 1_000
    held: list[Held] = field(default_factory=list)
    receipts: dict[str, set[Receipt]] = field(default_factory=lambda: defaultdict(set))
    """By destination: acknowledged, but the row is still there."""
    told: set[tuple[int, int]] = field(default_factory=set)
    """(gap_id, last) of gaps that were told, but whose rows are still there."""
    gaps: list[tuple[str, Gap]] = field(default_factory=list)
    """(destination, gap) that have no row yet."""
    states: dict[tuple[str, str], str | None] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(
            self.held or any(self.receipts.values()) or self.told or self.gaps or self.states
        )

    def hold(self, held: Held) -> None:
        """Keep one more; when full, the oldest of the lowest severity makes room and leaves a gap."""
        self.held.append(held)
        if len(self.held) > self.max_held:
            lost = min(self.held, key=lambda item: item.alert.severity.rank)
            self.held.remove(lost)
            for destination in lost.destinations:
                self.gaps.append((destination, self._gap(lost)))

    def _gap(self, lost: Held) -> Gap:
        return Gap(
            gap_id=-lost.alert.sequence,
            store_id=lost.store_id,
            camera_id=lost.alert.camera_id,
            first=lost.alert.sequence,
            last=lost.alert.sequence,
            reason="evicted",
        )

    def outgoing(self, destination: str) -> list[Outgoing]:
        """Held alerts that the destination still needs, oldest first."""
        return [
            Outgoing(alert=item.alert, store_id=item.store_id)
            for item in self.held
            if destination in item.destinations
        ]

    def acknowledge(self, destination: str, receipts: Iterable[Receipt]) -> None:
        """The destination has these, whether memory or the database holds them."""
        got = set(receipts)
        for item in self.held:
            if Receipt(item.alert.alert_id, "alert") in got:
                item.destinations.discard(destination)
        self.receipts[destination] |= got

    def refuse(self, destination: str, receipt: Receipt, reason: str) -> None:
        """The destination will not take this held alert: a gap instead."""
        for item in self.held:
            if item.alert.alert_id == receipt.alert_id and destination in item.destinations:
                item.destinations.discard(destination)
                self.gaps.append((destination, replace(self._gap(item), reason=reason)))

    def write(self, connection: Connection, *, store_id: str) -> None:
        """Put everything into the open transaction; `clear` when that was committed."""
        for item in self.held:
            self._write_held(connection, item, store_id=store_id)
        for destination, receipts in self.receipts.items():
            tables.delete_deliveries(connection, destination, receipts)
        connection.executemany("DELETE FROM gaps WHERE gap_id = ? AND last = ?", sorted(self.told))
        for destination, gap in self.gaps:
            tables.add_gap(
                connection,
                destination,
                store_id=gap.store_id,
                camera_id=gap.camera_id,
                first=gap.first,
                last=gap.last,
                reason=gap.reason,
            )
        for (kind, key), value in self.states.items():
            tables.put_state(connection, kind, key, value)

    def clear(self) -> None:
        """All of it is in the database now."""
        self.held.clear()
        self.receipts.clear()
        self.told.clear()
        self.gaps.clear()
        self.states.clear()

    def _write_held(self, connection: Connection, item: Held, *, store_id: str) -> None:
        if item.store_id == store_id:  # a store that was set aside numbered the others
            tables.set_sequence(connection, item.alert.camera_id, item.alert.sequence)
        tables.insert_alert(
            connection,
            item.alert,
            sorted(item.destinations),
            store_id=item.store_id,
            service_ms=item.service_ms,
            snapshot_bytes=item.snapshot_bytes,
        )
