"""A thread that hangs while reading, as V4L2 and hardware decoders can: told, left behind, replaced, and harmless when
it returns."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from surveil.capture import CameraSpec, CaptureSupervisor, DecodeMode, FrameBuffer
from surveil.capture.buffer import StreamInfo
from surveil.capture.decoder import revived
from surveil.capture.sources import Arrival, Wait
from surveil.clock import Clock, WallTime, ns
from surveil.records import CameraState
from tests.capture.cameras import packets_of
from tests.fakes import FakeClock
from tests.support.waiting import eventually


class Driver:
    """Gives five pictures of a clip; the first time it is opened it then hangs, later it goes on for ever."""

    def __init__(self, clip: Path) -> None:
        self.released = threading.Event()
        self.opened = 0
        self.returned = threading.Event()
        self._packets = packets_of(clip)

    def __call__(self, spec: CameraSpec, url: str, *, clock: Clock, wait: Wait) -> Device:
        self.opened += 1
        return Device(self, hangs=self.opened == 1, clock=clock, wait=wait)

    @property
    def info(self) -> StreamInfo:
        return self._packets[0].stream

    def packet(self, number: int) -> object:
        return revived(self._packets[number % len(self._packets)])


class Device:
    """What a `Driver` opens."""

    def __init__(self, driver: Driver, *, hangs: bool, clock: Clock, wait: Wait) -> None:
        self.info = driver.info
        self._driver, self._hangs, self._clock, self._wait = driver, hangs, clock, wait
        self._given = 0

    def read(self) -> Arrival | None:
        if self._hangs and self._given == 5:
            self._driver.released.wait()
        elif self._given >= 5 and self._wait(0.02):
            return None
        packet = self._driver.packet(self._given)
        self._given += 1
        return Arrival(packet, self._clock.monotonic_ns())  # type: ignore[arg-type]

    def close(self) -> None:
        if self._hangs:
            self._driver.returned.set()


@pytest.fixture
def driver(clip: Path) -> Iterator[Driver]:
    driver = Driver(clip)
    yield driver
    driver.released.set()


def test_a_read_that_hangs_is_a_stall_then_stuck_then_replaced(driver: Driver) -> None:
    """Given a device whose read does not return, after the stall time its status says that nothing comes, after all
    deadlines another thread takes over and pictures come again; when the read returns at last, its thread ends and
    shows nothing."""
    clock, buffer = FakeClock(), FrameBuffer(32 << 20)
    capture = CaptureSupervisor(buffer, clock=clock, wall=WallTime(clock), opener=driver)
    capture.reconcile([CameraSpec("yard", "/dev/video0", decode=DecodeMode.ALL)])
    first = eventually(lambda: (f := buffer.newest("yard")) and f.seq == 4 and f)
    assert first

    clock.advance(10.5)
    capture.supervise()
    assert capture.statuses()["yard"].state is CameraState.OFFLINE
    assert capture.statuses()["yard"].reason == "stalled: no frame for 10 s"
    assert driver.opened == 1

    clock.advance(15)
    told_unix_ms = clock.unix_ms()
    capture.supervise()
    assert capture.abandoned_total == capture.counters()["abandoned_total"] == 1
    hung = capture.problems()[
        -1
    ]  # beside it the camera is stuck, until the new thread has a picture
    assert (hung.code, hung.component, hung.since_unix_ms) == (
        "capture_threads_hung",
        "capture:yard",
        told_unix_ms,
    )
    assert "camera yard: 1 of its threads hang" in hung.text
    replaced = eventually(lambda: (f := buffer.newest("yard")) and f.run_id != first.run_id and f)
    assert replaced
    eventually(lambda: capture.statuses()["yard"].state is CameraState.ONLINE)
    assert capture.statuses()["yard"].reconnects_total == 1

    driver.released.set()
    assert driver.returned.wait(5.0), "the thread that hung ends when it can"
    eventually(lambda: capture.problems() == [])
    connections = {frame.run_id for frame in buffer.stored_between("yard", 0, 1 << 62)}
    late = [f for f in buffer.stored_between("yard", 0, 1 << 62) if f.run_id == first.run_id]
    assert len(connections) <= 2
    assert [f.seq for f in late] in ([], [0, 1, 2, 3, 4])
    assert capture.stop(clock.monotonic_ns() + ns(5.0)) == []
