"""Sources: where packets come from. Opened, read and closed by one capture thread."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol, TypeAlias

import av
import av.error
import av.logging

from surveil.capture.address import SourceKind, path_of, redact_url, with_credentials
from surveil.capture.packet import StreamInfo
from surveil.capture.reasons import Attempt, EndOfStream, explain_open, explain_read
from surveil.capture.spec import CameraSpec, Transport
from surveil.clock import NS_PER_S, Clock
from surveil.errors import SourceError

av.logging.set_level(None)  # FFmpeg's own log would print URLs with their passwords

FAST_START = {"fpsprobesize": "0"}
"""Without it FFmpeg watches 20 frames to learn a rate that nobody asks for: 1.1 s to open a 25 fps camera, not 0.3."""
UDP_BUFFER_BYTES = 4 << 20
"""A keyframe arrives in one burst; the usual 208 KiB lose part of it. The kernel cuts this to its own limit."""

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
        from surveil.capture.files import FileSource

        return FileSource(spec, clock=clock, wait=wait)
    if spec.kind is SourceKind.STILL:
        from surveil.capture.stills import StillSource

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
        self._packets = self._container.demux(self._container.streams.video[0])

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
