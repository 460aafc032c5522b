"""The supervisor of all cameras: one thread each, and nothing that one of them does can hold up another.

It also looks into what they keep: the frames between two moments, and the big stream's picture of one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from surveil.capture.buffer import FrameBuffer, StreamPacket
from surveil.capture.camera_spec import CameraSpec, DecodeMode
from surveil.capture.decoder import FrameMaker, decode_packets
from surveil.capture.session import Session
from surveil.capture.sources import Opener, open_source
from surveil.capture.stream_status import CAMERA, MAIN, StreamStatus
from surveil.clock import NS_PER_MS, Backoff, Clock, WallTime, ns
from surveil.records import CameraState, CameraStatus, Frame, Problem
from surveil.worker import WorkerFailed

MAX_ABANDONED = 3
"""Hung threads of one stream. A driver that hangs every time must not cost a thread and a device handle a minute."""

SessionFactory = Callable[[CameraSpec, StreamStatus], Session]
"""Makes a session and starts it."""


class CaptureSupervisor:
    """Main thread: `reconcile`, `supervise`, `stop`. Any thread: everything else. Only `stop` waits for a camera.

    Packets are taken out of the buffer before the spec is read, everywhere: the mask they are decoded with is then
    never older than they are.
    """

    name = "capture"

    def __init__(
        self,
        buffer: FrameBuffer,
        *,
        clock: Clock,
        wall: WallTime,
        on_failure: WorkerFailed | None = None,
        opener: Opener = open_source,
        backoff: Callable[[], Backoff] = Backoff,
    ) -> None:
        self._buffer, self._clock, self._wall = buffer, clock, wall
        self._on_failure, self._opener, self._backoff = on_failure, opener, backoff
        self._lock = threading.Lock()
        self._streams: dict[str, Stream] = {}
        """By the buffer's name: a camera's id, or that of its big stream."""
        self._leaving: list[Session] = []
        self._abandoned_total = 0

    def reconcile(self, specs: Iterable[CameraSpec]) -> None:
        """Start, replace and stop so that exactly these cameras are watched. An unchanged one is not touched, and one
        that differs only in what its session can take over keeps its connection.

        A replaced session may be decoding still. Its lease ends before the next session begins, so no frame from before
        a mask was drawn can be seen after it.
        """
        wanted = _streams(specs)
        for name, stream in self._snapshot().items():
            spec = wanted.get(name)
            if spec is not None and not spec.needs_reopening(stream.spec):
                stream.adopt(spec)
            else:
                self._stop_stream(name)
                self._buffer.remove_camera(name)
        for name in self._buffer.cameras() - wanted.keys():
            self._buffer.remove_camera(name)
        for name, spec in wanted.items():
            if name not in self._streams:
                stream = Stream(spec, self._clock, self._start_session)
                with self._lock:
                    self._streams[name] = stream

    def supervise(self) -> None:
        """Called every second: threads that do not come back from native code are left behind and replaced."""
        self._leaving = [session for session in self._leaving if session.alive]
        for stream in self._snapshot().values():
            stream.supervise()

    def statuses(self) -> dict[str, CameraStatus]:
        """By camera."""
        streams = self._snapshot()
        return {
            name: _status(stream, streams.get(name + MAIN), self._buffer.dropped_total(name))
            for name, stream in streams.items()
            if not name.endswith(MAIN)
        }

    @property
    def abandoned_total(self) -> int:
        """Threads that were abandoned in native code since the start."""
        streams = self._snapshot().values()
        return self._abandoned_total + sum(stream.abandoned_total for stream in streams)

    def problems(self) -> Sequence[Problem]:
        """What keeps each camera from being seen, and streams whose threads hang in native code."""
        streams = self._snapshot()
        return [
            problem
            for name, stream in streams.items()
            for problem in (stream.problem(), stream.clamped_problem(), stream.hung_problem())
            if problem is not None
        ]

    def counters(self) -> Mapping[str, float]:
        """Of the cameras that are watched now, but for `abandoned_total`, which counts from the start."""
        statuses = self.statuses().values()
        return {
            "abandoned_total": self.abandoned_total,
            "cameras": len(statuses),
            "frames_total": sum(status.frames_total for status in statuses),
            "reconnects_total": sum(status.reconnects_total for status in statuses),
        }

    def packets(self, camera_id: str, from_mono_ns: int, to_mono_ns: int) -> list[StreamPacket]:
        """Undecoded packets for a clip, from a keyframe on; none where a clip would show what a mask hides."""
        packets = self._buffer.packets_between(camera_id, from_mono_ns, to_mono_ns)
        stream = self._stream(camera_id)
        return packets if stream and not stream.spec.mask else []

    def frames_between(self, camera_id: str, from_mono_ns: int, to_mono_ns: int) -> list[Frame]:
        """Every frame captured in the time, both ends included, oldest first; decoded from packets where need be.

        Decoding takes 1 to 3 ms a 1080p frame in the caller's thread, beginning at the keyframe before the time, and
        each frame holds 3.1 MB outside the buffer: ask for seconds, not minutes.
        """
        stored = self._buffer.stored_between(camera_id, from_mono_ns, to_mono_ns)
        packets = self._buffer.packets_between(camera_id, from_mono_ns, to_mono_ns)
        found = {(frame.run_id, frame.seq): frame for frame in stored}
        stream = self._stream(camera_id)
        for frame in _decoded(packets, stream.spec) if stream else ():
            if from_mono_ns <= frame.captured_mono_ns <= to_mono_ns:
                found.setdefault((frame.run_id, frame.seq), frame)
        return sorted(found.values(), key=lambda frame: frame.captured_mono_ns)

    def decode_all_for(self, camera_id: str, for_s: float) -> None:
        """Decode every frame of the camera for so many seconds, beginning with those since the last keyframe."""
        stream = self._stream(camera_id)
        if stream is not None:
            stream.session.decode_all_for(for_s)

    def snapshot_frame(self, frame: Frame) -> tuple[Frame, int]:
        """The frame nearest in time from the camera's big stream, and how many ms later than `frame` it is.

        `frame` itself and 0 where there is none within 2 s. Decodes at most one group of pictures in the caller's
        thread: 2 ms a 1080p frame. A region's frame gets the same region.
        """
        packets = main_packets(frame, self._buffer)
        stream = self._stream(frame.camera_id)
        return snapshot_of(frame, stream.spec, packets) if stream else (frame, 0)

    def stop(self, deadline_mono_ns: int) -> list[str]:
        """Tell all threads to end, wait until the deadline; names of those that stayed behind, in native code."""
        sessions = [*self._leaving]
        for stream in self._snapshot().values():
            sessions += stream.stop_all()
        return [session.name for session in sessions if not session.join(deadline_mono_ns)]

    def _snapshot(self) -> dict[str, Stream]:
        with self._lock:
            return dict(self._streams)

    def _stream(self, name: str) -> Stream | None:
        with self._lock:
            return self._streams.get(name)

    def _start_session(self, spec: CameraSpec, stream_status: StreamStatus) -> Session:
        session = Session(
            spec,
            self._buffer,
            lease=self._buffer.lease(spec.camera_id),
            clock=self._clock,
            wall=self._wall,
            opener=self._opener,
            stream_status=stream_status,
            backoff=self._backoff(),
            pictures=not spec.camera_id.endswith(MAIN),
            on_failure=self._on_failure,
        )
        session.start()
        return session

    def _stop_stream(self, name: str) -> None:
        with self._lock:
            stream = self._streams.pop(name)
        self._abandoned_total += stream.abandoned_total
        self._leaving += stream.stop_all()


class Stream:
    """One stream's session and its replacements. Main thread; any may read `session` and `stream_status`."""

    def __init__(self, spec: CameraSpec, clock: Clock, start_session: SessionFactory) -> None:
        self.spec = spec
        self.stream_status = StreamStatus(spec, clock)
        self.session = start_session(spec, self.stream_status)
        self.abandoned: list[Session] = []
        self.abandoned_total = 0
        self._clock = clock
        self._start_session = start_session
        self._hung_since_unix_ms = 0
        self._clamped_since_unix_ms: int | None = None

    def supervise(self) -> None:
        """Replaces a session that hangs."""
        self.abandoned = [session for session in self.abandoned if session.alive]
        if self.session.alive and self.session.beat_age_s() > self.session.allowed_s:
            self._replace()

    def adopt(self, spec: CameraSpec) -> None:
        """Go on with another spec, on the same connection."""
        if spec != self.spec:
            self.spec = spec
            self.session.adopt(spec)
            self.stream_status.adopt(spec)

    def problem(self) -> Problem | None:
        """What keeps this stream from being seen; the big one only keeps snapshots small. Any thread."""
        found = self.stream_status.problem()
        if found is None or not self.spec.camera_id.endswith(MAIN):
            return found
        return replace(
            found,
            code="snapshot_stream_down",
            text=f"snapshots come from the small stream: the big one of {found.text}",
            remedy="check `snapshot_url`; alerts go on, with smaller pictures",
        )

    def clamped_problem(self) -> Problem | None:
        """That deadlines contradict each other or the camera, and which gave way. Any thread."""
        camera_id, clamped = self.spec.camera_id, [*self.spec.clamped]
        gop_s, stall_s = self.session.gop_s, self.spec.stall_timeout_s
        if self.spec.decode is DecodeMode.KEYFRAMES and gop_s is not None and gop_s > stall_s:
            clamped.append(
                f"stall_timeout {stall_s:g} s is shorter than the time between two keyframes, "
                f"{gop_s:.0f} s, which is waited for instead"
            )
        if not clamped or camera_id.endswith(MAIN):
            self._clamped_since_unix_ms = None
            return None
        if self._clamped_since_unix_ms is None:
            self._clamped_since_unix_ms = self._clock.unix_ms()
        return Problem(
            code="deadlines_clamped",
            text=f"camera {camera_id}: {'; '.join(clamped)}",
            since_unix_ms=self._clamped_since_unix_ms,
            component=CAMERA + camera_id,
            remedy="change the one or the other in the camera's configuration",
        )

    def hung_problem(self) -> Problem | None:
        """That threads of this stream were left behind in native code, as long as they are there. Any thread."""
        hung = sum(session.alive for session in self.abandoned)
        if not hung:
            return None
        camera_id = self.spec.camera_id.removesuffix(MAIN)
        return Problem(
            code="capture_threads_hung",
            text=f"camera {camera_id}: {hung} of its threads hang inside FFmpeg or a driver",
            since_unix_ms=self._hung_since_unix_ms,
            component=f"{CaptureSupervisor.name}:{camera_id}",
            remedy="check the device and its driver; restart surveil to get rid of the threads",
        )

    def stop_all(self) -> list[Session]:
        """Tell all threads to end; returns them."""
        self.session.stop()
        return [self.session, *self.abandoned]

    def _replace(self) -> None:
        if len(self.abandoned) >= MAX_ABANDONED:
            self.stream_status.hung(
                f"{len(self.abandoned) + 1} threads hang inside FFmpeg or a driver; "
                "no more are started until one returns; check the device"
            )
            return
        self.stream_status.hung(
            f"hung for more than {self.session.allowed_s:.0f} s inside FFmpeg or a driver; replaced"
        )
        if not self.abandoned:
            self._hung_since_unix_ms = self._clock.unix_ms()
        self.session.stop()
        self.abandoned.append(self.session)
        self.abandoned_total += 1
        self.session = self._start_session(self.spec, self.stream_status)


