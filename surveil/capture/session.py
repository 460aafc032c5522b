"""The thread of one camera: connects, reads, and when that fails tries again, for ever."""

from __future__ import annotations

import logging
import secrets
from typing import cast

import av.error

from surveil.backoff import Backoff
from surveil.capture.address import SourceKind
from surveil.capture.av_picture import AvPicture
from surveil.capture.buffer import FrameBuffer
from surveil.capture.camera_spec import CameraSpec
from surveil.capture.decode_plan import DecodePlan
from surveil.capture.decoder import (
    Decoded,
    Decoder,
    DecoderFactory,
    FrameMaker,
    Slot,
    revived,
    slot_of,
)
from surveil.capture.ffmpeg_errors import KNOCK_S, EndOfStream
from surveil.capture.packets import StreamPacket
from surveil.capture.sources import Arrival, Opener, Source
from surveil.capture.stream_status import StreamStatus
from surveil.capture.tamper import TamperCheck
from surveil.clock import NS_PER_S, Clock, WallTime, ns
from surveil.errors import SourceError
from surveil.records import CameraState, Frame
from surveil.worker import Worker, WorkerFailed

logger = logging.getLogger(__name__)

MARGIN_S = 5.0
"""Beyond every deadline of a native call, before the thread is taken to be stuck in it."""
KEYFRAME_WAIT_S = 60.0
"""Cameras with "smart" codecs leave up to half a minute between keyframes."""
SETTLED_S = 5.0
"""A connection that held this long is a good one: the wait after its end starts small again."""
LOOKUP_S = 40.0
"""What the C library takes to give a name up when no DNS server answers; FFmpeg asks once, and the explanation of its
failure once more."""
ASKED = {SourceKind.FILE, SourceKind.STILL}
"""Sources that Surveil asks, rather than being sent: their silence is no stall."""


