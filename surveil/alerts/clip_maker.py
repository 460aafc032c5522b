"""Video around an alert: the camera's own packets, remuxed when the moment has passed. The alert never waits."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from surveil.alerts import alert_tables
from surveil.alerts.alert_store import AlertStore
from surveil.alerts.snapshots import Snapshots, write_durably
from surveil.clock import Clock, ns
from surveil.database import Connection
from surveil.errors import StoreError, SurveilError
from surveil.records import MQTT, Alert, Clip, Problem
from surveil.worker import Worker, WorkerFailed

logger = logging.getLogger(__name__)

SETTLE_NS = ns(0.5)
"""Packets of the last moment may still be on their way from the camera."""
MAX_PENDING = 64
OVERRUN_REMEDY = "ask for shorter clips (snapshots.evidence), or for rules that alert less often"
DISK_REMEDY = "make room on the disk of the snapshots, and see that it can be written"
RESTARTED = "the daemon was restarted before the clip was complete"


class WrittenFile(Protocol):
    """What a ClipWriter made."""

    @property
    def seconds(self) -> float: ...
    @property
    def warning(self) -> str | None:
        """Why a browser may not play it; None when it will."""
        ...


class PacketSource(Protocol):
    """The capture room's buffers."""

    def packets(self, camera_id: str, from_mono_ns: int, to_mono_ns: int) -> Any:
        """Whatever the ClipWriter understands; from the last keyframe at or before `from_mono_ns`."""
        ...


class ClipWriter(Protocol):
    """Makes a file of packets. Lives where PyAV does."""

    def write(self, packets: Any, stream: BinaryIO) -> WrittenFile:
        """A fragmented or seekable MP4. Raises SurveilError, which says why there can be no clip."""
        ...


@dataclass(frozen=True, slots=True)
class _Pending:
    alert: Alert
    from_mono_ns: int
    to_mono_ns: int


class ClipMaker(Worker):
    """`request` from the alerts thread; the rest in its own."""

    def __init__(
        self,
        store: AlertStore,
        snapshots: Snapshots,
        source: PacketSource,
        writer: ClipWriter,
        *,
        before_s: float,
        after_s: float,
        clock: Clock,
        on_failure: WorkerFailed | None = None,
    ) -> None:
        super().__init__("clips", clock=clock, on_failure=on_failure)
        self._store = store
        self._snapshots = snapshots
        self._source = source
        self._writer = writer
        self._before_ns = ns(before_s)
        self._after_ns = ns(after_s)
        self._lock = threading.Lock()
        self._pending: deque[_Pending] = deque()
        self._made_total = 0
        self._missing_total = 0
        self._overrun: Problem | None = None
        """Until there is room again."""
        self._unwritten: Problem | None = None
        """Until the next one is on the disk."""

    def request(self, alert: Alert, captured_mono_ns: int) -> None:
        """Make the clip when its time has passed. Returns at once."""
        pending = _Pending(
            alert, captured_mono_ns - self._before_ns, captured_mono_ns + self._after_ns
        )
        self._store.states.clip_begun(alert.alert_id)
        with self._lock:
            full = len(self._pending) >= MAX_PENDING
            if not full:
                self._pending.append(pending)
            elif self._overrun is None:
                text = f"more than {MAX_PENDING} clips are wanted at once; alerts go without"
                self._overrun = self._problem(text, OVERRUN_REMEDY)
        if full:
            self._keep(alert, Clip(reason="too many clips at once"), 0)

    def problems(self) -> Sequence[Problem]:
        """More clips are wanted than can be made, or the disk refuses them. Any thread."""
        found = (self._overrun, self._unwritten)
        return tuple(problem for problem in found if problem is not None)

    def counters(self) -> Mapping[str, float]:
        with self._lock:
            waiting = len(self._pending)
        return {
            "clips_total": self._made_total,
            "clips_missing_total": self._missing_total,
            "clips_waiting": waiting,
        }

    def begin(self) -> None:
        """What an earlier run had promised and did not keep is told, too."""
        try:
            for alert_id in self._store.states.clips_begun():
                alert = self._store.find(alert_id)
                if alert is not None:
                    self._keep(alert, Clip(reason=RESTARTED), 0)
        except StoreError as error:
            # The next start tells it; whatever ails the database is the store's problem, and no reason to end.
            logger.warning("clips that a restart interrupted are not told: %s", error)

    def step(self) -> None:
        """The next clip whose moment has passed, or a short wait."""
        pending = self._next_due()
        if pending is None:
            self.wait(0.25)
        else:
            clip, size = self._make(pending)
            self._keep(pending.alert, clip, size)

    def _next_due(self) -> _Pending | None:
        with self._lock:
            now_ns = self._clock.monotonic_ns()
            if self._pending and self._pending[0].to_mono_ns + SETTLE_NS <= now_ns:
                self._overrun = None
                return self._pending.popleft()
            return None

    def _make(self, pending: _Pending) -> tuple[Clip, int]:
        alert = pending.alert
        path = self._snapshots.path_for(alert, suffix=".mp4")
        written: list[WrittenFile] = []
        try:
            packets = self._source.packets(
                alert.camera_id, pending.from_mono_ns, pending.to_mono_ns
            )
            size = write_durably(
                Path(self._snapshots.folder, path),
                lambda stream: written.append(self._writer.write(packets, stream)),
            )
        except StoreError as error:
            if self._unwritten is None:
                self._unwritten = self._problem(f"no clips: {error}", DISK_REMEDY)
            return Clip(reason=str(error)), 0
        except SurveilError as error:
            return Clip(reason=str(error)), 0
        self._unwritten = None
        return Clip(str(path), written[0].seconds, written[0].warning), size

    def _problem(self, text: str, remedy: str) -> Problem:
        return Problem("clips", text, self._clock.unix_ms(), component=self.name, remedy=remedy)

    def _keep(self, alert: Alert, clip: Clip, size: int) -> None:
        def work(connection: Connection) -> None:
            alert_tables.put_clip(connection, alert.alert_id, clip, clip_bytes=size)
            alert_tables.add_delivery(connection, MQTT, alert.alert_id, "clip")

        try:
            self._store.write(work)
        except StoreError as error:
            # The file has no row now; the next start moves it to quarantine, and `begin` tells the subscriber.
            logger.warning("no clip for alert %s: %s", alert.alert_id, error)
            self._missing_total += 1
            return
        self._made_total += clip.path is not None
        self._missing_total += clip.path is None
        self._store.states.clip_ended(alert.alert_id)