def _streams(specs: Iterable[CameraSpec]) -> dict[str, CameraSpec]:
    """Every stream that needs a thread, by the buffer's name."""
    streams: dict[str, CameraSpec] = {}
    for spec in specs:
        streams[spec.camera_id] = spec
        if main := main_stream(spec):
            streams[main.camera_id] = main
    return streams


def _status(stream: Stream, main: Stream | None, dropped_total: int) -> CameraStatus:
    """A camera is online when its small stream is; what is wrong with the big one is said beside it."""
    status = stream.stream_status.status(dropped_total=dropped_total)
    if main is None or status.state is not CameraState.ONLINE:
        return status
    big = main.stream_status.status(dropped_total=0)
    if big.state in {CameraState.ONLINE, CameraState.CONNECTING}:
        return status
    return replace(status, reason=f"snapshots come from the small stream: {big.reason}")


def _decoded(packets: Sequence[StreamPacket], spec: CameraSpec) -> Iterator[Frame]:
    """One connection after the other: a decoder cannot go on from one to the next."""
    for _, connection in groupby(packets, key=lambda packet: packet.run_id):
        yield from decode_packets(list(connection), FrameMaker(spec))


WITHIN_NS = ns(2.0)
"""A picture further away than this shows another moment."""


def main_stream(spec: CameraSpec) -> CameraSpec | None:
    """The big stream as a camera of its own, or None."""
    if spec.snapshot_url is None:
        return None
    return replace(spec, camera_id=spec.camera_id + MAIN, url=spec.snapshot_url, snapshot_url=None)


