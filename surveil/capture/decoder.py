"""Packets -> frames, in the order of showing, each with the number and time of one that arrived.

`DecodePlan` says which packets are worth it, `DecoderFactory` whether hardware does it.
"""

from __future__ import annotations

import logging
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import cast

import av
import av.error
from av.codec.hwaccel import HWAccel, hwdevices_available

from surveil.capture.av_picture import AvPicture, Mask
from surveil.capture.buffer import StreamInfo, StreamPacket
from surveil.capture.camera_spec import CameraSpec, DecodeMode
from surveil.capture.sources import VideoPacket
from surveil.clock import NS_PER_S, ns
from surveil.records import Frame

MEASURED = 3
"""Distances that are remembered; the longest counts."""
TOLERANCE = 1.25
"""A keyframe a second is often enough for a sample a second, though packets come a little unevenly."""
PICTURES_PER_INTERVAL = 6
"""Where every packet is a keyframe (MJPEG), this many an interval are decoded: a sample is at most a sixth of the
interval old, and a 25 fps camera sampled every 5 s costs one picture in 21."""

KEYFRAME_WAIT_S = 60.0
"""Cameras with "smart" codecs leave up to half a minute between keyframes."""
MOST_BARREN = 3
"""Keyframes without a picture, one after the other, before all packets are decoded; and, later, keyframes that gave
one, before they are trusted again. One that is lost on the way, or damaged, means nothing."""
MAX_GAP_S = 2.0
"""However rare the samples, the picture that is there when one is asked for is no older than this, and a group."""


class GopMeter:
    """Distance of keyframes, measured on their times of arrival."""

    def __init__(self) -> None:
        self.gop_s: float | None = None
        """The longest of the last three distances; None before the second keyframe. Any thread may read it."""
        self._gaps_ns: deque[int] = deque(maxlen=MEASURED)
        self._last_key_ns: int | None = None
        self._packets = 0
        self._gop_packets = 0

    def saw(self, mono_ns: int, *, is_key: bool) -> None:
        """Every packet in order of arrival."""
        self._packets += 1
        if not is_key:
            return
        if self._last_key_ns is not None:
            self._gaps_ns.append(mono_ns - self._last_key_ns)
            self.gop_s = max(self._gaps_ns) / NS_PER_S
            self._gop_packets = self._packets
        self._last_key_ns, self._packets = mono_ns, 0

    @property
    def gop_packets(self) -> int | None:
        """Packets from the last keyframe but one to the last; 1 where every packet is one."""
        return self._gop_packets or None

    def worst_s(self, mono_ns: int) -> float:
        """`gop_s`, or the time since the last keyframe if that is longer already; 0 before the first."""
        waited_ns = 0 if self._last_key_ns is None else mono_ns - self._last_key_ns
        return max(self.gop_s or 0.0, waited_ns / NS_PER_S)


class DecodePlan:
    """Decides for one connection which packets are decoded.

    What is marked as a keyframe need not be a picture: H.264 with intra refresh marks where a refresh begins, and a
    decoder that is given that alone shows nothing, for ever. Keyframes that give nothing are therefore not believed.
    """

    def __init__(self, mode: DecodeMode, interval_s: float, *, patience_s: float = 5.0) -> None:
        """`patience_s`: how long keyframes may give no picture, however few they are."""
        self.meter = GopMeter()
        self.distrusts_keys = False
        """Keyframes alone gave no picture, so everything is decoded."""
        self._last_key_ns: int | None = None
        self._barren = 0
        self._barren_since_ns = 0
        self._sound_keys = 0
        self.adopt(mode, interval_s, patience_s=patience_s)

    def adopt(self, mode: DecodeMode, interval_s: float, *, patience_s: float) -> None:
        """What the operator wants from now on."""
        self._mode = mode
        self._most_gap_s = KEYFRAME_WAIT_S
        if mode == DecodeMode.AUTO:
            self._most_gap_s = min(TOLERANCE * interval_s, KEYFRAME_WAIT_S)
        self._min_gap_ns = ns(min(interval_s / PICTURES_PER_INTERVAL, MAX_GAP_S))
        self._patience_ns = ns(patience_s)

    def all_wanted(self, mono_ns: int, *, detail: bool) -> bool:
        """True when every frame is to be decoded: asked for, or because keyframes are too rare or give nothing.

        A new stream is given the benefit of the doubt: sixty-four cameras that start together must not all be decoded
        in full until each is known.
        """
        is_overdue = self._barren and mono_ns - self._barren_since_ns > self._patience_ns
        if self._barren >= MOST_BARREN or is_overdue:
            self.distrusts_keys = True
        if detail or self._mode == DecodeMode.ALL or self.distrusts_keys:
            return True
        return self.meter.worst_s(mono_ns) > self._most_gap_s

    def key_gave(self, mono_ns: int, *, picture: bool) -> None:
        """What a keyframe that was decoded alone has come to."""
        if picture:
            self._barren = 0
            return
        if not self._barren:
            self._barren_since_ns = mono_ns
        self._barren += 1

    def all_gave(self, keys: int) -> None:
        """So many true keyframes came out whole while everything was decoded; after enough of them they are trusted."""
        self._sound_keys += keys
        if self._sound_keys >= MOST_BARREN:
            self.distrusts_keys = False
            self._barren = self._sound_keys = 0

    def key_wanted(self, mono_ns: int) -> bool:
        """Whether this keyframe is to be decoded in keyframes mode; those in quick succession are not."""
        if self._last_key_ns is not None and mono_ns - self._last_key_ns < self._min_gap_ns:
            return False
        self._last_key_ns = mono_ns
        return True


