"""Files play as if they were live."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveil.capture.camera_spec import CameraSpec
from surveil.capture.ffmpeg_errors import EndOfStream
from surveil.capture.sources import Arrival, FileSource, Timeline
from surveil.clock import NS_PER_MS, NS_PER_S
from surveil.errors import SourceError
from tests.fakes import FakeClock
from tests.support.clips import render_clip


class Player:
    """A FileSource whose waits move the clock by hand."""

    def __init__(self, path: Path, *, loop: bool = True, pace: bool = True) -> None:
        self.clock = FakeClock()
        self.start_ns = self.clock.monotonic_ns()
        self.waited_s = 0.0
        spec = CameraSpec("yard", str(path), loop=loop, pace=pace)
        self.source = FileSource(spec, clock=self.clock, wait=self._wait)

    def _wait(self, seconds: float) -> bool:
        self.clock.advance(seconds)
        self.waited_s += seconds
        return False

    def play(self, count: int) -> list[Arrival]:
        arrivals: list[Arrival] = []
        while len(arrivals) < count:
            if arrival := self.source.read():
                arrivals.append(arrival)
        return arrivals


@pytest.mark.parametrize("name", ["clip", "clip_with_b_frames"])
def test_packets_come_when_they_are_due_and_the_loop_has_no_seam(
    name: str, request: pytest.FixtureRequest
) -> None:
    """Given 2 s of 25 fps, when played for 6 s, every packet comes 40 ms after the one before, to a millisecond."""
    player = Player(request.getfixturevalue(name))
    arrivals = player.play(150)
    steps = [b.mono_ns - a.mono_ns for a, b in pairwise(arrivals)]
    assert all(abs(step - 40 * NS_PER_MS) <= NS_PER_MS for step in steps)
    assert player.waited_s == pytest.approx(149 / 25, abs=0.1)
    times = [a.packet.dts or 0 for a in arrivals]
    assert times == sorted(set(times))
    assert [n for n, a in enumerate(arrivals) if a.packet.is_keyframe] == list(range(0, 150, 25))


def test_played_once_the_file_says_that_it_is_over(clip: Path) -> None:
    player = Player(clip, loop=False)
    player.play(50)
    with pytest.raises(EndOfStream, match="was played to its end"):
        player.source.read()


def test_without_pace_nothing_waits(clip: Path) -> None:
    player = Player(clip, loop=False, pace=False)
    assert len(player.play(50)) == 50
    assert player.waited_s == 0


def test_a_player_that_was_held_up_for_long_does_not_rush(clip: Path) -> None:
    """Given a machine that slept for a minute, when play goes on, it goes on at its pace."""
    player = Player(clip)
    player.play(10)
    player.clock.advance(60)
    arrivals = player.play(26)
    played_s = (arrivals[-1].mono_ns - arrivals[0].mono_ns) / NS_PER_S
    assert played_s == pytest.approx(1.0, abs=0.01)


def test_a_short_hold_up_is_caught_up_without_a_trace_in_the_times(clip: Path) -> None:
    player = Player(clip)
    before = player.play(10)[-1]
    player.clock.advance(0.5)
    after = player.play(1)[-1]
    assert after.mono_ns - before.mono_ns == pytest.approx(40 * NS_PER_MS, abs=NS_PER_MS)


def test_a_stop_is_noticed_within_a_slice(clip: Path) -> None:
    clock = FakeClock()
    source = FileSource(CameraSpec("yard", str(clip)), clock=clock, wait=lambda _s: True)
    assert source.read() is not None
    assert source.read() is None


def test_a_raw_stream_without_times_or_seeking_loops_too(clips: Path) -> None:
    raw = render_clip(clips / "raw.h264", frames=20, gop=10)
    arrivals = Player(raw).play(60)
    assert arrivals[-1].mono_ns - arrivals[0].mono_ns == pytest.approx(59 / 25 * NS_PER_S, rel=0.1)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda p: None, "does not exist"),
        (lambda p: p.write_bytes(b""), "is empty"),
        (lambda p: p.write_bytes(b"no video at all" * 99), "holds nothing that FFmpeg can read"),
        (lambda p: p.mkdir(), "is a folder"),
    ],
)
def test_a_bad_file_is_a_reason_with_its_path(tmp_path: Path, make: object, told: str) -> None:
    path = tmp_path / "clip.mp4"
    make(path)  # type: ignore[operator]
    with pytest.raises(SourceError, match=told) as caught:
        Player(path)
    assert str(path) in str(caught.value)


class Timed:
    """What Timeline needs of a packet."""

    def __init__(self, dts: int | None, pts: int | None) -> None:
        self.dts, self.pts = dts, pts


@given(st.lists(st.one_of(st.none(), st.integers(-(1 << 40), 1 << 40)), min_size=1, max_size=50))
def test_times_only_go_forward_whatever_the_file_says(times: list[int | None]) -> None:
    """Jumps and backward steps are joined to what came before: at most 10 s from one packet to the next."""
    timeline = Timeline(25.0, 1 / 90_000)
    seen = [0.0]
    for dts in times:
        timeline.placed(Timed(dts, dts))  # type: ignore[arg-type]
        seen.append(timeline.now_s)
    assert all(0 <= b - a <= 10.001 for a, b in pairwise(seen))
