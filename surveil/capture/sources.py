"""Sources: where packets come from. Opened, read and closed by one capture thread."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol, TypeAlias, cast

import av
import av.error
import av.logging

from surveil.capture.buffer import StreamInfo
from surveil.capture.camera_spec import (
    STILL,
    CameraSpec,
    SourceKind,
    Transport,
    path_of,
    redact_url,
    with_credentials,
)
from surveil.capture.ffmpeg_errors import Attempt, EndOfStream, explain_open, explain_read
from surveil.capture.nal import CONFIGURED, continues_picture
from surveil.clock import NS_PER_S, Clock, ns
from surveil.errors import SourceError

av.logging.set_level(None)  # FFmpeg's own log would print URLs with their passwords

FAST_START = {"fpsprobesize": "0"}
"""Without it FFmpeg watches 20 frames to learn a rate that nobody asks for: 1.1 s to open a 25 fps camera, not 0.3."""
UDP_BUFFER_BYTES = 4 << 20
"""A keyframe arrives in one burst; the usual 208 KiB lose part of it. The kernel cuts this to its own limit."""

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
MOST_PARTS = 64
"""Packets that are joined to one picture: a sender that never begins another must not fill the memory."""

VideoPacket: TypeAlias = "av.Packet[av.VideoStream]"
Wait = Callable[[float], bool]
"""Sleeps for so many seconds, or until the thread is to stop: then True."""


@dataclass(frozen=True, slots=True, eq=False)
class Arrival:
    """A packet, and when it came (live) or became due (files)."""

    packet: VideoPacket
    mono_ns: int


class Source(Protocol):
    """An open connection."""

    info: StreamInfo

    def read(self) -> Arrival | None:
        """The next packet; None when there is none yet. Returns within the read deadline; raises SourceError."""
        ...

    def close(self) -> None: ...


class Opener(Protocol):
    """Opens a camera's stream; `open_source` in life, a fake in tests."""

    def __call__(self, spec: CameraSpec, url: str, *, clock: Clock, wait: Wait) -> Source: ...


def open_source(spec: CameraSpec, url: str, *, clock: Clock, wait: Wait) -> Source:
    """The real `Opener`. Takes up to two open deadlines; raises SourceError."""
    if spec.kind is SourceKind.FILE:
        return FileSource(spec, clock=clock, wait=wait)
    if spec.kind is SourceKind.STILL:
        return StillSource(spec, clock=clock, wait=wait)
    return LiveSource(spec, url, clock=clock)


class LiveSource:
    """Whatever sends by itself: RTSP, HTTP, V4L2."""

    def __init__(self, spec: CameraSpec, url: str, *, clock: Clock) -> None:
        self._attempt = Attempt(spec, url, took_s=0.0, limit_s=spec.read_timeout_s)
        self._clock = clock
        self._container = open_container(spec, url, clock=clock)
        self.transport = self._container.options.get("rtsp_transport", spec.kind.value)
        """`tcp`, `udp` ... for RTSP; else the kind of source."""
        self.info = describe(self._container, spec.shown_url)
        stream = self._container.streams.video[0]
        self._packets = whole_pictures(self._container.demux(stream), self.info)

    def read(self) -> Arrival | None:
        """Blocks until a packet comes, at most `read_timeout_s`."""
        try:
            packet = next(self._packets, None)
        except (av.error.FFmpegError, OSError) as error:
            raise SourceError(explain_read(error, self._attempt)) from None
        if packet is None or not packet.size:
            raise EndOfStream("the camera ended the stream")
        return Arrival(packet, self._clock.monotonic_ns())

    def close(self) -> None:
        self._container.close()


def open_container(spec: CameraSpec, url: str, *, clock: Clock) -> av.container.InputContainer:
    """A container with at least one video stream, under the camera's deadlines. Raises SourceError."""
    began_ns = clock.monotonic_ns()
    try:
        container = _opened(spec, url)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        took_s = (clock.monotonic_ns() - began_ns) / NS_PER_S
        attempt = Attempt(spec, url, took_s=took_s, limit_s=spec.open_timeout_s)
        raise SourceError(explain_open(error, attempt)) from None
    if not container.streams.video:
        container.close()
        raise SourceError(f"{redact_url(url)} has no video in it; check `url`")
    return container


def _opened(spec: CameraSpec, url: str) -> av.container.InputContainer:
    try:
        return _open(spec, url, _options(spec))
    except av.error.OSError as error:
        refused = error.errno == errno.EPROTONOSUPPORT  # what FFmpeg makes of RTSP's 461
        if not (refused and spec.kind is SourceKind.RTSP and spec.transport == Transport.AUTO):
            raise
        return _open(spec, url, {**_options(spec), "rtsp_transport": "udp"})


def _open(spec: CameraSpec, url: str, options: dict[str, str]) -> av.container.InputContainer:
    return av.open(
        _for_ffmpeg(spec, url),
        format="v4l2" if spec.kind is SourceKind.V4L2 else None,
        options={**options, **spec.options},
        timeout=(spec.open_timeout_s, spec.read_timeout_s),
    )