logger = logging.getLogger(__name__)

WRAPPED = {"v4l2m2m", "rkmpp", "cuvid"}
"""Hardware that FFmpeg knows as decoders of their own, not as accelerators of the usual ones."""
CHECKED = {"mjpeg", "png"}
"""Codecs in which every picture stands alone. FFmpeg fills what it cannot read of one with grey and calls it sound, so
it is told not to: measured, all of 100 JPEGs that were cut short, and four in five with twenty bits turned, are then
refused. A video stream is another thing: there the next pictures mend what one has lost."""
MOST_IN_FLIGHT = 64
"""More packets than any decoder holds back (H.264 and H.265 allow 16); beyond it they are lost."""


@dataclass(frozen=True, slots=True)
class Slot:
    """Number and time of a packet."""

    run_id: str
    seq: int
    mono_ns: int
    unix_ms: int


class Order:
    """Hands slots out in order of arrival to pictures that come in order of showing.

    With B-frames the two differ, and a picture that kept its own packet's number would run backwards. The n-th picture
    shown gets the n-th slot; slots of pictures that never came out are left out.
    """

    def __init__(self) -> None:
        self._slots: deque[Slot] = deque()
        self._pts: list[int] = []

    def sent(self, pts: int | None, slot: Slot) -> None:
        """A packet went into the decoder."""
        self._slots.append(slot)
        insort(self._pts, pts if pts is not None else (self._pts[-1] + 1 if self._pts else 0))
        if len(self._slots) > MOST_IN_FLIGHT:
            self._take(0)

    def came(self, pts: int | None) -> Slot | None:
        """The slot of a picture that came out; None for one too many."""
        if not self._slots:
            return None
        index = bisect_left(self._pts, pts) if pts is not None else 0
        known = index < len(self._pts) and self._pts[index] == pts
        return self._take(index if known else 0)

    def forget(self) -> None:
        """Nothing that was sent will come out any more."""
        self._slots.clear()
        self._pts.clear()

    def _take(self, index: int) -> Slot:
        del self._pts[: index + 1]
        for _ in range(index):
            self._slots.popleft()
        return self._slots.popleft()


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """A picture and the slot it fills."""

    slot: Slot
    pts_s: float | None
    picture: av.VideoFrame


class Decoder:
    """One stream's decoder, on one CPU thread; used by one thread at a time. Never raises for what a camera sends."""

    def __init__(
        self, info: StreamInfo, *, hwaccel: HWAccel | None = None, at_once: bool = False
    ) -> None:
        """`hwaccel` is tried; see `is_hardware` for whether it is used. With `at_once` the decoder is opened now, not
        at the first packet. Raises FFmpegError or ValueError."""
        self._context = _make_context(info, hwaccel)
        if at_once:
            self._context.open()
        self._unit_s = info.time_base
        self._stands_alone = info.codec in CHECKED
        self._order = Order()
        self.broken_total = 0
        """Packets and pictures that were thrown away because they were damaged."""

    @property
    def is_hardware(self) -> bool:
        """Whether the accelerator that was asked for takes this stream."""
        return self._context.is_hwaccel

    def feed(self, packet: VideoPacket, slot: Slot) -> list[Decoded]:
        """The next packet in order of arrival; the first must be a keyframe. Pictures may come out later."""
        self._order.sent(packet.pts, slot)
        return self._decode(packet)

    def alone(self, packet: VideoPacket, slot: Slot) -> list[Decoded]:
        """A keyframe without what follows: its picture comes out at once, and nothing is remembered."""
        pts_s = self._seconds(packet.pts)  # a drained decoder has forgotten it
        decoded = self.feed(packet, slot) + self.drain()
        return [replace(one, pts_s=pts_s) for one in decoded]

    def drain(self) -> list[Decoded]:
        """What is still inside; afterwards the decoder waits for a keyframe."""
        decoded = self._decode(None)
        self._context.flush_buffers()
        self._order.forget()
        return decoded

    def _decode(self, packet: VideoPacket | None) -> list[Decoded]:
        try:
            pictures = self._context.decode(packet)
        except av.error.FFmpegError:
            self.broken_total += 1
            if self._stands_alone:
                self._order.forget()  # else every later picture would get the slot of the one before it
            return []
        slots = [(self._order.came(picture.pts), picture) for picture in pictures]
        return [
            Decoded(slot, self._seconds(picture.pts), picture)
            for slot, picture in slots
            if slot and self._whole(picture)
        ]

    def _seconds(self, pts: int | None) -> float | None:
        return None if pts is None else float(pts * self._unit_s)

    def _whole(self, picture: av.VideoFrame) -> bool:
        self.broken_total += picture.is_corrupt
        return not picture.is_corrupt


