"""The thread of one camera: connects, reads, and when that fails tries again, for ever."""

from __future__ import annotations

import logging

from surveil.capture.address import SourceKind
from surveil.capture.backoff import Backoff
from surveil.capture.decode import Decoder
from surveil.capture.reasons import KNOCK_S, EndOfStream
from surveil.capture.ring import Ring
from surveil.capture.run import Run
from surveil.capture.source import Opener
from surveil.capture.spec import CameraSpec
from surveil.capture.tally import Tally
from surveil.clock import NS_PER_S, Clock, WallTime, ns
from surveil.errors import SourceError
from surveil.records import Frame
from surveil.worker import Worker, WorkerFailed

logger = logging.getLogger(__name__)

MARGIN_S = 5.0
"""Beyond every deadline of a native call, before the thread is taken to be stuck in it."""
OWN_PACE = {SourceKind.FILE, SourceKind.STILL}
"""Sources that Surveil asks, rather than being sent: their silence is no stall."""


class CaptureWorker(Worker):
    """Named `cap-<camera>`. What a camera does wrong becomes its status; only a fault of Surveil leaves the thread."""

    def __init__(
        self,
        spec: CameraSpec,
        ring: Ring,
        *,
        clock: Clock,
        wall: WallTime,
        opener: Opener,
        tally: Tally,
        on_failure: WorkerFailed | None = None,
    ) -> None:
        super().__init__(f"cap-{spec.camera_id}", clock=clock, on_failure=on_failure)
        self.spec = spec
        self.tally = tally
        self.allowed_s = MARGIN_S
        """How long the present step may take before the thread counts as stuck."""
        self._ring, self._wall, self._opener = ring, wall, opener
        self._backoff = Backoff()
        self._current: Run | None = None
        self._try_at_ns = 0
        self._last_arrival_ns = 0
        self._seen = False
        self._detail_until_ns = 0

    def step(self) -> None:
        """One packet, or one attempt to connect, or a second of waiting for the next attempt."""
        try:
            if self._current is not None:
                self._read(self._current)
            elif self._waited():
                self._connect()
        except SourceError as error:
            self._lose(error)

    def finish(self) -> None:
        self._disconnect()

    def want_detail(self, for_s: float) -> None:
        """Decode every frame for so long. Any thread."""
        until_ns = self._clock.monotonic_ns() + ns(for_s)
        self._detail_until_ns = max(self._detail_until_ns, until_ns)

    def _waited(self) -> bool:
        left_s = (self._try_at_ns - self._clock.monotonic_ns()) / NS_PER_S
        return left_s <= 0 or not (self.wait(min(left_s, 1.0)) or left_s > 1.0)

    def _connect(self) -> None:
        self.allowed_s = 2 * self.spec.open_timeout_s + KNOCK_S + MARGIN_S
        source = self._opener(self.spec, self.spec.url, clock=self._clock, wait=self.wait)
        self._last_arrival_ns = self._clock.monotonic_ns()
        self._seen = False
        self.allowed_s = self.spec.read_timeout_s + MARGIN_S
        self._current = Run(
            self.spec, source, ring=self._ring, wall=self._wall, decoder=Decoder(source.info)
        )

    def _read(self, run: Run) -> None:
        arrival = run.source.read()
        now_ns = self._clock.monotonic_ns()
        if arrival is None:
            self._check_stall(now_ns)
            return
        self._last_arrival_ns = arrival.mono_ns
        self.tally.arrived(arrival.mono_ns)
        for frame in run.take(arrival, detail=now_ns < self._detail_until_ns):
            self._show(frame)

    def _show(self, frame: Frame) -> None:
        if self.stopping:
            return
        if not self._seen:
            self._seen = True
            self._backoff.reset()
            self.tally.connected(frame.width_px, frame.height_px)
        self._ring.put(frame)

    def _check_stall(self, now_ns: int) -> None:
        silent_s = (now_ns - self._last_arrival_ns) / NS_PER_S
        if self.spec.kind not in OWN_PACE and silent_s > self.spec.stall_timeout_s:
            raise SourceError(f"no frame for {silent_s:.0f} s, though the connection stands")

    def _lose(self, error: SourceError) -> None:
        """The connection is over, or there was none."""
        self._disconnect()
        if self.stopping:
            return
        self.tally.failed(str(error))
        over = isinstance(error, EndOfStream) and self.spec.kind is SourceKind.FILE
        wait_s = float("inf") if over else self._backoff.next_s()
        self._try_at_ns = self._clock.monotonic_ns() + (1 << 62 if over else ns(wait_s))

    def _disconnect(self) -> None:
        run, self._current = self._current, None
        if run is not None:
            run.source.close()