def describe(container: av.container.InputContainer, shown_url: str) -> StreamInfo:
    """What the first video stream holds. Raises SourceError when there is no decoder for it."""
    stream = container.streams.video[0]
    context = stream.codec_context
    if context is None:
        raise SourceError(f"{shown_url}: this FFmpeg has no decoder for its pictures; set H.264")
    rate = stream.average_rate or stream.guessed_rate
    return StreamInfo(
        codec=context.codec.name,
        width_px=context.width,
        height_px=context.height,
        time_base=stream.time_base or Fraction(1, 90_000),
        extradata=context.extradata,
        pix_fmt=context.pix_fmt,
        nominal_fps=float(rate) if rate else None,
    )


def whole_pictures(packets: Iterator[VideoPacket], info: StreamInfo) -> Iterator[VideoPacket]:
    """The same packets; those that hold one picture in parts, as one.

    FFmpeg's parser cuts an H.264 picture in two where a sender puts parameter sets between its slices (GStreamer's
    `h264parse config-interval=-1` does, before each slice of a keyframe), and no part decodes by itself. The first
    keyframe waits for the packet after it, to learn whether it is whole; in a stream that is cut every packet does.
    """
    if info.codec != "h264" or (info.extradata or b"")[:1] == bytes([CONFIGURED]):
        yield from packets
        return
    held: list[VideoPacket] = []
    has_begun = is_split = False
    for packet in packets:
        continues = bool(held or packet.is_keyframe) and continues_picture(bytes(packet))
        if held and not (continues and len(held) < MOST_PARTS):
            yield _joined(held)
            held = []
        is_split = is_split or continues
        if is_split or (packet.is_keyframe and not has_begun):
            has_begun = True
            held.append(packet)
        else:
            yield packet
    if held:
        yield _joined(held)


def _joined(parts: list[VideoPacket]) -> VideoPacket:
    first = parts[0]
    if len(parts) == 1:
        return first
    whole = cast(VideoPacket, av.Packet(b"".join(map(bytes, parts))))
    whole.pts, whole.dts, whole.is_keyframe = first.pts, first.dts, first.is_keyframe
    whole.time_base = first.time_base
    return whole


def _for_ffmpeg(spec: CameraSpec, url: str) -> str:
    if spec.kind in {SourceKind.FILE, SourceKind.V4L2}:
        return path_of(url)
    if spec.transport == Transport.TLS and url.startswith("rtsp://"):
        url = f"rtsps{url.removeprefix('rtsp')}"
    return with_credentials(url, username=spec.username, password=spec.password)


def _options(spec: CameraSpec) -> dict[str, str]:
    """What FFmpeg needs to be told to be prompt, by kind of source."""
    if spec.kind is SourceKind.RTSP:
        return {
            "rtsp_transport": _rtsp_transport(spec.transport),
            "timeout": str(round(spec.read_timeout_s * 1e6)),
            "buffer_size": str(UDP_BUFFER_BYTES),
            "allowed_media_types": "video",
            **FAST_START,
        }
    if spec.kind in {SourceKind.HTTP, SourceKind.STILL}:
        return {"timeout": str(round(spec.read_timeout_s * 1e6)), **FAST_START}
    return {}


def _rtsp_transport(transport: Transport) -> str:
    return "tcp" if transport in {Transport.AUTO, Transport.TLS} else str(transport)


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
            stream = self._container.streams.video[0]
            for packet in whole_pictures(self._container.demux(stream), self.info):
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


class StillSource:
    """Asks for a picture every `poll_s`; each is a keyframe. FFmpeg fetches it: logins and TLS work as for streams."""

    def __init__(self, spec: CameraSpec, *, clock: Clock, wait: Wait) -> None:
        self._spec, self._clock, self._wait = spec, clock, wait
        self._url = spec.url[len(STILL) :]
        self._period_ns = ns(spec.poll_s or spec.interval_s)
        self._due_ns = clock.monotonic_ns()
        packet, self.info = self._fetch()
        self._first: VideoPacket | None = packet

    def read(self) -> Arrival | None:
        """Waits until the next picture is due, in slices of half a second, and fetches it."""
        left_s = (self._due_ns - self._clock.monotonic_ns()) / NS_PER_S
        if left_s > 0 and (self._wait(min(left_s, SLICE_S)) or left_s > SLICE_S):
            return None
        now_ns = self._clock.monotonic_ns()
        self._due_ns = max(self._due_ns + self._period_ns, now_ns)
        packet, self._first = self._first, None
        return Arrival(packet or self._fetch()[0], now_ns)

    def close(self) -> None:
        """Nothing is held open between two pictures."""

    def _fetch(self) -> tuple[VideoPacket, StreamInfo]:
        """One picture, over a connection of its own, under the camera's deadlines. Raises SourceError."""
        with open_container(self._spec, self._url, clock=self._clock) as container:
            info = describe(container, self._spec.shown_url)
            try:
                packet = next(container.demux(container.streams.video[0]))
            except (av.error.FFmpegError, OSError, StopIteration) as error:
                attempt = Attempt(self._spec, self._url, 0.0, self._spec.read_timeout_s)
                raise SourceError(explain_read(error, attempt)) from None
        packet.pts = packet.dts = None
        packet.is_keyframe = True
        return packet, info
