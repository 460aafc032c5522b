"""ClipMaker: a clip follows its alert, or the reason why there is none does."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

from surveil.alerts.clip_maker import MAX_PENDING, ClipMaker
from surveil.capture.mp4_writer import WrittenClip
from surveil.errors import SourceError
from surveil.records import Alert
from tests.fakes import FakeClock
from tests.support.alerts import Room


class Packets:
    def __init__(self) -> None:
        self.asked: list[tuple[str, int, int]] = []

    def packets(self, camera_id: str, from_mono_ns: int, to_mono_ns: int) -> Any:
        self.asked.append((camera_id, from_mono_ns, to_mono_ns))
        return b"packets"


class Muxer:
    problem: str | None = None

    def write(self, packets: Any, stream: BinaryIO) -> WrittenClip:
        if self.problem:
            raise SourceError(self.problem)
        stream.write(packets)
        return WrittenClip(6.0, "HEVC: some browsers do not play it")


def clip_room(tmp_path: Path, clock: FakeClock, muxer: Muxer) -> tuple[Room, Packets, ClipMaker]:
    room = Room(tmp_path, clock)
    source = Packets()
    maker = ClipMaker(room.store, room.snapshots, source, muxer, before_s=3, after_s=3, clock=clock)
    return room, source, maker


def alert_with_clip(room: Room, maker: ClipMaker) -> Alert:
    """As the daemon asks for it: when the alert is on the disk."""
    alert = room.open()
    maker.request(alert, room.clock.monotonic_ns())
    return alert


def test_a_clip_follows_its_alert_when_its_time_has_passed(tmp_path: Path) -> None:
    clock = FakeClock()
    room, source, maker = clip_room(tmp_path, clock, Muxer())
    alert = alert_with_clip(room, maker)
    moment_ns = clock.monotonic_ns()
    assert [outgoing.kind for outgoing in room.store.waiting("mqtt")] == ["alert"]
    clock.advance(4)
    maker.step()
    assert source.asked == [("yard", moment_ns - 3 * 10**9, moment_ns + 3 * 10**9)]
    _, clip = room.store.waiting("mqtt")
    assert clip.kind == "clip"
    assert clip.clip is not None
    assert alert.snapshot is not None
    assert clip.clip.path == alert.snapshot.path.replace(".jpg", ".mp4")
    assert "HEVC" in (clip.clip.reason or "")
    assert room.store.states.clips_begun() == []


def test_a_clip_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    clock = FakeClock()
    muxer = Muxer()
    muxer.problem = "the camera sent no keyframe"
    room, _, maker = clip_room(tmp_path, clock, muxer)
    alert_with_clip(room, maker)
    clock.advance(4)
    maker.step()
    clip = room.store.waiting("mqtt")[1].clip
    assert clip is not None
    assert (clip.path, clip.reason) == (None, "the camera sent no keyframe")
    assert [name for name in room.pictures() if not name.endswith(".jpg")] == []


def test_a_clip_that_a_restart_cut_short_is_told(tmp_path: Path) -> None:
    clock = FakeClock()
    room, _, maker = clip_room(tmp_path, clock, Muxer())
    alert_with_clip(room, maker)
    room.store.close()
    again, _, maker = clip_room(tmp_path, clock, Muxer())
    maker.begin()
    clip = again.store.waiting("mqtt")[1].clip
    assert clip is not None
    assert "restarted" in (clip.reason or "")


def test_more_clips_than_can_be_made_are_told_and_alerts_go_without(tmp_path: Path) -> None:
    clock = FakeClock()
    room, _, maker = clip_room(tmp_path, clock, Muxer())
    for _ in range(MAX_PENDING + 1):
        alert_with_clip(room, maker)
    assert [problem.code for problem in maker.problems()] == ["clips"]
    clips = [o.clip for o in room.store.waiting("mqtt", limit=1_000) if o.kind == "clip"]
    assert [clip.reason for clip in clips if clip] == ["too many clips at once"]
    clock.advance(4)
    maker.step()
    assert maker.problems() == ()
    alert_with_clip(room, maker)
    assert maker.problems() == ()
    counted = maker.counters()
    assert (counted["clips_total"], counted["clips_missing_total"]) == (1, 1)
    assert counted["clips_waiting"] == MAX_PENDING
