"""One connection, from its first packet to its end: numbers packets, keeps them, decodes what is worth it."""

from __future__ import annotations

import secrets

from surveil.capture.decode import Decoded, Decoder, FrameMaker, Slot, revived, slot_of
from surveil.capture.gop import DecodePlan
from surveil.capture.packet import StreamPacket
from surveil.capture.ring import Ring
from surveil.capture.source import Arrival, Source
from surveil.capture.spec import CameraSpec
from surveil.clock import WallTime
from surveil.records import Frame

NEVER_KEPT = {"rawvideo"}
"""Uncompressed pictures are as large as decoded ones; the ring has those."""


class Run:
    """Used by one capture thread. `put` takes the frames; the ring takes the packets."""

    def __init__(
        self,
        spec: CameraSpec,
        source: Source,
        *,
        ring: Ring,
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