class FrameMaker:
    """Makes a camera's frames of what its decoder gives: turned, masked, named."""

    def __init__(self, spec: CameraSpec) -> None:
        self._camera_id = spec.camera_id
        self._rotate = spec.rotate
        self._mask = Mask(spec.mask)

    def frame(self, decoded: Decoded) -> Frame:
        slot, picture = decoded.slot, decoded.picture
        return Frame(
            camera_id=self._camera_id,
            run_id=slot.run_id,
            seq=slot.seq,
            captured_mono_ns=slot.mono_ns,
            captured_unix_ms=slot.unix_ms,
            pts_s=decoded.pts_s,
            is_key=bool(picture.key_frame),
            picture=AvPicture(picture, rotate=self._rotate, mask=self._mask),
        )


def decode_packets(packets: Sequence[StreamPacket], maker: FrameMaker) -> Iterator[Frame]:
    """Frames of stored packets, the first of which is a keyframe, on a decoder of their own."""
    if not packets:
        return
    decoder = Decoder(packets[0].stream)
    for packet in packets:
        for decoded in decoder.feed(revived(packet), slot_of(packet)):
            yield maker.frame(decoded)
    for decoded in decoder.drain():
        yield maker.frame(decoded)


def revived(packet: StreamPacket) -> VideoPacket:
    """Stored bytes as something a decoder takes."""
    alive = cast(VideoPacket, av.Packet(packet.data))
    alive.pts, alive.dts = packet.pts, packet.dts
    alive.time_base = packet.stream.time_base
    alive.is_keyframe = packet.is_key
    return alive


def slot_of(packet: StreamPacket) -> Slot:
    return Slot(packet.run_id, packet.seq, packet.captured_mono_ns, packet.captured_unix_ms)


def _make_context(info: StreamInfo, hwaccel: HWAccel | None) -> av.VideoCodecContext:
    context = cast(av.VideoCodecContext, av.CodecContext.create(info.codec, "r", hwaccel=hwaccel))
    context.extradata = info.extradata
    if info.codec in CHECKED:
        context.options = {"err_detect": "explode"}
    context.thread_count = (
        1  # sixty-four cameras are parallel enough, and frame threads hold pictures back
    )
    if info.width_px and info.height_px:
        context.width, context.height = info.width_px, info.height_px
    if info.pix_fmt:
        context.pix_fmt = info.pix_fmt
    return context


class DecoderFactory:
    """Gives one camera its decoders. Says once, not at every reconnection, why hardware is not used."""

    def __init__(self, camera_id: str, hwaccel: str | None) -> None:
        self._camera_id = camera_id
        self._kind, _, self._device = (hwaccel or "").partition(":")
        self._told = False

    def decoder(self, info: StreamInfo) -> Decoder:
        """Never fails for want of hardware. Raises FFmpegError or ValueError for a codec that nothing here knows."""
        if not self._kind:
            return Decoder(info)
        try:
            if self._kind in WRAPPED:
                return Decoder(replace(info, codec=f"{info.codec}_{self._kind}"), at_once=True)
            accelerator = HWAccel(self._kind, self._device or None, allow_software_fallback=True)
            decoder = Decoder(info, hwaccel=accelerator)
        except (av.error.FFmpegError, ValueError, LookupError, RuntimeError, OSError) as error:
            self._tell(str(getattr(error, "strerror", None) or error))
            return Decoder(info)
        if not decoder.is_hardware:
            self._tell(f"{self._kind} does not decode {info.codec}")
        return decoder

    def _tell(self, why: str) -> None:
        if not self._told:
            known = ", ".join(hwdevices_available()) or "none"
            logger.warning(
                "camera %s decodes in software: %s: %s (this FFmpeg knows: %s)",
                self._camera_id,
                self._kind,
                why,
                known,
            )
        self._told = True
