"""Opens a camera as the daemon would, watches it for a while, and says what was found."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import numpy as np

from surveil.capture.camera_spec import CameraSpec, SourceKind
from surveil.capture.decoder import Decoder, FrameMaker, GopMeter, Slot
from surveil.capture.sources import Source, VideoPacket, open_source
from surveil.clock import NS_PER_S, SystemClock, ns
from surveil.errors import SourceError
from surveil.records import Frame

SETTLING_S = 1.0
"""Of the beginning, that tells nothing of the camera's clock: what FFmpeg had buffered comes in one burst."""
KEYFRAMES_TIMED = 10


@dataclass(frozen=True, slots=True)
class Drift:
    """How much faster the camera's clock runs than this machine's."""

    ppm: float
    error_ppm: float
    """Two standard errors."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What one probe saw. Holds no address."""

    codec: str
    width_px: int
    height_px: int
    transport: str
    opened_s: float
    first_frame_s: float
    """From the first attempt to the first picture."""
    watched_s: float
    """From the first picture to the last."""
    frames: int
    fps: float | None
    """By the stream's own clock where it has one: what was buffered at the start comes in a burst. None, like
    `bitrate_bps`, where only one picture came: a rate needs two."""
    nominal_fps: float | None
    bitrate_bps: float | None
    gop_s: float | None
    gop_frames: int | None
    drift: Drift | None
    key_ms: float
    """CPU time to decode a keyframe alone."""
    frame_ms: float
    """CPU time to decode a frame, when all are."""
    broken_total: int
    still: Frame

    @property
    def cores_keyframes(self) -> float | None:
        return None if not self.gop_s else self.key_ms / 1000 / self.gop_s

    @property
    def cores_all(self) -> float | None:
        return None if self.fps is None else self.frame_ms / 1000 * self.fps


class _Watch:
    """Collects while packets come."""

    def __init__(self, spec: CameraSpec, source: Source) -> None:
        self.meter = GopMeter()
        self.decoder = Decoder(source.info)
        self.first_ns: int | None = None
        self.still: Frame | None = None
        self.nbytes = 0
        """Of all packets but the last, which lasts beyond the time that was watched."""
        self._last_nbytes = 0
        self.arrivals_ns: list[int] = []
        self.clocks: list[tuple[float, float]] = []
        """(seconds on this machine, seconds in the stream)."""
        self.keys: list[VideoPacket] = []
        self.decoding_s = 0.0
        self._maker = FrameMaker(spec)
        self._unit_s = float(source.info.time_base)

    def take(self, packet: VideoPacket, mono_ns: int) -> None:
        if not self.arrivals_ns and not packet.is_keyframe:
            return
        self.arrivals_ns.append(mono_ns)
        self.nbytes += self._last_nbytes
        self._last_nbytes = packet.size
        self.meter.saw(mono_ns, is_key=packet.is_keyframe)
        if packet.pts is not None:
            self.clocks.append((mono_ns / NS_PER_S, packet.pts * self._unit_s))
        if packet.is_keyframe and len(self.keys) < KEYFRAMES_TIMED:
            self.keys.append(packet)
        slot = Slot("probe", len(self.arrivals_ns), mono_ns, 0)
        before_s = time.thread_time()
        decoded = self.decoder.feed(packet, slot)
        self.decoding_s += time.thread_time() - before_s
        if decoded:
            self.first_ns = self.first_ns or time.monotonic_ns()
            self.still = self._maker.frame(decoded[-1])


def probe(spec: CameraSpec, *, seconds: float) -> Findings:
    """Blocks for about `seconds` and the time it takes to connect. Raises SourceError."""
    clock = SystemClock()
    began_ns = clock.monotonic_ns()
    pause = threading.Event()
    source = open_source(spec, spec.url, clock=clock, wait=pause.wait)
    opened_ns = clock.monotonic_ns()
    try:
        watch = _Watch(spec, source)
        end_ns = opened_ns + ns(seconds)
        while clock.monotonic_ns() < end_ns:
            if arrival := source.read():
                watch.take(arrival.packet, arrival.mono_ns)
    finally:
        source.close()
    if watch.still is None or watch.first_ns is None:
        raise SourceError(
            f"{spec.shown_url} was open for {seconds:g} s but gave no picture; "
            "is its keyframe interval longer? try --seconds 60"
        )
    watched_s = span_s(watch.arrivals_ns, watch.clocks)
    return Findings(
        codec=source.info.codec,
        width_px=watch.still.width_px,
        height_px=watch.still.height_px,
        transport=_transport(spec, source),
        opened_s=(opened_ns - began_ns) / NS_PER_S,
        first_frame_s=(watch.first_ns - began_ns) / NS_PER_S,
        nominal_fps=source.info.nominal_fps,
        gop_s=watch.meter.gop_s,
        gop_frames=watch.meter.gop_packets,
        drift=None if spec.kind is SourceKind.FILE else drift_of(watch.clocks),
        key_ms=_key_ms(watch.keys, source),
        frame_ms=1000 * watch.decoding_s / len(watch.arrivals_ns),
        broken_total=watch.decoder.broken_total,
        still=watch.still,
        frames=len(watch.arrivals_ns),
        watched_s=watched_s,
        fps=(len(watch.arrivals_ns) - 1) / watched_s if watched_s else None,
        bitrate_bps=8 * watch.nbytes / watched_s if watched_s else None,
    )


def drift_of(clocks: list[tuple[float, float]]) -> Drift | None:
    """From (seconds here, seconds in the stream): least squares, with its error. None where too little is known."""
    if not clocks:
        return None
    here, stream = np.array(clocks).T
    settled = here > here[0] + SETTLING_S
    here, stream = here[settled], stream[settled]
    if len(here) < 10:
        return None
    slope, offset = np.polyfit(here - here[0], stream - stream[0], 1)
    residual = stream - stream[0] - slope * (here - here[0]) - offset
    spread = float(((here - here.mean()) ** 2).sum())
    error = float(np.sqrt((residual**2).sum() / (len(here) - 2) / spread))
    return Drift(ppm=(float(slope) - 1.0) * 1e6, error_ppm=2e6 * error)


def span_s(arrivals_ns: list[int], clocks: list[tuple[float, float]]) -> float:
    """From the first packet to the last, 0 where that is the same one; by the stream's clock, unless that jumped.

    That it is ahead by what had been buffered, which came in a burst, is no jump. `clocks`: as `drift_of` takes them.
    """
    if len(arrivals_ns) < 2:
        return 0.0
    arrived_s = (arrivals_ns[-1] - arrivals_ns[0]) / NS_PER_S
    times = [stream_s for _, stream_s in clocks]
    stream_s = max(times, default=0.0) - min(times, default=0.0)
    steady = 0.5 * arrived_s < stream_s < 2.0 * arrived_s + SETTLING_S
    return max(1e-3, stream_s if steady else arrived_s)


def _transport(spec: CameraSpec, source: Source) -> str:
    return getattr(source, "transport", None) or spec.kind.value


def _key_ms(keys: list[VideoPacket], source: Source) -> float:
    decoder = Decoder(source.info)
    before_s = time.thread_time()
    for number, packet in enumerate(keys):
        decoder.alone(packet, Slot("probe", number, 0, 0))
    return 1000 * (time.thread_time() - before_s) / len(keys)
