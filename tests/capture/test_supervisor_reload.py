"""What a reload changes of a camera, its connection survives, unless it cannot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from surveil.capture import CameraSpec, CaptureSupervisor, DecodeMode, FrameBuffer
from surveil.capture.sources import Source, Wait, open_source
from surveil.clock import Clock, SystemClock, WallTime, ns
from surveil.records import CameraState, Frame, Region
from tests.support.clips import render_clip
from tests.support.waiting import eventually


class Room:
    """Cameras that are files, and how often each was opened."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.clock = SystemClock()
        self.buffer = FrameBuffer(64 << 20)
        self.capture = CaptureSupervisor(
            self.buffer, clock=self.clock, wall=WallTime(self.clock), opener=self._open
        )

    def _open(self, spec: CameraSpec, url: str, *, clock: Clock, wait: Wait) -> Source:
        self.opened.append(spec.camera_id)
        return open_source(spec, url, clock=clock, wait=wait)

    def frame(self, camera_id: str = "yard", *, after: Frame | None = None) -> Frame:
        def newest() -> Frame | None:
            found = self.buffer.newest(camera_id)
            return found if found is not after else None

        found = eventually(newest, what=lambda: self.capture.statuses())
        assert found
        return found

    def numbers(self) -> list[int]:
        """Of the frames that became pictures."""
        return [frame.seq for frame in self.buffer.stored_between("yard", 0, 1 << 62)]


@pytest.fixture
def room() -> Iterator[Room]:
    room = Room()
    yield room
    assert room.capture.stop(room.clock.monotonic_ns() + ns(5.0)) == []


@pytest.fixture(scope="module")
def long_clip(clips: Path) -> Path:
    """20 s, a keyframe a second."""
    return render_clip(clips / "long-enough.mp4", frames=500)


REGION = Region("gate", 0.0, 0.0, 0.5, 0.5)


@pytest.mark.parametrize(
    "change",
    [
        {"interval_s": 0.3},
        {"decode": DecodeMode.ALL},
        {"regions": (REGION,)},
        {"stall_timeout_s": 33.0},
        {"detect_frozen_s": 7.0},
        {"clamped": ("read_timeout 1m is longer than stall_timeout",)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_change_that_the_session_can_take_over_opens_nothing(
    room: Room, clip: Path, change: dict[str, object]
) -> None:
    spec = CameraSpec("yard", str(clip), interval_s=1.0, snapshot_url=str(clip))
    other = CameraSpec("other", str(clip))
    room.capture.reconcile([spec, other])
    before = room.frame()
    eventually(lambda: sorted(room.opened) == ["other", "yard", "yard#main"])
    room.capture.reconcile([replace(spec, **change), other])  # type: ignore[arg-type]
    after = room.frame(after=before)
    assert after.run_id == before.run_id
    assert sorted(room.opened) == ["other", "yard", "yard#main"]
    assert room.capture.statuses()["yard"].reconnects_total == 0


@pytest.mark.parametrize("change", [{"rotate": 90}, {"read_timeout_s": 3.0}, {"transport": "udp"}])
def test_a_change_of_how_it_is_read_opens_that_camera_alone(
    room: Room, clip: Path, change: dict[str, object]
) -> None:
    spec, other = CameraSpec("yard", str(clip)), CameraSpec("other", str(clip))
    room.capture.reconcile([spec, other])
    room.frame()
    room.frame("other")
    room.capture.reconcile([replace(spec, **change), other])  # type: ignore[arg-type]
    room.frame()
    assert room.opened.count("yard") == 2
    assert room.opened.count("other") == 1


def test_a_session_decodes_by_the_new_wish_at_once(room: Room, long_clip: Path) -> None:
    """Given keyframes only, when everything is wanted, the pictures since the last keyframe come too."""
    spec = CameraSpec("yard", str(long_clip), decode=DecodeMode.KEYFRAMES, interval_s=1.0)
    room.capture.reconcile([spec])
    room.frame()
    room.capture.reconcile([replace(spec, decode=DecodeMode.ALL)])
    eventually(lambda: room.frame().seq % 25 == 12)
    assert len(room.numbers()) >= 12


def test_an_interval_of_stills_is_how_often_they_are_fetched(address: str, room: Room) -> None:
    """Unless `poll` says so: then the interval is nothing to the camera."""
    follows = CameraSpec("yard", f"still+http://{address}/now.jpg", interval_s=60.0)
    polled = replace(follows, poll_s=60.0)
    assert replace(follows, interval_s=0.1).needs_reopening(follows)
    assert not replace(polled, interval_s=0.1).needs_reopening(polled)
    room.capture.reconcile([follows])
    first = room.frame()
    room.capture.reconcile([replace(follows, interval_s=0.1)])
    room.frame(after=first)
    eventually(lambda: len(room.numbers()) >= 3)


def test_deadlines_that_were_clamped_are_a_problem_until_they_agree(room: Room, clip: Path) -> None:
    what = "read_timeout 1m is longer than stall_timeout, 10s, which is used instead"
    spec = CameraSpec("yard", str(clip), clamped=(what,))
    room.capture.reconcile([spec])
    eventually(lambda: room.capture.statuses()["yard"].state is CameraState.ONLINE)
    (problem,) = room.capture.problems()
    assert (problem.code, problem.component) == ("deadlines_clamped", "camera:yard")
    assert problem.text == f"camera yard: {what}"
    assert problem.remedy
    room.capture.reconcile([replace(spec, clamped=())])
    assert room.capture.problems() == []
    assert room.opened == ["yard"]


def test_keyframes_further_apart_than_the_stall_time_are_told(room: Room, clip: Path) -> None:
    """Given that only keyframes are wanted, which come every second, and a stall time of half of one."""
    spec = CameraSpec("yard", str(clip), decode=DecodeMode.KEYFRAMES, stall_timeout_s=0.5)
    room.capture.reconcile([spec])
    eventually(room.capture.problems)
    (problem,) = room.capture.problems()
    assert problem.code == "deadlines_clamped"
    assert "time between two keyframes, 1 s" in problem.text
    assert room.capture.problems()[0].since_unix_ms == problem.since_unix_ms
    room.capture.reconcile([replace(spec, stall_timeout_s=10.0)])
    assert room.capture.problems() == []