class CaptureWorker(Worker):
    """Named `cap-<camera>`. What a camera or its library does wrong becomes the camera's status, and is tried again."""

    def __init__(
        self,
        spec: CameraSpec,
        ring: FrameBuffer,
        *,
        clock: Clock,
        wall: WallTime,
        opener: Opener,
        stream_status: StreamStatus,
        backoff: Backoff | None = None,
        pictures: bool = True,
        on_failure: WorkerFailed | None = None,
    ) -> None:
        """With `pictures=False` packets are kept, and nothing is decoded."""
        super().__init__(f"cap-{spec.camera_id}", clock=clock, on_failure=on_failure)
        self.spec = spec
        self.stream_status = stream_status
        self.allowed_s = MARGIN_S
        """How long the present step may take before the thread counts as stuck."""
        self._ring, self._wall, self._opener = ring, wall, opener
        self._decoders = DecoderFactory(spec.camera_id, spec.hwaccel) if pictures else None
        self._backoff = backoff or Backoff()
        self._current: Run | None = None
        self._tamper_check = TamperCheck(spec.detect_frozen_s)
        self._seen = False
        self._try_at_ns = self._connected_ns = self._arrived_ns = self._shown_ns = 0
        self._broken_seen = 0
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
        except Exception as error:  # one camera must never end the other sixty-three
            logger.exception("camera %s: fault in its thread", self.spec.camera_id)
            self._lose(SourceError(f"unexpected {type(error).__name__}; see the log"))

    def finish(self) -> None:
        self._disconnect()

    def decode_all_for(self, for_s: float) -> None:
        """Decode every frame for so long. Any thread."""
        until_ns = self._clock.monotonic_ns() + ns(for_s)
        self._detail_until_ns = max(self._detail_until_ns, until_ns)

    def silent_s(self) -> float | None:
        """Seconds since the last packet of a source that sends by itself; None where there is none. Any thread."""
        if self._current is None or self.spec.kind in ASKED:
            return None
        return (self._clock.monotonic_ns() - self._arrived_ns) / NS_PER_S

    def _waited(self) -> bool:
        left_s = (self._try_at_ns - self._clock.monotonic_ns()) / NS_PER_S
        return left_s <= 0 or not (self.wait(min(left_s, 1.0)) or left_s > 1.0)

    def _connect(self) -> None:
        spec = self.spec
        self.allowed_s = _connecting_s(spec)
        source = self._opener(spec, spec.url, clock=self._clock, wait=self.wait)
        self.allowed_s = _reading_s(spec)
        try:
            decoder = self._decoders.decoder(source.info) if self._decoders else None
        except (av.error.FFmpegError, ValueError, LookupError) as error:
            source.close()
            raise SourceError(f"cannot decode {source.info.codec}: {error}") from None
        self._current = Run(spec, source, ring=self._ring, wall=self._wall, decoder=decoder)
        self._connected_ns = self._arrived_ns = self._shown_ns = self._clock.monotonic_ns()
        self._seen, self._broken_seen = False, 0

    def _read(self, run: Run) -> None:
        arrival = run.source.read()
        now_ns = self._clock.monotonic_ns()
        if arrival is not None and not self.stopping:
            self._arrived_ns = now_ns
            self.stream_status.arrived(arrival.mono_ns)
            frames = run.take(arrival, detail=now_ns < self._detail_until_ns)
            for frame in frames:
                self._ring.put(frame)
            if frames or (run.decoder is None and run.has_begun):
                self._look_at(frames[-1] if frames else None, run, now_ns)
        self._check(run, now_ns)

    def _look_at(self, frame: Frame | None, run: Run, now_ns: int) -> None:
        """Something came of the connection."""
        self._shown_ns, self._broken_seen = now_ns, run.broken_total
        if not self._seen:
            self._seen = True
            self.stream_status.connected()
        if now_ns - self._connected_ns > ns(SETTLED_S):
            self._backoff.reset()
        if frame is not None:
            self.stream_status.sized(frame.width_px, frame.height_px)
            picture = cast(AvPicture, frame.picture)
            wrong = self._tamper_check.verdict(picture, frame.captured_mono_ns)
            self.stream_status.set_state(
                CameraState.DEGRADED if wrong else CameraState.ONLINE, wrong
            )

    def _check(self, run: Run, now_ns: int) -> None:
        """Ends a connection of which nothing comes, though it stands."""
        stall_s = self.spec.stall_timeout_s
        silent_s = (now_ns - self._arrived_ns) / NS_PER_S
        if self.spec.kind not in ASKED and silent_s > stall_s:
            raise SourceError(f"stalled: no frame for {stall_s:g} s, though the connection stands")
        blind_s = (now_ns - self._shown_ns) / NS_PER_S
        if run.broken_total > self._broken_seen and blind_s > stall_s:
            raise SourceError(
                f"damaged stream: no picture could be decoded for {stall_s:g} s; "
                "is the network losing packets? try `transport: tcp`"
            )
        if not run.has_begun and blind_s > KEYFRAME_WAIT_S:
            raise SourceError(f"no keyframe within {KEYFRAME_WAIT_S:g} s; set a shorter interval")

    def _lose(self, error: SourceError) -> None:
        """The connection is over, or there was none."""
        self._disconnect()
        if self.stopping:
            return
        self.stream_status.failed(str(error))
        played_out = isinstance(error, EndOfStream) and self.spec.kind is SourceKind.FILE
        wait_ns = 1 << 62 if played_out else ns(self._backoff.next_s())
        self._try_at_ns = self._clock.monotonic_ns() + wait_ns

    def _disconnect(self) -> None:
        run, self._current = self._current, None
        if run is not None:
            run.source.close()


def _connecting_s(spec: CameraSpec) -> float:
    """How long an attempt to connect may take without being stuck."""
    limits_s = 2 * spec.open_timeout_s + spec.read_timeout_s + KNOCK_S + MARGIN_S
    is_local = spec.kind in {SourceKind.FILE, SourceKind.V4L2}
    return limits_s if is_local else limits_s + 2 * LOOKUP_S


