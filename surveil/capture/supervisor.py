"""The supervisor of all cameras: one thread each, and nothing that one of them does can hold up another."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from surveil.backoff import Backoff
from surveil.capture.buffer import FrameBuffer
from surveil.capture.camera_spec import CameraSpec
from surveil.capture.decoder import FrameMaker, decode_run
from surveil.capture.main_stream import MAIN, main_stream, snapshot_of
from surveil.capture.packets import StreamPacket
from surveil.capture.session import CaptureWorker
from surveil.capture.sources import Opener, open_source
from surveil.capture.stream_status import StreamStatus
from surveil.clock import Clock, WallTime
from surveil.records import CameraState, CameraStatus, Frame
from surveil.worker import WorkerFailed


class CaptureSupervisor:
    """Main thread: `reconcile`, `supervise`, `stop`. Any thread: everything else. Only `stop` waits for a camera."""

    def __init__(
        self,
        ring: FrameBuffer,
        *,
        clock: Clock,
        wall: WallTime,
        on_failure: WorkerFailed | None = None,
        opener: Opener = open_source,
        backoff: Callable[[], Backoff] = Backoff,
    ) -> None:
        self._ring, self._clock, self._wall = ring, clock, wall
        self._on_failure, self._opener, self._backoff = on_failure, opener, backoff
        self._lock = threading.Lock()
        self._streams: dict[str, StreamSupervisor] = {}
        """By the ring's name: a camera's id, or that of its big stream."""
        self._leaving: list[CaptureWorker] = []
        self._abandoned_total = 0
        ring.use_decoder(self)

    def reconcile(self, specs: Iterable[CameraSpec]) -> None:
        """Start, replace and stop so that exactly these cameras are watched. An unchanged one is not touched."""
        wanted = _streams(specs)
        for name, stream in self._snapshot().items():
            if wanted.get(name) != stream.spec:
                self._stop_stream(name)
                self._ring.remove_camera(
                    name
                )  # frames from before a mask was drawn must not be shown
        for name in self._ring.cameras() - wanted.keys():
            self._ring.remove_camera(name)
        for name, spec in wanted.items():
            if name not in self._streams:
                self._ring.add_camera(name)
                stream = StreamSupervisor(
                    spec, StreamStatus(name, self._clock), self._start_session
                )
                with self._lock:
                    self._streams[name] = stream

    def supervise(self) -> None:
        """Called every second: threads that do not come back from native code are left behind and replaced."""
        self._leaving = [worker for worker in self._leaving if worker.alive]
        for stream in self._snapshot().values():
            stream.supervise()

    def statuses(self) -> dict[str, CameraStatus]:
        """By camera."""
        streams = self._snapshot()
        return {
            name: _status(stream, streams.get(name + MAIN), self._ring.dropped_total(name))
            for name, stream in streams.items()
            if not name.endswith(MAIN)
        }

    @property
    def abandoned_total(self) -> int:
        """Threads that were abandoned in native code since the start."""
        streams = self._snapshot().values()
        return self._abandoned_total + sum(stream.abandoned_total for stream in streams)

    def packets(self, camera_id: str, from_mono_ns: int, to_mono_ns: int) -> list[StreamPacket]:
        """Undecoded packets for a clip, from a keyframe on; none where a clip would show what a mask hides."""
        stream = self._stream(camera_id)
        if stream is None or stream.spec.mask:
            return []
        return self._ring.packets_between(camera_id, from_mono_ns, to_mono_ns)

    def decode_all_for(self, camera_id: str, for_s: float) -> None:
        """Decode every frame of the camera for so many seconds, beginning with those since the last keyframe."""
        stream = self._stream(camera_id)
        if stream is not None:
            stream.worker.decode_all_for(for_s)

    def snapshot_frame(self, frame: Frame) -> tuple[Frame, int]:
        """The frame nearest in time from the camera's big stream, and how many ms later than `frame` it is.

        `frame` itself and 0 where there is none within 2 s. Decodes at most one group of pictures in the caller's
        thread: 2 ms a 1080p frame. A region's frame gets the same region.
        """
        stream = self._stream(frame.camera_id)
        if stream is None or stream.spec.snapshot_url is None:
            return frame, 0
        return snapshot_of(frame, stream.spec, self._ring)

    def decode(self, packets: Sequence[StreamPacket]) -> Iterator[Frame]:
        """How the ring decodes its packets."""
        stream = self._stream(packets[0].camera_id) if packets else None
        return decode_run(packets, FrameMaker(stream.spec)) if stream else iter(())

    def stop(self, deadline_mono_ns: int) -> list[str]:
        """Tell all threads to end, wait until the deadline; names of those that stayed behind, in native code."""
        workers = [*self._leaving]
        for stream in self._snapshot().values():
            workers += stream.stop_all()
        return [worker.name for worker in workers if not worker.join(deadline_mono_ns)]

    def _snapshot(self) -> dict[str, StreamSupervisor]:
        with self._lock:
            return dict(self._streams)

    def _stream(self, name: str) -> StreamSupervisor | None:
        with self._lock:
            return self._streams.get(name)

    def _start_session(self, spec: CameraSpec, stream_status: StreamStatus) -> CaptureWorker:
        worker = CaptureWorker(
            spec,
            self._ring,
            clock=self._clock,
            wall=self._wall,
            opener=self._opener,
            stream_status=stream_status,
            backoff=self._backoff(),
            pictures=not spec.camera_id.endswith(MAIN),
            on_failure=self._on_failure,
        )
        worker.start()
        return worker

    def _stop_stream(self, name: str) -> None:
        with self._lock:
            stream = self._streams.pop(name)
        self._abandoned_total += stream.abandoned_total
        self._leaving += stream.stop_all()


def _streams(specs: Iterable[CameraSpec]) -> dict[str, CameraSpec]:
    """Every stream that needs a thread, by the ring's name."""
    streams: dict[str, CameraSpec] = {}
    for spec in specs:
        streams[spec.camera_id] = spec
        if main := main_stream(spec):
            streams[main.camera_id] = main
    return streams


