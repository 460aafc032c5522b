"""Video files, played as if they were live."""

from __future__ import annotations

from collections.abc import Iterator

import av.error

from surveil.capture.address import path_of
from surveil.capture.reasons import EndOfStream
from surveil.capture.source import Arrival, VideoPacket, Wait, describe, open_container
from surveil.capture.spec import CameraSpec
from surveil.clock import NS_PER_S, Clock, ns
from surveil.errors import SourceError

MAX_LAG_NS = ns(1.0)
"""A player that is later than this gives the time up for lost; less is caught up, without a break in the times."""
TOGETHER_NS = ns(0.08)
"""Packets due within this time are handed over at one waking, though each is timed when it was due: sixty-four players
that wake for each packet spend more on waking than on reading."""
SLICE_S = 0.5
"""Longest wait between two signs of life."""
MAX_JUMP_S = 10.0
"""Times inside the file that jump further, or run backwards, are joined to what came before."""
DEFAULT_FPS = 25.0


class FileSource:
    """Each packet comes when its decoding time is due; at the end the file starts again, with times that go on."""

    def __init__(self, spec: CameraSpec, *, clock: Clock, wait: Wait) -> None:
        self._spec, self._clock, self._wait = spec, clock, wait
        self._path = path_of(spec.url)
        self._container = open_container(spec, spec.url, clock=clock)
        self.info = describe(self._container, self._path)
        self._packets = self._played()
        self._pending: VideoPacket | None = None
        self._timeline = Timeline(self.info.nominal_fps or DEFAULT_FPS, float(self.info.time_base))
        self._start_ns = clock.monotonic_ns()
        self._woke_ns = self._start_ns

    def read(self) -> Arrival | None:
        """Waits until the next packet is due, in slices of half a second."""
        if self._pending is None:
            self._pending = self._timeline.placed(self._next())
        due_ns = self._due_ns()
        if due_ns > self._clock.monotonic_ns() and not self._slept(due_ns):
            return None
        packet, self._pending = self._pending, None
        return Arrival(packet, due_ns)

    def close(self) -> None:
        self._container.close()

    def _slept(self, due_ns: int) -> bool:
        """Waits for a packet; False when the wait was cut short, or is too long for one slice."""
        wake_ns = max(due_ns, self._woke_ns + TOGETHER_NS)
        left_s = (wake_ns - self._clock.monotonic_ns()) / NS_PER_S
        if self._wait(min(left_s, SLICE_S)) or left_s > SLICE_S:
            return False
        self._woke_ns = self._clock.monotonic_ns()
        return True

    def _due_ns(self) -> int:
        """When the pending packet is due; the start is moved when the player has fallen too far behind."""
        now_ns = self._clock.monotonic_ns()
        if not self._spec.pace:
            return now_ns
        due_ns = self._start_ns + ns(self._timeline.now_s)
        if now_ns - due_ns > MAX_LAG_NS:
            self._start_ns += now_ns - due_ns
            return now_ns
        return due_ns

    def _next(self) -> VideoPacket:
        try:
            packet = next(self._packets, None)
        except (av.error.FFmpegError, OSError) as error:
            raise SourceError(f"file {self._path} cannot be read on: {error.strerror}") from None
        if packet is None:
            raise EndOfStream(f"file {self._path} was played to its end")
        return packet

    def _played(self) -> Iterator[VideoPacket]:
        """Every packet of the file, once or for ever."""
        while True:
            empty = True
            for packet in self._container.demux(self._container.streams.video[0]):
                if packet.size:
                    empty = False
                    yield packet
            if empty:
                raise SourceError(f"file {self._path} holds no pictures")
            if not self._spec.loop:
                return
            self._rewind()
            self._timeline.begin_again()

    def _rewind(self) -> None:
        try:
            self._container.seek(self._container.start_time or 0)
        except (av.error.FFmpegError, OSError):  # raw streams cannot seek
            self._container.close()
            self._container = open_container(self._spec, self._spec.url, clock=self._clock)


class Timeline:
    """Puts the packets of one loop after another on one line of time that only goes forward."""

    def __init__(self, fps: float, unit_s: float) -> None:
        self.now_s = 0.0
        """Seconds from the first packet to the last one placed."""
        self._unit_s = unit_s
        self._step = max(1, round(1.0 / fps / unit_s))
        self._first: int | None = None
        self._last = 0
        self._shift = 0

    def placed(self, packet: VideoPacket) -> VideoPacket:
        """The same packet with its times moved behind those of earlier loops."""
        own = packet.dts if packet.dts is not None else packet.pts
        if own is None:
            own = self._last - self._shift + self._step
        if self._first is None:
            self._first = self._last = own
        if not 0 <= own + self._shift - self._last <= MAX_JUMP_S / self._unit_s:
            self._shift = self._last + self._step - own
        at = own + self._shift
        packet.dts = at
        packet.pts = packet.pts + self._shift if packet.pts is not None else at
        self._last = at
        self.now_s = (at - self._first) * self._unit_s
        return packet

    def begin_again(self) -> None:
        """The next packet is the first of the file again."""
        if self._first is not None:
            self._shift = self._last + self._step - self._first