def _reading_s(spec: CameraSpec) -> float:
    """How long one packet may take, with the closing of a connection that broke."""
    if spec.kind is SourceKind.STILL:
        return _connecting_s(spec)
    return spec.read_timeout_s + spec.open_timeout_s + MARGIN_S


NEVER_KEPT = {"rawvideo"}
"""Uncompressed pictures are as large as decoded ones; the ring has those."""


class Run:
    """Used by one capture thread. `put` takes the frames; the ring takes the packets."""

    def __init__(
        self,
        spec: CameraSpec,
        source: Source,
        *,
        ring: FrameBuffer,
        wall: WallTime,
        decoder: Decoder | None,
    ) -> None:
        """Without a decoder packets are kept and no frames made."""
        self.run_id = secrets.token_hex(6)
        self.plan = DecodePlan(spec.decode, spec.interval_s)
        self.source = source
        self.decoder = decoder
        self._camera_id = spec.camera_id
        self._ring, self._wall = ring, wall
        self._maker = FrameMaker(spec)
        self._seq = -1
        self._shown_seq = -1
        self._decoding_all = False

    def take(self, arrival: Arrival, *, detail: bool) -> list[Frame]:
        """The frames that an arrival makes ready. Packets before the first keyframe are of no use to anyone."""
        packet = arrival.packet
        if self._seq < 0 and not packet.is_keyframe:
            return []
        self._seq += 1
        self.plan.meter.saw(arrival.mono_ns, is_key=packet.is_keyframe)
        unix_ms = self._wall.unix_ms_at(arrival.mono_ns)
        slot = Slot(self.run_id, self._seq, arrival.mono_ns, unix_ms)
        decoded = self._decoded(self.decoder, arrival, slot, detail) if self.decoder else []
        self._keep(arrival, slot)
        return [self._maker.frame(one) for one in decoded if self._is_news(one)]

    @property
    def broken_total(self) -> int:
        """Packets and pictures of this connection that were damaged."""
        return self.decoder.broken_total if self.decoder else 0

    @property
    def has_begun(self) -> bool:
        """A keyframe has come."""
        return self._seq >= 0

    def _decoded(
        self, decoder: Decoder, arrival: Arrival, slot: Slot, detail: bool
    ) -> list[Decoded]:
        packet = arrival.packet
        if self.plan.all_wanted(arrival.mono_ns, detail=detail):
            decoded = [] if self._decoding_all or packet.is_keyframe else self._caught_up(decoder)
            self._decoding_all = True
            return decoded + decoder.feed(packet, slot)
        decoded = decoder.drain() if self._decoding_all else []
        self._decoding_all = False
        if packet.is_keyframe and self.plan.key_wanted(arrival.mono_ns):
            decoded += decoder.alone(packet, slot)
        return decoded

    def _caught_up(self, decoder: Decoder) -> list[Decoded]:
        """Feeds what came since the last keyframe; those frames were not decoded before, so they are news too."""
        decoded: list[Decoded] = []
        for packet in self._ring.last_gop(self._camera_id):
            if packet.run_id == self.run_id:
                decoded += decoder.feed(revived(packet), slot_of(packet))
        return decoded

    def _keep(self, arrival: Arrival, slot: Slot) -> None:
        packet, info = arrival.packet, self.source.info
        if info.codec in NEVER_KEPT:
            return
        self._ring.put_packet(
            StreamPacket(
                camera_id=self._camera_id,
                run_id=slot.run_id,
                seq=slot.seq,
                captured_mono_ns=slot.mono_ns,
                captured_unix_ms=slot.unix_ms,
                pts=packet.pts,
                dts=packet.dts,
                is_key=packet.is_keyframe,
                data=bytes(packet),
                stream=info,
            )
        )

    def _is_news(self, decoded: Decoded) -> bool:
        if decoded.slot.seq <= self._shown_seq:
            return False
        self._shown_seq = decoded.slot.seq
        return True
