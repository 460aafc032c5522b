"""The capture room as the daemon has it: supervised every moment, on the real clock, impatient."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from types import TracebackType

from surveil.capture import CameraSpec, CaptureSupervisor, FrameBuffer
from surveil.clock import Backoff, SystemClock, WallTime, ns
from surveil.records import CameraState, CameraStatus, Frame
from tests.support.clips import read_number
from tests.support.waiting import eventually

WAIT_S = 30.0


class CaptureRoom:
    """Use with `with`. Reconnections come after 50 to 200 ms instead of seconds."""

    def __init__(self, specs: Iterable[CameraSpec], *, max_bytes: int = 128 << 20) -> None:
        self.clock = SystemClock()
        self.buffer = FrameBuffer(max_bytes, keep_s=60.0)
        self.capture = CaptureSupervisor(
            self.buffer,
            clock=self.clock,
            wall=WallTime(self.clock),
            backoff=lambda: Backoff(first_s=0.05, longest_s=0.2),
        )
        self._specs = list(specs)
        self._stopping = threading.Event()
        self._main = threading.Thread(target=self._supervise)

    def __enter__(self) -> CaptureRoom:
        self.capture.reconcile(self._specs)
        self._main.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._main.join()
        left = self.capture.stop(self.clock.monotonic_ns() + ns(10.0))
        if error is None:
            assert left == []

    def status(self, camera_id: str) -> CameraStatus:
        return self.capture.statuses()[camera_id]

    def frame(self, camera_id: str, *, after: Frame | None = None) -> Frame:
        """The newest frame as soon as there is one, of a later capture than `after`."""
        found = eventually(
            lambda: self._newer(camera_id, after), WAIT_S, what=lambda: self.status(camera_id)
        )
        assert found
        return found

    def back(self, camera_id: str, *, reconnects: int) -> CameraStatus:
        """Its status as soon as it is online again, so many reconnections after the start."""

        def status() -> CameraStatus | None:
            now = self.status(camera_id)
            good = now.state is CameraState.ONLINE and now.reconnects_total >= reconnects
            return now if good else None

        found = eventually(status, WAIT_S, what=lambda: self.status(camera_id))
        assert found
        assert found.reconnects_total == reconnects
        return found

    def lost(self, camera_id: str) -> CameraStatus:
        """Its status as soon as it is offline."""
        eventually(
            lambda: self.status(camera_id).state is CameraState.OFFLINE,
            WAIT_S,
            what=lambda: self.status(camera_id),
        )
        return self.status(camera_id)

    def _newer(self, camera_id: str, after: Frame | None) -> Frame | None:
        newest = self.buffer.newest(camera_id)
        later = newest and (after is None or newest.captured_mono_ns > after.captured_mono_ns)
        return newest if later else None

    def _supervise(self) -> None:
        while not self._stopping.wait(0.1):
            self.capture.supervise()


class Bystander:
    """A camera to which nothing happens: checks that it lost no frame meanwhile."""

    def __init__(self, room: CaptureRoom, camera_id: str, *, clip_frames: int = 50) -> None:
        self._room, self._camera_id, self._clip_frames = room, camera_id, clip_frames
        self._first = room.frame(camera_id)

    def check(self) -> None:
        """Same connection, and the picture is the one that its number promises: none was lost on the way."""
        last = self._room.frame(self._camera_id, after=self._first)
        assert last.run_id == self._first.run_id
        passed = last.seq - self._first.seq
        expected = (read_number(self._first.rgb()) + passed) % self._clip_frames
        assert read_number(last.rgb()) == expected
        status = self._room.status(self._camera_id)
        assert status.reconnects_total == 0
        assert status.last_error is None
