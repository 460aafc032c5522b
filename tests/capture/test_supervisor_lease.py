"""A camera is replaced while its session is still at work: nothing of the old one is ever seen again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from surveil.capture import CameraSpec, CaptureSupervisor, DecodeMode, FrameBuffer
from surveil.capture.sources import Source, Wait, open_source
from surveil.capture.stream_status import MAIN
from surveil.clock import Clock, SystemClock, WallTime, ns
from tests.support.waiting import eventually

WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


class HoldingWall(WallTime):
    """Holds one thread up between the reading of a packet and its decoding: that is where it is asked for the time."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.held = threading.Event()
        self.released = threading.Event()
        self._hold: str | None = None

    def hold(self, thread_name: str) -> None:
        """The next thread of this name that comes."""
        self._hold = thread_name

    def unix_ms_at(self, mono_ns: int) -> int:
        if self._hold == threading.current_thread().name:
            self._hold = None
            self.held.set()
            self.released.wait()
        return super().unix_ms_at(mono_ns)


class Room:
    """Bare cameras open at once, masked ones when they are let."""

    def __init__(self) -> None:
        self.clock = SystemClock()
        self.wall = HoldingWall(self.clock)
        self.buffer = FrameBuffer(64 << 20)
        self.masked_may_open = threading.Event()
        self.capture = CaptureSupervisor(
            self.buffer, clock=self.clock, wall=self.wall, opener=self._open
        )

    def _open(self, spec: CameraSpec, url: str, *, clock: Clock, wait: Wait) -> Source:
        if spec.mask:
            self.masked_may_open.wait()
        return open_source(spec, url, clock=clock, wait=wait)


@pytest.fixture
def room() -> Iterator[Room]:
    room = Room()
    yield room
    room.wall.released.set()
    room.masked_may_open.set()
    assert room.capture.stop(room.clock.monotonic_ns() + ns(5.0)) == []


def threads(name: str) -> int:
    return sum(thread.name == name for thread in threading.enumerate())


@pytest.mark.parametrize("name", ["yard", "yard" + MAIN])
def test_what_was_under_way_when_a_mask_was_drawn_never_reaches_the_buffer(
    room: Room, clip: Path, name: str
) -> None:
    """Given a session that is about to decode, when reconcile replaces the camera by a masked one and the old session
    goes on before the new one has a picture, neither its frame nor its packet can be had."""
    bare = CameraSpec("yard", str(clip), decode=DecodeMode.ALL, snapshot_url=str(clip))
    masked = CameraSpec(
        "yard", str(clip), decode=DecodeMode.ALL, snapshot_url=str(clip), mask=(WHOLE,)
    )
    room.capture.reconcile([bare])
    eventually(lambda: room.buffer.packets_between(name, 0, 1 << 62))
    room.wall.hold(f"cap-{name}")
    eventually(room.wall.held.is_set)

    room.capture.reconcile([masked])
    refused = room.buffer.counters()["refused_total"]
    room.wall.released.set()
    eventually(lambda: threads(f"cap-{name}") == 1, what="the old session has ended")
    assert room.buffer.counters()["refused_total"] > refused, "it tried"
    assert room.buffer.newest(name) is None
    assert room.buffer.packets_between(name, 0, 1 << 62) == []

    room.masked_may_open.set()
    frame = eventually(lambda: room.buffer.newest("yard"))
    assert frame
    assert frame.rgb().max() == 0