def main_packets(frame: Frame, buffer: FrameBuffer) -> list[StreamPacket]:
    """Packets of the big stream from the frame's moment on, with what is needed to decode them."""
    at_ns = frame.captured_mono_ns
    return buffer.packets_between(frame.camera_id + MAIN, at_ns, at_ns + WITHIN_NS)


def snapshot_of(
    frame: Frame, spec: CameraSpec, packets: Sequence[StreamPacket]
) -> tuple[Frame, int]:
    """See `CaptureSupervisor.snapshot_frame`."""
    at_ns = frame.captured_mono_ns
    found = None
    for candidate in decode_packets(_up_to_nearest(packets, at_ns), FrameMaker(spec)):
        if found is None or _distance(candidate, at_ns) <= _distance(found, at_ns):
            found = candidate
    if found is None or _distance(found, at_ns) > WITHIN_NS:
        return frame, 0
    offset_ms = round((found.captured_mono_ns - at_ns) / NS_PER_MS)
    region = next((r for r in spec.regions if r.region_id == frame.region_id), None)
    return (region.cut(found) if region else found), offset_ms


def _up_to_nearest(packets: Sequence[StreamPacket], at_ns: int) -> list[StreamPacket]:
    """From the keyframe to the packet nearest in time, all of one connection."""
    if not packets:
        return []
    nearest = min(packets, key=lambda packet: abs(packet.captured_mono_ns - at_ns))
    same = [packet for packet in packets if packet.run_id == nearest.run_id]
    needed = same[: same.index(nearest) + 1]
    keys = [index for index, packet in enumerate(needed) if packet.is_key]
    return needed[keys[-1] :] if keys else []


def _distance(frame: Frame, at_ns: int) -> int:
    return abs(frame.captured_mono_ns - at_ns)
