"""The thread of one camera: connects, reads, and when that fails tries again, for ever.

Top to bottom one connection's life: open, read, keep and decode, put, judge, lose.
"""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass
from typing import cast

import av.error

from surveil.capture.av_picture import AvPicture
from surveil.capture.buffer import FrameBuffer, Lease, StreamPacket
from surveil.capture.camera_spec import CameraSpec, SourceKind
from surveil.capture.decoder import (
    KEYFRAME_WAIT_S,
    Decoded,
    DecodePlan,
    Decoder,
    DecoderFactory,
    FrameMaker,
    Slot,
    revived,
    slot_of,
)
from surveil.capture.ffmpeg_errors import KNOCK_S, EndOfStream
from surveil.capture.sources import Arrival, Opener, Source
from surveil.capture.stream_status import POLLED, StreamStatus, TamperCheck
from surveil.clock import NS_PER_S, Backoff, Clock, WallTime, ns
from surveil.errors import SourceError
from surveil.records import Frame
from surveil.worker import Worker, WorkerFailed

logger = logging.getLogger(__name__)

MARGIN_S = 5.0
"""Beyond every deadline of a native call, before the thread is taken to be stuck in it."""
SETTLED_S = 5.0
"""A connection that held this long is a good one: the wait after its end starts small again."""
LOOKUP_S = 40.0
"""What the C library takes to give a name up when no DNS server answers; FFmpeg asks once, and the explanation of its
failure once more."""
THUMBNAIL_EVERY_S = 0.25
"""Thumbnails are made here, where sixty-four cameras are sixty-four threads. One for each of 25 frames a second would
cost a twelfth of decoding them all; the scheduler makes those that it finds missing."""
NEVER_KEPT = {"rawvideo"}
"""Uncompressed pictures are as large as decoded ones; the buffer has those."""


@dataclass(slots=True)
class _Connection:
    """What is known of the connection that stands."""

    run_id: str
    source: Source
    decoder: Decoder | None
    plan: DecodePlan
    opened_ns: int
    arrived_ns: int
    """Of its last packet; of its opening, before the first."""
    shown_ns: int
    """When a picture last came of it; of its opening, before the first."""
    is_barren: bool = True
    """Nothing has come of what was decoded since, or nothing has come at all."""
    seq: int = -1
    """Number of its last packet; -1 before the first keyframe."""
    shown_seq: int = -1
    """Number of the last frame: later ones are news."""
    decoding_all: bool = False
    broken_at_shown: int = 0
    """What had been damaged when a picture last came."""

    @property
    def broken_total(self) -> int:
        """Packets and pictures of this connection that were damaged."""
        return self.decoder.broken_total if self.decoder else 0

    @property
    def has_begun(self) -> bool:
        """A keyframe has come."""
        return self.seq >= 0


DISTRUST = (
    "camera %s: its keyframes alone give no picture, as with intra refresh; all is decoded, which "
    "costs more: set it to plain H.264"
)


class _Blind(SourceError):
    """Packets came, and no picture of them."""


