"""What delivery asks of the room that keeps the alerts: durable queues, pictures, and what was announced."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from surveil.records import Alert, Gap, Outgoing, Receipt


class DeliveryQueue(Protocol):
    """What one destination has not acknowledged. Any thread; none of these raises."""

    def listen(self, callback: Callable[[], None]) -> None:
        """`callback` is called, in any thread, whenever there may be more; it returns at once."""
        ...

    def waiting(self, destination: str, *, limit: int) -> list[Outgoing]:
        """In order of commit."""
        ...

    def acknowledged(self, destination: str, receipts: Iterable[Receipt]) -> None: ...
    def park(self, destination: str, receipt: Receipt, reason: str) -> None:
        """The destination refuses this for good."""
        ...

    def parked(self, destination: str) -> tuple[int, str] | None:
        """How many things it has refused and are still kept, and why the newest; None when the disk cannot say."""
        ...

    def retry_parked(self, destination: str) -> None:
        """All that is parked waits once more."""
        ...

    def gaps(self, destination: str, *, limit: int = 100) -> list[Gap]:
        """Losses that the destination has not been told of."""
        ...

    def told(self, gap: Gap) -> None: ...


class ReplayQueue(DeliveryQueue, Protocol):
    """A queue whose past can be asked for."""

    def replay(self, destination: str, camera_id: str, first: int) -> int:
        """Queue the camera's kept alerts from that sequence number on once more; returns how many.

        Raises StoreError.
        """
        ...

    def newest_with_snapshot(self, camera_id: str) -> Alert | None:
        """Raises StoreError."""
        ...

    def settle(self) -> bool:
        """Try to write what waits in memory."""
        ...


class SnapshotFiles(Protocol):
    """The pictures of alerts."""

    def scaled(self, alert: Alert, *, max_px: int, max_bytes: int) -> bytes:
        """A JPEG within these bounds; empty when there is none. Raises StoreError."""
        ...


class RetainedLedger(Protocol):
    """What a restart must not forget of the broker's retained messages. Any thread; none of these raises."""

    def enabled(self, camera_id: str, *, default: bool) -> bool:
        """Whether the camera is watched; `default` until somebody switches it."""
        ...

    def announced(self) -> Mapping[str, Mapping[str, Any]]:
        """key -> details of all that was announced and not forgotten."""
        ...

    def announce(self, key: str, details: Mapping[str, Any]) -> None: ...
    def forget(self, key: str) -> None: ...
