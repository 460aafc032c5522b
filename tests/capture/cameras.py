"""A camera made of a script: what each connection does, packet by packet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

import av

from surveil.capture.buffer import FrameBuffer, StreamInfo, StreamPacket
from surveil.capture.camera_spec import CameraSpec
from surveil.capture.decoder import revived
from surveil.capture.session import Session
from surveil.capture.sources import Arrival, VideoPacket, Wait, describe
from surveil.capture.stream_status import StreamStatus
from surveil.clock import Clock, WallTime
from surveil.errors import SourceError
from surveil.records import CameraStatus
from tests.fakes import FakeClock

Script: TypeAlias = "Iterable[VideoPacket | float | Exception]"
"""What a connection does: send a packet, say nothing for so many seconds, or fail. At its end it says nothing more."""


def packets_of(path: Path) -> list[StreamPacket]:
    """A file's packets as the buffer keeps them, 40 ms apart."""
    with av.open(str(path)) as container:
        info = describe(container, path.name)
        return [
            StreamPacket(
                camera_id="yard",
                run_id="run-1",
                seq=seq,
                captured_mono_ns=seq * 40_000_000,
                captured_unix_ms=seq * 40,
                pts=packet.pts,
                dts=packet.dts,
                is_key=packet.is_keyframe,
                data=bytes(packet),
                stream=info,
            )
            for seq, packet in enumerate(p for p in container.demux(video=0) if p.size)
        ]


class ScriptedSource:
    """Plays a script on a clock that it moves itself: 40 ms a packet."""

    def __init__(self, info: StreamInfo, script: Script, clock: FakeClock) -> None:
        self.info = info
        self.is_closed = False
        self._script: Iterator[VideoPacket | float | Exception] = iter(script)
        self._clock = clock

    def read(self) -> Arrival | None:
        what = next(self._script, 1.0)
        if isinstance(what, Exception):
            raise what
        if isinstance(what, int | float):
            self._clock.advance(what)
            return None
        self._clock.advance(0.04)
        return Arrival(what, self._clock.monotonic_ns())

    def close(self) -> None:
        self.is_closed = True


class ScriptedCamera:
    """An opener: each connection plays the next script; a script that is an exception fails to open."""

    def __init__(self, clock: FakeClock, *scripts: tuple[StreamInfo, Script] | Exception) -> None:
        self.opened: list[ScriptedSource] = []
        self.attempts_s: list[float] = []
        self._clock = clock
        self._scripts = list(scripts)

    def __call__(self, spec: CameraSpec, url: str, *, clock: Clock, wait: Wait) -> ScriptedSource:
        self.attempts_s.append(self._clock.monotonic_ns() / 1e9)
        what = self._scripts.pop(0) if self._scripts else SourceError("gone for good")
        if isinstance(what, Exception):
            raise what
        source = ScriptedSource(*what, self._clock)
        self.opened.append(source)
        return source


def playing(path: Path, *more: float | Exception) -> tuple[StreamInfo, Script]:
    """A script that sends a clip and then does `more`."""
    packets = packets_of(path)
    return packets[0].stream, [*(revived(packet) for packet in packets), *more]


class Bench:
    """A session without its thread: tests take its steps, and its waits move the clock."""

    def __init__(self, spec: CameraSpec, *scripts: tuple[StreamInfo, Script] | Exception) -> None:
        self.clock = FakeClock()
        self.buffer = FrameBuffer(256 << 20, keep_s=1e6)
        self.camera = ScriptedCamera(self.clock, *scripts)
        self.stream_status = StreamStatus(spec, self.clock)
        self.session = SteppedSession(
            spec,
            self.buffer,
            lease=self.buffer.lease(spec.camera_id),
            clock=self.clock,
            wall=WallTime(self.clock),
            opener=self.camera,
            stream_status=self.stream_status,
        )

    def steps(self, count: int) -> CameraStatus:
        for _ in range(count):
            self.session.step()
        return self.status()

    def status(self) -> CameraStatus:
        camera_id = self.session.spec.camera_id
        return self.stream_status.status(dropped_total=self.buffer.dropped_total(camera_id))

    def seqs(self) -> list[int]:
        """Numbers of the frames that became pictures."""
        camera_id = self.session.spec.camera_id
        return [frame.seq for frame in self.buffer.stored_between(camera_id, 0, 1 << 62)]


class SteppedSession(Session):
    """Waits by moving the fake clock."""

    def wait(self, seconds: float) -> bool:
        clock = self._clock
        assert isinstance(clock, FakeClock)
        clock.advance(seconds)
        return self.stopping