class Session(Worker):
    """Named `cap-<camera>`. What a camera or its library does wrong becomes the camera's status, and is tried again."""

    def __init__(
        self,
        spec: CameraSpec,
        buffer: FrameBuffer,
        *,
        lease: Lease,
        clock: Clock,
        wall: WallTime,
        opener: Opener,
        stream_status: StreamStatus,
        backoff: Backoff | None = None,
        pictures: bool = True,
        on_failure: WorkerFailed | None = None,
    ) -> None:
        """With `pictures=False` packets are kept, and nothing is decoded. Once the lease has ended the session still
        reads, until it is told to stop, but nothing of it reaches the buffer."""
        super().__init__(f"cap-{spec.camera_id}", clock=clock, on_failure=on_failure)
        self.spec = spec
        self.stream_status = stream_status
        self.allowed_s = MARGIN_S
        """How long the present step may take before the thread counts as stuck."""
        self._buffer, self._lease = buffer, lease
        self._wall, self._opener = wall, opener
        self._decoders = DecoderFactory(spec.camera_id, spec.hwaccel) if pictures else None
        self._maker = FrameMaker(spec)
        self._tamper_check = TamperCheck(spec.detect_frozen_s)
        self._backoff = backoff or Backoff()
        self._connection: _Connection | None = None
        self._try_at_ns = 0
        self._thumbnail_at_ns = 0
        self._decode_all_until_ns = 0
        self._adopted: CameraSpec | None = None

    def step(self) -> None:
        """One packet, or one attempt to connect, or a second of waiting for the next attempt."""
        try:
            if self._adopted is not None:
                self._take_over(self._adopted)
            if self._connection is not None:
                self._read(self._connection)
            elif self._waited():
                self._open()
        except SourceError as error:
            self._lose(error)
        except Exception as error:  # one camera must never end the other sixty-three
            logger.exception("camera %s: fault in its thread", self.spec.camera_id)
            self._lose(SourceError(f"unexpected {type(error).__name__}; see the log"))

    def finish(self) -> None:
        self._close()

    def decode_all_for(self, for_s: float) -> None:
        """Decode every frame for so long. Any thread."""
        until_ns = self._clock.monotonic_ns() + ns(for_s)
        self._decode_all_until_ns = max(self._decode_all_until_ns, until_ns)

    def adopt(self, spec: CameraSpec) -> None:
        """Go on by this spec, which must not differ in anything that needs another connection. Any thread."""
        self._adopted = spec

    @property
    def gop_s(self) -> float | None:
        """The longest of the last distances between keyframes; None where none is known. Any thread."""
        connection = self._connection
        return None if connection is None else connection.plan.meter.gop_s

    def _take_over(self, spec: CameraSpec) -> None:
        self._adopted = None
        if spec.detect_frozen_s != self.spec.detect_frozen_s:
            self._tamper_check = TamperCheck(spec.detect_frozen_s)
        self.spec = spec
        if self._connection is not None:
            self._connection.plan.adopt(
                spec.decode, spec.interval_s, patience_s=spec.stall_timeout_s / 2
            )

    def _waited(self) -> bool:
        left_s = (self._try_at_ns - self._clock.monotonic_ns()) / NS_PER_S
        return left_s <= 0 or not (self.wait(min(left_s, 1.0)) or left_s > 1.0)

    def _open(self) -> None:
        spec = self.spec
        self.allowed_s = _opening_s(spec)
        self.stream_status.opening()
        source = self._opener(spec, spec.url, clock=self._clock, wait=self.wait)
        if self.stopping:  # left behind long ago: another thread has the camera now
            source.close()
            return
        self.allowed_s = _reading_s(spec)
        try:
            decoder = self._decoders.decoder(source.info) if self._decoders else None
        except (av.error.FFmpegError, ValueError, LookupError) as error:
            source.close()
            raise SourceError(f"cannot decode {source.info.codec}: {error}") from None
        now_ns = self._clock.monotonic_ns()
        self._connection = _Connection(
            run_id=secrets.token_hex(6),
            source=source,
            decoder=decoder,
            plan=DecodePlan(spec.decode, spec.interval_s, patience_s=spec.stall_timeout_s / 2),
            opened_ns=now_ns,
            arrived_ns=now_ns,
            shown_ns=now_ns,
        )
        self.stream_status.opened()

    def _read(self, connection: _Connection) -> None:
        """One packet: numbered, decoded if it is worth it, kept; its frames put into the buffer."""
        arrival = connection.source.read()
        now_ns = self._clock.monotonic_ns()
        if arrival is not None and not self.stopping:
            connection.arrived_ns = now_ns
            self.stream_status.arrived(arrival.mono_ns)
            frames = self._frames_of(connection, arrival, now_ns)
            for frame in frames:
                self._put(frame)
            if frames or (connection.decoder is None and connection.has_begun):
                self._came_through(connection, frames[-1] if frames else None, now_ns)
        self._judge(connection, now_ns)

    def _frames_of(self, connection: _Connection, arrival: Arrival, now_ns: int) -> list[Frame]:
        """What an arrival makes ready. Packets before the first keyframe are of no use to anyone."""
        packet = arrival.packet
        if not connection.has_begun and not packet.is_keyframe:
            return []
        connection.seq += 1
        connection.plan.meter.saw(arrival.mono_ns, is_key=packet.is_keyframe)
        unix_ms = self._wall.unix_ms_at(arrival.mono_ns)
        slot = Slot(connection.run_id, connection.seq, arrival.mono_ns, unix_ms)
        decoded = self._decoded(connection, arrival, slot, now_ns)
        self._keep(connection, arrival, slot)  # after decoding: what is caught up ends before it
        return [self._maker.frame(one) for one in decoded if _is_news(connection, one)]

    def _decoded(
        self, connection: _Connection, arrival: Arrival, slot: Slot, now_ns: int
    ) -> list[Decoded]:
        decoder, packet = connection.decoder, arrival.packet
        if decoder is None:
            return []
        was_decoding_all = connection.decoding_all
        detail = now_ns < self._decode_all_until_ns
        plan = connection.plan
        did_trust = not plan.distrusts_keys
        connection.decoding_all = plan.all_wanted(arrival.mono_ns, detail=detail)
        if did_trust and plan.distrusts_keys:
            logger.warning(DISTRUST, self.spec.camera_id)
        if connection.decoding_all:
            joins = not (was_decoding_all or packet.is_keyframe)
            caught_up = self._caught_up(connection, decoder) if joins else []
            decoded = caught_up + decoder.feed(packet, slot)
            plan.all_gave(sum(one.picture.key_frame for one in decoded))
            self._tried(connection)
            return decoded
        decoded = decoder.drain() if was_decoding_all else []
        if packet.is_keyframe and plan.key_wanted(arrival.mono_ns):
            alone = decoder.alone(packet, slot)
            plan.key_gave(arrival.mono_ns, picture=bool(alone))
            self._tried(connection)
            decoded += alone
        return decoded

    def _tried(self, connection: _Connection) -> None:
        connection.is_barren = True
        self.stream_status.tried()

    def _caught_up(self, connection: _Connection, decoder: Decoder) -> list[Decoded]:
        """Feeds what came since the last keyframe; those frames were not decoded before, so they are news too."""
        decoded: list[Decoded] = []
        for packet in self._buffer.last_gop(self.spec.camera_id):
            if packet.run_id == connection.run_id:
                decoded += decoder.feed(revived(packet), slot_of(packet))
        return decoded

    def _keep(self, connection: _Connection, arrival: Arrival, slot: Slot) -> None:
        packet, info = arrival.packet, connection.source.info
        if info.codec in NEVER_KEPT:
            return
        stored = StreamPacket(
            camera_id=self.spec.camera_id,
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
        self._buffer.put_packet(stored, self._lease)

    def _put(self, frame: Frame) -> None:
        if frame.captured_mono_ns >= self._thumbnail_at_ns:
            self._thumbnail_at_ns = frame.captured_mono_ns + ns(THUMBNAIL_EVERY_S)
            frame.thumbnail()
        self._buffer.put(frame, self._lease)

    def _came_through(self, connection: _Connection, frame: Frame | None, now_ns: int) -> None:
        """Something came of the connection: it is alive."""
        connection.shown_ns, connection.broken_at_shown = now_ns, connection.broken_total
        connection.is_barren = False
        if now_ns - connection.opened_ns > ns(SETTLED_S):
            self._backoff.reset()
        if frame is None:
            self.stream_status.shown()
            return
        picture = cast(AvPicture, frame.picture)
        wrong = self._tamper_check.verdict(picture, frame.captured_mono_ns)
        self.stream_status.shown((frame.width_px, frame.height_px), wrong=wrong)

    def _judge(self, connection: _Connection, now_ns: int) -> None:
        """Ends a connection of which nothing comes, though it stands."""
        stall_s = self.spec.stall_timeout_s
        silent_s = (now_ns - connection.arrived_ns) / NS_PER_S
        if self.spec.kind not in POLLED and silent_s > stall_s:
            raise SourceError(f"stalled: no frame for {stall_s:g} s, though the connection stands")
        blind_s = (now_ns - connection.shown_ns) / NS_PER_S
        if connection.broken_total > connection.broken_at_shown and blind_s > stall_s:
            hint = "what it sends is broken or cut short; restart the camera"
            if self.spec.kind is SourceKind.RTSP:
                hint = "is the network losing packets? try `transport: tcp`"
            raise _Blind(f"damaged stream: no picture could be decoded for {stall_s:g} s; {hint}")
        if self.spec.kind in POLLED or not connection.is_barren or blind_s <= KEYFRAME_WAIT_S:
            return
        if not connection.has_begun:
            raise _Blind(f"no keyframe within {KEYFRAME_WAIT_S:g} s; set a shorter interval")
        raise _Blind(f"no picture could be decoded for {KEYFRAME_WAIT_S:g} s; set plain H.264")

    def _lose(self, error: SourceError) -> None:
        """The connection is over, or there was none."""
        self._close()
        if self.stopping:
            return
        self.stream_status.failed(str(error), blind=isinstance(error, _Blind))
        played_out = isinstance(error, EndOfStream) and self.spec.kind is SourceKind.FILE
        wait_ns = 1 << 62 if played_out else ns(self._backoff.next_s())
        self._try_at_ns = self._clock.monotonic_ns() + wait_ns

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.source.close()


def _is_news(connection: _Connection, decoded: Decoded) -> bool:
    if decoded.slot.seq <= connection.shown_seq:
        return False
    connection.shown_seq = decoded.slot.seq
    return True


def _opening_s(spec: CameraSpec) -> float:
    """How long an attempt to connect may take without being stuck."""
    limits_s = 2 * spec.open_timeout_s + spec.read_timeout_s + KNOCK_S + MARGIN_S
    is_local = spec.kind in {SourceKind.FILE, SourceKind.V4L2}
    return limits_s if is_local else limits_s + 2 * LOOKUP_S


def _reading_s(spec: CameraSpec) -> float:
    """How long one packet may take, with the closing of a connection that broke."""
    if spec.kind is SourceKind.STILL:
        return _opening_s(spec)
    return spec.read_timeout_s + spec.open_timeout_s + MARGIN_S
