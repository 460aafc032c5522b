"""The supervisor of all cameras: one thread each, and nothing that one of them does can hold up another."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Sequence

from surveil.capture.decode import FrameMaker, decode_run
from surveil.capture.packet import StreamPacket
from surveil.capture.ring import Ring
from surveil.capture.source import Opener, open_source
from surveil.capture.spec import CameraSpec
from surveil.capture.tally import Tally
from surveil.capture.worker import CaptureWorker
from surveil.clock import Clock, WallTime
from surveil.records import CameraState, CameraStatus, Frame
from surveil.worker import Worker, WorkerFailed

logger = logging.getLogger(__name__)


class Captures:
    """Main thread: `reconcile`, `supervise`, `stop`. Any thread: everything else. None of them waits for a camera."""

    def __init__(
        self,
        ring: Ring,
        *,
        clock: Clock,
        wall: WallTime,
        on_failure: WorkerFailed | None = None,
        opener: Opener = open_source,
    ) -> None:
        self._ring, self._clock, self._wall = ring, clock, wall
        self._on_failure, self._opener = on_failure, opener
        self._lock = threading.Lock()
        self._workers: dict[str, CaptureWorker] = {}
        self._leaving: list[Worker] = []
        ring.use_decoder(self)

    def reconcile(self, specs: Iterable[CameraSpec]) -> None:
        """Start, replace and stop so that exactly these cameras are watched. An unchanged one is not touched."""
        wanted = {spec.camera_id: spec for spec in specs}
        for camera_id, worker in list(self._workers.items()):
            if wanted.get(camera_id) != worker.spec:
                self._dismiss(camera_id)
        for camera_id, spec in wanted.items():
            if camera_id not in self._workers:
                self._ring.add_camera(camera_id)
                self._employ(spec, Tally(camera_id, self._clock))
        for camera_id in self._ring.cameras() - wanted.keys():
            self._ring.remove_camera(camera_id)

    def supervise(self) -> None:
        """Called every second: threads that do not come back from native code are left behind and replaced."""
        self._leaving = [worker for worker in self._leaving if worker.alive]
        for worker in list(self._workers.values()):
            if worker.alive and worker.beat_age_s() > worker.allowed_s:
                self._abandon(worker)

    def statuses(self) -> dict[str, CameraStatus]:
        """By camera."""
        with self._lock:
            workers = list(self._workers.items())
        return {
            camera_id: worker.tally.status(dropped_total=self._ring.dropped_total(camera_id))
            for camera_id, worker in workers
        }

    def packets(self, camera_id: str, from_mono_ns: int, to_mono_ns: int) -> list[StreamPacket]:
        """Undecoded packets for a clip, from a keyframe on; none where a mask would be shown what is behind it."""
        worker = self._worker(camera_id)
        if worker is None or worker.spec.mask:
            return []
        return self._ring.packets_between(camera_id, from_mono_ns, to_mono_ns)

    def want_detail(self, camera_id: str, for_s: float) -> None:
        """Decode every frame of the camera for so many seconds, beginning with those since the last keyframe."""
        worker = self._worker(camera_id)
        if worker is not None:
            worker.want_detail(for_s)

    def snapshot_frame(self, frame: Frame) -> tuple[Frame, int]:
        """The frame nearest in time from the camera's big stream, and how many ms later than `frame` it is.

        `frame` itself and 0 where there is none. Decodes in the caller's thread, at most one group of pictures.
        """
        return frame, 0

    def decode(self, packets: Sequence[StreamPacket]) -> Iterator[Frame]:
        """What the ring uses to decode its packets."""
        worker = self._worker(packets[0].camera_id) if packets else None
        return decode_run(packets, FrameMaker(worker.spec)) if worker else iter(())

    def stop(self, deadline_mono_ns: int) -> list[str]:
        """Tell all threads to end, wait until the deadline; names of those that stayed behind, in native code."""
        with self._lock:
            workers = [*self._workers.values(), *self._leaving]
        for worker in workers:
            worker.stop()
        return [worker.name for worker in workers if not worker.join(deadline_mono_ns)]

    def _worker(self, camera_id: str) -> CaptureWorker | None:
        with self._lock:
            return self._workers.get(camera_id)

    def _employ(self, spec: CameraSpec, tally: Tally) -> None:
        worker = CaptureWorker(
            spec,
            self._ring,
            clock=self._clock,
            wall=self._wall,
            opener=self._opener,
            tally=tally,
            on_failure=self._on_failure,
        )
        with self._lock:
            self._workers[spec.camera_id] = worker
        worker.start()

    def _dismiss(self, camera_id: str) -> CaptureWorker:
        with self._lock:
            worker = self._workers.pop(camera_id)
        worker.stop()
        self._leaving.append(worker)
        return worker

    def _abandon(self, worker: CaptureWorker) -> None:
        """The thread hangs inside a library; it can neither be stopped nor be waited for."""
        self._dismiss(worker.spec.camera_id)
        worker.tally.set_state(
            CameraState.STUCK,
            f"hung for {worker.beat_age_s():.0f} s in FFmpeg or a driver; replaced",
        )
        self._employ(worker.spec, worker.tally)
