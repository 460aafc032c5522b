"""The threads of one camera: the present ones, and those that hang in native code and were left behind."""

from __future__ import annotations

import logging
from collections.abc import Callable

from surveil.capture.spec import CameraSpec
from surveil.capture.tally import Tally
from surveil.capture.worker import CaptureWorker
from surveil.records import CameraState

logger = logging.getLogger(__name__)

MOST_LEFT_BEHIND = 3
"""Hung threads of one stream. A driver that hangs every time must not cost a thread and a device handle a minute."""

Hire = Callable[[CameraSpec, Tally], CaptureWorker]
"""Makes a worker and starts it."""


class Crew:
    """One stream's worker and its replacements. Main thread; `worker` and `tally` may be read by any."""

    def __init__(self, spec: CameraSpec, tally: Tally, hire: Hire) -> None:
        self.spec = spec
        self.tally = tally
        self.worker = hire(spec, tally)
        self.left_behind: list[CaptureWorker] = []
        self.left_behind_total = 0
        self._hire = hire

    def supervise(self) -> None:
        """Replaces a worker that hangs; says that a silent one is offline, though it still waits for a library."""
        self.left_behind = [worker for worker in self.left_behind if worker.alive]
        if self.worker.alive and self.worker.beat_age_s() > self.worker.allowed_s:
            self._replace()
            return
        silent_s = self.worker.silent_s()
        if silent_s is not None and silent_s > self.spec.stall_timeout_s:
            limit_s = self.spec.stall_timeout_s
            self.tally.set_state(CameraState.OFFLINE, f"stalled: no frame for {limit_s:g} s")

    def dismiss(self) -> list[CaptureWorker]:
        """Tell all threads to end; returns them."""
        self.worker.stop()
        return [self.worker, *self.left_behind]

    def _replace(self) -> None:
        if len(self.left_behind) >= MOST_LEFT_BEHIND:
            self.tally.hung(
                f"{len(self.left_behind) + 1} threads hang inside FFmpeg or a driver; "
                "no more are started until one returns; check the device"
            )
            return
        self.tally.hung(
            f"hung for more than {self.worker.allowed_s:.0f} s inside FFmpeg or a driver; replaced"
        )
        self.worker.stop()
        self.left_behind.append(self.worker)
        self.left_behind_total += 1
        self.worker = self._hire(self.spec, self.tally)
