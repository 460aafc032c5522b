"""An opened incident becomes a snapshot, a row, and deliveries. Called by the alerts thread."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from uuid import UUID

from surveil.alerts.alert_store import AlertStore
from surveil.alerts.snapshots import Box, Snapshots
from surveil.clock import NS_PER_MS, Clock, WallTime, ns
from surveil.errors import StoreError
from surveil.records import (
    Alert,
    Caption,
    Frame,
    OpenedIncident,
    Problem,
    Severity,
    Snapshot,
    Timings,
)

SNAPSHOTS_OFF = "snapshots are off"
MAX_EVIDENCE = 5
CHECK_NS = ns(10.0)


@dataclass(frozen=True, slots=True)
class Destination:
    """Which alerts go to one destination."""

    name: str
    """As the delivery worker calls itself: `mqtt`, `webhook:desk` ..."""
    rules: frozenset[str] | None = None
    """None: all."""
    severities: frozenset[Severity] = field(default_factory=lambda: frozenset(Severity))
    cameras: frozenset[str] | None = None
    """None: all."""

    def takes(self, incident: OpenedIncident) -> bool:
        return (
            incident.severity in self.severities
            and (self.rules is None or incident.rule_id in self.rules)
            and (self.cameras is None or incident.camera_id in self.cameras)
        )


class SnapshotSource(Protocol):
    """Gives the best picture of a captioned moment."""

    def snapshot_frame(self, frame: Frame) -> tuple[Frame, int]:
        """(frame of the main stream, its time minus the captioned frame's in ms), else (`frame`, 0)."""
        ...


class AlertRecorder:
    """Alerts thread only, but `problems` and `counters` from any. No full disk and no broken database stops it."""

    name = "recorder"

    def __init__(
        self,
        store: AlertStore,
        snapshots: Snapshots | None,
        destinations: Sequence[Destination],
        *,
        clock: Clock,
        wall: WallTime,
        source: SnapshotSource | None = None,
        boxes: Mapping[tuple[str, str], Box] | None = None,
    ) -> None:
        """`snapshots` None keeps words and no pictures. `boxes`: (camera, region) -> where to draw it."""
        self._store = store
        self._snapshots = snapshots
        self._destinations = tuple(destinations)
        self._clock = clock
        self._wall = wall
        self._source = source
        self._boxes = dict(boxes or {})
        self._snapshot_problem: Problem | None = None
        self._check_mono_ns = 0
        self._alerts_total = 0
        self._snapshots_failed_total = 0

    def record(
        self,
        incident: OpenedIncident,
        *,
        open_incidents: Sequence[Mapping[str, Any]] | None = None,
    ) -> Alert:
        """Snapshot, then row: both on the disk when this returns, or the alert says why not.

        `open_incidents`, this one included, goes into the same transaction: a crash can leave neither an alert whose
        incident is forgotten (it would be raised twice) nor an incident whose alert is.
        """
        draft, snapshot_bytes = self._with_snapshot(self._draft(incident), incident)
        draft = replace(draft, timings=self._timings(incident.caption))
        takers = [there.name for there in self._destinations if there.takes(incident)]
        self._alerts_total += 1
        try:
            return self._store.commit(
                draft, takers, open_incidents=open_incidents, snapshot_bytes=snapshot_bytes
            )
        except StoreError:
            return self._store.hold(
                draft, takers, open_incidents=open_incidents, snapshot_bytes=snapshot_bytes
            )

    def tick(self) -> None:
        """Call about once a second: what had to wait in memory is written as soon as the disk takes it."""
        self._store.settle()
        if self._snapshot_problem is not None and self._snapshots is not None:
            self._check(self._snapshots)

    def problems(self) -> Sequence[Problem]:
        """Why alerts have no pictures, although they should."""
        return () if self._snapshot_problem is None else (self._snapshot_problem,)

    def counters(self) -> Mapping[str, float]:
        return {
            "alerts_total": self._alerts_total,
            "snapshots_failed_total": self._snapshots_failed_total,
        }

    def _draft(self, incident: OpenedIncident) -> Alert:
        frame = incident.caption.frame
        now_ms = self._wall.unix_ms_at(self._clock.monotonic_ns())
        return Alert(
            alert_id=str(uuid7(now_ms)),
            sequence=0,
            rule_id=incident.rule_id,
            event_type=incident.event_type,
            severity=incident.severity,
            camera_id=incident.camera_id,
            region_id=incident.region_id,
            run_id=frame.run_id,
            seq=frame.seq,
            captured_unix_ms=frame.captured_unix_ms,
            caption=incident.caption.text,
            confidence=incident.caption.confidence,
            model_id=incident.caption.model_id,
            match=incident.match,
            evidence=incident.evidence[-MAX_EVIDENCE:],
            snapshot=None,
            snapshot_reason=SNAPSHOTS_OFF,
            timings=Timings(0, 0),
        )

    def _with_snapshot(self, draft: Alert, incident: OpenedIncident) -> tuple[Alert, int]:
        if self._snapshots is None:
            return draft, 0
        try:
            snapshot, size = self._save(self._snapshots, draft, incident)
        except StoreError as error:
            self._snapshot_failed(error)
            return replace(draft, snapshot_reason=str(error)), 0
        self._snapshot_problem = None
        return replace(draft, snapshot=snapshot, snapshot_reason=None), size

    def _save(
        self, snapshots: Snapshots, draft: Alert, incident: OpenedIncident
    ) -> tuple[Snapshot, int]:
        frame, offset_ms = incident.caption.frame, 0
        if self._source is not None:
            frame, offset_ms = self._source.snapshot_frame(frame)
        box = self._boxes.get((incident.camera_id, incident.region_id or ""))
        snapshot = snapshots.save(frame, draft, offset_ms=offset_ms, box=box)
        return snapshot, snapshots.size_bytes(snapshot.path)

    def _check(self, snapshots: Snapshots) -> None:
        """The next alert may be far: whether its picture could be kept is found out before."""
        now_ns = self._clock.monotonic_ns()
        if now_ns >= self._check_mono_ns:
            self._check_mono_ns = now_ns + CHECK_NS
            with suppress(StoreError):
                snapshots.check()
                self._snapshot_problem = None

    def _snapshot_failed(self, error: StoreError) -> None:
        self._snapshots_failed_total += 1
        self._check_mono_ns = self._clock.monotonic_ns() + CHECK_NS
        if self._snapshot_problem is None:
            now_ms = self._wall.unix_ms_at(self._clock.monotonic_ns())
            self._snapshot_problem = Problem(
                "disk",
                f"no snapshots: {error}",
                now_ms,
                component=self.name,
                remedy="make room on the disk of the snapshots, and see that it can be written",
            )

    def _timings(self, caption: Caption) -> Timings:
        now_ns = self._clock.monotonic_ns()
        return Timings(
            capture_to_caption=_ms(caption.done_mono_ns - caption.frame.captured_mono_ns),
            caption_to_commit=_ms(now_ns - caption.done_mono_ns),
        )


def _ms(duration_ns: int) -> int:
    return max(0, duration_ns // NS_PER_MS)


def uuid7(unix_ms: int) -> UUID:
    """48 bits of unix time in milliseconds, then 74 random bits. Any thread."""
    return UUID(
        int=(unix_ms & (1 << 48) - 1) << 80
        | 0x7 << 76
        | secrets.randbits(12) << 64
        | 0b10 << 62
        | secrets.randbits(62)
    )
