"""ClipMaker: a clip follows its alert, or the reason why there is none does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from surveil.alerts.clip_maker import ClipMaker
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


@dataclass(frozen=True)
class Muxed:
    seconds: float
    warning: str | None


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
    room.recorder = AlertRecorder(
        room.store, room.snapshots, [Destination("mqtt")], clock=clock, wall=room.wall, clips=maker
    )
    return room, source, maker


def test_a_clip_follows_its_alert_when_its_time_has_passed(tmp_path: Path) -> None:
    clock = FakeClock()
    room, source, maker = clip_room(tmp_path, clock, Muxer())
    alert = room.recorder.opened(make_incident(clock))
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
    assert room.store.clips_begun() == []


def test_a_clip_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    clock = FakeClock()
    muxer = Muxer()
    muxer.problem = "the camera sent no keyframe"
    room, _, maker = clip_room(tmp_path, clock, muxer)
    room.recorder.opened(make_incident(clock))
    clock.advance(4)
    maker.step()
    clip = room.store.waiting("mqtt")[1].clip
    assert clip is not None
    assert (clip.path, clip.reason) == (None, "the camera sent no keyframe")
    assert [name for name in room.pictures() if not name.endswith(".jpg")] == []


def test_a_clip_that_a_restart_cut_short_is_told(tmp_path: Path) -> None:
    clock = FakeClock()
    room, _, _ = clip_room(tmp_path, clock, Muxer())
    room.recorder.opened(make_incident(clock))
    room.store.close()
    again, _, maker = clip_room(tmp_path, clock, Muxer())
    maker.begin()
    clip = again.store.waiting("mqtt")[1].clip
    assert clip is not None
    assert "restarted" in (clip.reason or "")