def _status(
    stream: StreamSupervisor, main: StreamSupervisor | None, dropped_total: int
) -> CameraStatus:
    """A camera is online when its small stream is; what is wrong with the big one is said beside it."""
    status = stream.stream_status.status(dropped_total=dropped_total)
    if main is None or status.state is not CameraState.ONLINE:
        return status
    big = main.stream_status.status(dropped_total=0)
    if big.state in {CameraState.ONLINE, CameraState.CONNECTING}:
        return status
    return replace(status, reason=f"snapshots come from the small stream: {big.reason}")


logger = logging.getLogger(__name__)

MAX_ABANDONED = 3
"""Hung threads of one stream. A driver that hangs every time must not cost a thread and a device handle a minute."""

SessionFactory = Callable[[CameraSpec, StreamStatus], CaptureWorker]
"""Makes a worker and starts it."""


class StreamSupervisor:
    """One stream's worker and its replacements. Main thread; `worker` and `stream_status` may be read by any."""

    def __init__(
        self, spec: CameraSpec, stream_status: StreamStatus, start_session: SessionFactory
    ) -> None:
        self.spec = spec
        self.stream_status = stream_status
        self.worker = start_session(spec, stream_status)
        self.abandoned: list[CaptureWorker] = []
        self.abandoned_total = 0
        self._start_session = start_session

    def supervise(self) -> None:
        """Replaces a worker that hangs; says that a silent one is offline, though it still waits for a library."""
        self.abandoned = [worker for worker in self.abandoned if worker.alive]
        if self.worker.alive and self.worker.beat_age_s() > self.worker.allowed_s:
            self._replace()
            return
        silent_s = self.worker.silent_s()
        if silent_s is not None and silent_s > self.spec.stall_timeout_s:
            limit_s = self.spec.stall_timeout_s
            self.stream_status.set_state(
                CameraState.OFFLINE, f"stalled: no frame for {limit_s:g} s"
            )

    def stop_all(self) -> list[CaptureWorker]:
        """Tell all threads to end; returns them."""
        self.worker.stop()
        return [self.worker, *self.abandoned]

    def _replace(self) -> None:
        if len(self.abandoned) >= MAX_ABANDONED:
            self.stream_status.hung(
                f"{len(self.abandoned) + 1} threads hang inside FFmpeg or a driver; "
                "no more are started until one returns; check the device"
            )
            return
        self.stream_status.hung(
            f"hung for more than {self.worker.allowed_s:.0f} s inside FFmpeg or a driver; replaced"
        )
        self.worker.stop()
        self.abandoned.append(self.worker)
        self.abandoned_total += 1
        self.worker = self._start_session(self.spec, self.stream_status)
