"""Incidents, alerts and stores for tests of alerts and their delivery."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hypothesis import strategies as st

from surveil.alerts.alert_store import AlertStore
from surveil.alerts.recorder import AlertRecorder, Destination, uuid7
from surveil.alerts.snapshots import Snapshots
from surveil.clock import Clock, WallTime
from surveil.records import (
    Alert,
    Caption,
    Evidence,
    Match,
    OpenedIncident,
    Severity,
    Snapshot,
    Timings,
)
from tests.fakes import ArrayPicture, FakeClock, make_frame

CAPTION = "a man is climbing over a fence"
WORDS = st.text(max_size=1_200)


def make_caption(
    clock: Clock,
    camera_id: str = "yard",
    *,
    text: str = CAPTION,
    picture: ArrayPicture | None = None,
    region_id: str | None = None,
) -> Caption:
    frame = make_frame(
        camera_id,
        mono_ns=clock.monotonic_ns(),
        unix_ms=clock.unix_ms(),
        picture=picture,
        region_id=region_id,
    )
    return Caption(
        frame=frame,
        text=text,
        confidence=0.83,
        model_id="tiny",
        batch_size=1,
        waited_ms=1,
        inferred_ms=2,
        done_mono_ns=clock.monotonic_ns(),
    )


def make_incident(
    clock: Clock,
    camera_id: str = "yard",
    *,
    text: str = CAPTION,
    rule_id: str = "person-climbing",
    severity: Severity = Severity.WARNING,
    picture: ArrayPicture | None = None,
    region_id: str | None = None,
) -> OpenedIncident:
    return OpenedIncident(
        rule_id=rule_id,
        event_type=rule_id.replace("-", "_"),
        severity=severity,
        camera_id=camera_id,
        region_id=region_id,
        match=Match(rule_id, "person climbing", 2, 30, 0.97),
        caption=make_caption(clock, camera_id, text=text, picture=picture, region_id=region_id),
        evidence=(Evidence(text, clock.unix_ms() - 1000, 0.8), Evidence(text, clock.unix_ms())),
    )


def make_draft(
    clock: Clock,
    camera_id: str = "yard",
    *,
    severity: Severity = Severity.WARNING,
    rule_id: str = "person-climbing",
    text: str = CAPTION,
) -> Alert:
    """An alert without picture, as the recorder hands it to the store."""
    return Alert(
        alert_id=str(uuid7(clock.unix_ms())),
        sequence=0,
        rule_id=rule_id,
        event_type=rule_id.replace("-", "_"),
        severity=severity,
        camera_id=camera_id,
        region_id=None,
        run_id="run-1",
        seq=1,
        captured_unix_ms=clock.unix_ms(),
        caption=text,
        confidence=0.83,
        model_id="tiny",
        match=Match(rule_id, "person climbing", 2, 30, 0.97),
        evidence=(),
        snapshot=None,
        snapshot_reason="snapshots are off",
        timings=Timings(412, 9),
    )


@st.composite
def any_alert(draw: st.DrawFn) -> Alert:
    """Whatever rules and captioners may make of one; `sequence` is set."""
    caption = draw(WORDS)
    start = draw(st.integers(0, len(caption)))
    end = draw(st.integers(start, len(caption)))
    snapshot = Snapshot("yard/x.jpg", 1920, 1080, "a" * 64, 12) if draw(st.booleans()) else None
    return replace(
        make_draft(FakeClock()),
        sequence=draw(st.integers(1, 10**9)),
        caption=caption,
        confidence=draw(st.none() | st.floats(0, 1)),
        severity=draw(st.sampled_from(Severity)),
        match=Match("rule", draw(WORDS), start, end, draw(st.floats(0, 1))),
        evidence=tuple(
            Evidence(draw(WORDS), 1_795_000_000_000) for _ in range(draw(st.integers(0, 7)))
        ),
        snapshot=snapshot,
        snapshot_reason=None if snapshot else "the disk is full",
        model_id=draw(WORDS),
    )


class Room:
    """A store, snapshots and a recorder over one folder and one clock."""

    def __init__(
        self,
        folder: Path,
        clock: Clock | None = None,
        *,
        destinations: tuple[Destination, ...] = (Destination("mqtt"),),
        max_waiting: int = 10_000,
        snapshots: bool = True,
    ) -> None:
        self.folder = folder
        self.clock = clock or FakeClock()
        self.wall = WallTime(self.clock)
        self.store = AlertStore(
            folder / "alerts.db",
            self.clock,
            self.wall,
            max_waiting=max_waiting,
            busy_s=0.05,
            reserve_bytes=64 << 10,
        )
        self.snapshots = Snapshots(folder / "snapshots")
        self.recorder = AlertRecorder(
            self.store,
            self.snapshots if snapshots else None,
            destinations,
            clock=self.clock,
            wall=self.wall,
        )

    def open(self, camera_id: str = "yard", **kwargs: object) -> Alert:
        """One incident through the recorder."""
        return self.recorder.record(make_incident(self.clock, camera_id, **kwargs))  # type: ignore[arg-type]

    def waiting(self, destination: str = "mqtt") -> list[int]:
        """Sequence numbers that wait, in order."""
        return [o.alert.sequence for o in self.store.waiting(destination, limit=10_000)]

    def pictures(self) -> list[str]:
        """Files below the snapshot folder."""
        root = self.snapshots.folder
        return sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())
