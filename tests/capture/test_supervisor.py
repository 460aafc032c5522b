"""The supervisor, with real threads: cameras come and go, and a hung one holds up nobody."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from surveil.capture import CameraSpec, CaptureSupervisor, DecodeMode, FrameBuffer
from surveil.capture.supervisor import MAX_ABANDONED
from surveil.clock import SystemClock, WallTime, ns
from surveil.records import CameraState, Frame, Region
from tests.fakes import FakeClock
from tests.support.clips import read_number, render_clip
from tests.support.waiting import eventually, throughout

STOP_S = 5.0


class Room:
    """Captures with all that they need, on the real clock."""

    def __init__(self, clock: SystemClock | FakeClock | None = None) -> None:
        self.clock = clock or SystemClock()
        self.buffer = FrameBuffer(64 << 20)
        self.capture = CaptureSupervisor(self.buffer, clock=self.clock, wall=WallTime(self.clock))

    def stop(self, within_s: float = STOP_S) -> list[str]:
        return self.capture.stop(self.clock.monotonic_ns() + ns(within_s))

    def frame(self, camera_id: str, *, after: Frame | None = None) -> Frame:
        """The camera's newest frame, as soon as there is one later than `after`."""

        def newest() -> Frame | None:
            found = self.buffer.newest(camera_id)
            return found if found is not after else None

        found = eventually(newest, what=lambda: self.capture.statuses())
        assert found
        return found

    def state(self, camera_id: str) -> CameraState:
        return self.capture.statuses()[camera_id].state


@pytest.fixture
def room() -> Iterator[Room]:
    room = Room()
    yield room
    assert room.stop() == []


def spec(camera_id: str, path: Path, **more: object) -> CameraSpec:
    return CameraSpec(camera_id, str(path), **{"interval_s": 1.0, **more})  # type: ignore[arg-type]


def test_cameras_are_added_changed_and_removed_without_touching_the_others(
    room: Room, clip: Path
) -> None:
    """Given two cameras, when one changes, one is added and one removed, the fourth goes on in the same connection
    without a gap in its numbers."""
    kept = spec("kept", clip, decode=DecodeMode.ALL)
    room.capture.reconcile([kept, spec("old", clip), spec("changed", clip)])
    before = room.frame("kept")
    changed_before = room.frame("changed")
    room.capture.reconcile([kept, spec("changed", clip, rotate=90), spec("new", clip)])
    assert set(room.capture.statuses()) == {"kept", "changed", "new"}
    assert room.buffer.newest("old") is None
    changed = room.frame("changed", after=changed_before)
    assert (changed.width_px, changed.height_px) == (180, 320)
    room.frame("new")
    after = room.frame("kept")
    assert after.run_id == before.run_id
    between = room.capture.frames_between("kept", before.captured_mono_ns, after.captured_mono_ns)
    assert [f.seq for f in between] == list(range(before.seq, after.seq + 1))


def test_frames_from_before_a_mask_was_drawn_are_gone(room: Room, clip: Path) -> None:
    room.capture.reconcile([spec("yard", clip)])
    bare = room.frame("yard")
    whole = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    room.capture.reconcile([spec("yard", clip, mask=(whole,))])
    masked = room.frame("yard", after=bare)
    assert masked.rgb().max() == 0
    everything = room.capture.frames_between("yard", 0, 1 << 62)
    assert {int(frame.rgb(64).max()) for frame in everything} == {0}


def test_frames_of_the_3_s_before_a_trigger_can_be_had_in_keyframes_mode(
    room: Room, clips: Path
) -> None:
    """Given keyframes every second and only those decoded, when something happens, each of the 75 pictures of the 3 s
    before it can be looked at, in order and with its own time."""
    clip = render_clip(clips / "long.mp4", frames=500)
    room.capture.reconcile([spec("yard", clip, decode=DecodeMode.KEYFRAMES)])
    trigger = eventually(
        lambda: (f := room.buffer.newest("yard")) and f.seq >= 100 and f,
        what=lambda: room.capture.statuses(),
    )
    assert isinstance(trigger, Frame)
    at_ns = trigger.captured_mono_ns
    found = room.capture.frames_between("yard", at_ns - ns(3.0), at_ns)
    numbers = [read_number(frame.rgb()) for frame in found]
    assert numbers == list(range(trigger.seq - 75, trigger.seq + 1))
    assert [frame.seq for frame in found] == numbers
    assert [frame.is_key for frame in found].count(True) == 4


def test_packets_of_a_masked_camera_are_not_given_away(room: Room, clip: Path) -> None:
    square = ((0.0, 0.0), (0.2, 0.0), (0.2, 0.2))
    room.capture.reconcile([spec("bare", clip), spec("masked", clip, mask=(square,))])
    for camera_id in ("bare", "masked"):
        room.frame(camera_id)
    assert room.capture.packets("bare", 0, 1 << 62)
    assert room.capture.packets("masked", 0, 1 << 62) == []
    assert room.capture.packets("unknown", 0, 1 << 62) == []


