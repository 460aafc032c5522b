"""Frames of a moment, made of the packets that the buffer keeps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from surveil.capture import CameraSpec, CaptureSupervisor, FrameBuffer
from surveil.capture.buffer import Lease, StreamInfo, StreamPacket
from surveil.capture.sources import Arrival, Wait
from surveil.clock import Clock, WallTime, ns
from tests.capture.cameras import packets_of
from tests.fakes import FakeClock, make_frame
from tests.support.clips import read_number


class SilentSource:
    """An open connection over which nothing comes."""

    def __init__(self, info: StreamInfo, wait: Wait) -> None:
        self.info = info
        self._wait = wait

    def read(self) -> Arrival | None:
        self._wait(1.0)
        return None

    def close(self) -> None:
        """Holds nothing."""


class Kept:
    """A supervised camera of whose packets the test is the sender."""

    def __init__(self, clip: Path) -> None:
        self.packets = packets_of(clip)
        self.buffer = FrameBuffer(64 << 20)
        self.clock = FakeClock()
        self.capture = CaptureSupervisor(
            self.buffer, clock=self.clock, wall=WallTime(self.clock), opener=self._open
        )
        self.capture.reconcile([CameraSpec("yard", "rtsp://camera.lan/live")])
        self.lease: Lease = self.buffer.lease("yard")

    def put(self, packets: list[StreamPacket]) -> None:
        for packet in packets:
            assert self.buffer.put_packet(packet, self.lease)

    def _open(self, spec: CameraSpec, url: str, *, clock: Clock, wait: Wait) -> SilentSource:
        return SilentSource(self.packets[0].stream, wait)


@pytest.fixture
def kept(clip: Path) -> Iterator[Kept]:
    kept = Kept(clip)
    yield kept
    assert kept.capture.stop(kept.clock.monotonic_ns() + ns(5.0)) == []


def test_frames_between_are_decoded_from_the_keyframe_before(kept: Kept) -> None:
    """Given keyframes each second, when asked for 1.2..1.6 s, every frame in it comes; one that is held as a picture
    is given as it is."""
    kept.put(kept.packets)
    stored = make_frame("yard", seq=35, mono_ns=ns(1.4))
    assert kept.buffer.put(stored, kept.lease)
    found = kept.capture.frames_between("yard", ns(1.2), ns(1.6))
    assert [frame.seq for frame in found] == list(range(30, 41))
    assert stored in found
    assert [read_number(f.rgb()) for f in found if f is not stored] == [
        seq for seq in range(30, 41) if seq != 35
    ]


def test_frames_between_crosses_a_reconnection(kept: Kept) -> None:
    """A decoder cannot go on from one connection to the next: each has its own."""
    later = [
        replace(packet, run_id="run-2", captured_mono_ns=packet.captured_mono_ns + ns(1.0))
        for packet in kept.packets[:5]
    ]
    kept.put([*kept.packets[:5], *later])
    found = kept.capture.frames_between("yard", 0, ns(9))
    assert [(f.run_id, f.seq) for f in found] == [
        (run_id, seq) for run_id in ("run-1", "run-2") for seq in range(5)
    ]
    assert [read_number(frame.rgb()) for frame in found] == [*range(5)] * 2


def test_a_camera_that_is_not_watched_has_no_frames(kept: Kept) -> None:
    assert kept.capture.frames_between("door", 0, ns(9)) == []