def test_a_snapshot_comes_from_the_big_stream_at_the_same_moment(room: Room, clips: Path) -> None:
    """Given a small and a big stream of one scene, when a frame of the small one is captioned, its snapshot is the big
    one's picture of that moment, cut to the same region."""
    small = render_clip(clips / "small.mp4", frames=250)
    big = render_clip(clips / "big.mp4", frames=250, width_px=640, height_px=360)
    region = Region("upper", 0.0, 0.0, 1.0, 0.5)
    room.capture.reconcile(
        [spec("yard", small, snapshot_url=str(big), regions=(region,)), spec("plain", small)]
    )
    eventually(lambda: (f := room.buffer.newest("yard")) and f.seq >= 50)
    frame = room.capture.frames_between("yard", 0, 1 << 62)[-20]
    snapshot, offset_ms = room.capture.snapshot_frame(frame)
    assert (snapshot.camera_id, snapshot.width_px, snapshot.height_px) == ("yard", 640, 360)
    assert abs(offset_ms) <= 20
    assert offset_ms == round((snapshot.captured_mono_ns - frame.captured_mono_ns) / 1e6)
    pictures_apart = read_number(snapshot.rgb()) - read_number(frame.rgb())
    assert abs(pictures_apart) <= 5, "the two players start within 200 ms of each other"
    cut = region.cut(frame)
    part, _ = room.capture.snapshot_frame(cut)
    assert (part.region_id, part.width_px, part.height_px) == ("upper", 640, 180)
    plain = room.frame("plain")
    assert room.capture.snapshot_frame(plain) == (plain, 0)
    assert set(room.capture.statuses()) == {"yard", "plain"}


def test_a_big_stream_that_is_down_is_said_and_the_captioned_frame_is_the_snapshot(
    room: Room, clip: Path
) -> None:
    room.capture.reconcile([spec("yard", clip, snapshot_url="/nowhere/big.mp4")])
    frame = room.frame("yard")
    told = "snapshots come from the small stream: file /nowhere/big.mp4 does not exist; check `url`"
    eventually(lambda: room.capture.statuses()["yard"].reason == told)
    assert room.state("yard") is CameraState.ONLINE
    assert room.capture.snapshot_frame(frame) == (frame, 0)
    (problem,) = room.capture.problems()
    assert (problem.code, problem.component) == ("snapshot_stream_down", "camera:yard")
    assert "/nowhere/big.mp4 does not exist" in problem.text
    assert "snapshot_url" in problem.remedy


def test_a_missing_file_and_a_bad_one_are_statuses_and_the_others_play(
    room: Room, clip: Path, tmp_path: Path
) -> None:
    garbage = tmp_path / "garbage.mp4"
    garbage.write_bytes(os.urandom(9_999))
    room.capture.reconcile(
        [spec("good", clip), spec("lost", tmp_path / "none.mp4"), spec("bad", garbage)]
    )
    room.frame("good")
    eventually(lambda: room.state("lost") is room.state("bad") is CameraState.OFFLINE)
    assert "does not exist" in (room.capture.statuses()["lost"].reason or "")
    assert "FFmpeg" in (room.capture.statuses()["bad"].reason or "")


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Path]:
    """Opening it hangs inside the C library, where nothing can interrupt it, until the test is over."""
    path = tmp_path / "hangs.mp4"
    os.mkfifo(path)
    yield path
    eventually(lambda: _released(path), STOP_S)


def _released(path: Path) -> bool:
    """A writer that comes and goes ends whoever waits for one."""
    if hung := _hung_threads():
        with suppress(OSError):
            os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
    return not hung


def _hung_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name == "cap-hung"]


def test_a_thread_that_hangs_in_native_code_is_left_behind_and_replaced(
    clip: Path, pipe: Path
) -> None:
    """Given a camera whose open never returns, when its deadlines are over, its status says so, another thread takes
    over, no more than a few are left behind, other cameras go on, and the stop is not held up."""
    clock = FakeClock()
    room = Room(clock)
    room.capture.reconcile([spec("hung", pipe)])
    eventually(lambda: room.state("hung") is CameraState.CONNECTING)
    _supervised(room, clock, until=lambda: room.state("hung") is CameraState.OFFLINE)
    assert room.capture.abandoned_total == 0
    assert "not open after" in (room.capture.statuses()["hung"].reason or "")
    assert [problem.code for problem in room.capture.problems()] == ["camera_offline"]
    _supervised(room, clock, until=lambda: room.capture.abandoned_total >= 1)
    assert room.state("hung") is CameraState.STUCK
    codes = [(problem.code, problem.component) for problem in room.capture.problems()]
    assert codes == [("camera_stuck", "camera:hung"), ("capture_threads_hung", "capture:hung")]
    assert "hung for more than" in (room.capture.statuses()["hung"].reason or "")
    _supervised(room, clock, until=lambda: room.capture.abandoned_total >= MAX_ABANDONED)
    _supervised(room, clock, until=lambda: "threads hang" in str(room.capture.statuses()["hung"]))
    assert room.capture.abandoned_total == MAX_ABANDONED
    assert len(_hung_threads()) == MAX_ABANDONED + 1

    began = time.monotonic()
    assert room.stop(within_s=0.3) == ["cap-hung"] * (MAX_ABANDONED + 1)
    assert time.monotonic() - began < 2.0


def _supervised(room: Room, clock: FakeClock, *, until: Callable[[], object]) -> None:
    """Ten seconds pass, main looks, ten seconds pass ..."""

    def passed() -> object:
        clock.advance(10)
        room.capture.supervise()
        return until()

    eventually(passed, what=lambda: room.capture.statuses())


def test_a_hung_camera_does_not_slow_the_others(clip: Path, pipe: Path) -> None:
    room = Room()
    room.capture.reconcile([spec("hung", pipe), spec("good", clip, decode=DecodeMode.ALL)])
    first = room.frame("good")
    throughout(lambda: (room.capture.statuses()["good"].last_frame_age_ms or 0) < 1_000, for_s=1.0)
    assert room.frame("good", after=first).run_id == first.run_id
    room.capture.reconcile([spec("good", clip, decode=DecodeMode.ALL)])
    assert set(room.capture.statuses()) == {"good"}
    assert room.stop(within_s=0.5) == ["cap-hung"]
