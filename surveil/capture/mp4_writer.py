"""Undecoded packets -> an MP4 file, without encoding anything again."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import takewhile
from typing import BinaryIO

import av
import av.error
from av.container import InputContainer

from surveil.capture.buffer import StreamPacket
from surveil.capture.nal import parameter_sets, with_start_codes
from surveil.clock import NS_PER_S
from surveil.errors import SourceError

PLAYABLE = ("h264",)
"""What every browser plays inside MP4."""
RAW_UNITS = ("h264", "hevc")
RAW_FORMATS = {"mpeg4": "m4v"}
"""FFmpeg's name of the plain stream, where it is not the codec's."""
MUXABLE = (*RAW_UNITS, "mjpeg", "mpeg4")
FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
"""The index goes ahead of each piece, so nothing has to be written twice and a torn file still plays."""


@dataclass(frozen=True, slots=True)
class WrittenClip:
    """What became of the packets."""

    seconds: float
    warning: str | None = None
    """Why a browser may not play it; None when it will."""


class Mp4ClipWriter:
    """Satisfies alerts' ClipWriter. Any thread."""

    def write(self, packets: Sequence[StreamPacket], stream: BinaryIO) -> WrittenClip:
        """One MP4 of the packets from their first keyframe on; only the first connection's and stream's, if there
        were several. Raises SourceError, which says why there can be no clip."""
        kept = one_connection(packets)
        if not kept:
            raise SourceError(
                "the camera's packets of that moment are not there (masked, or dropped)"
            )
        codec = kept[0].stream.codec
        if codec not in MUXABLE:
            raise SourceError(f"{codec} cannot be put into MP4 without encoding it again")
        try:
            _mux(kept, stream)
        except (av.error.FFmpegError, ValueError) as error:
            raise SourceError(f"the packets make no MP4: {error}") from error
        seconds = (kept[-1].captured_mono_ns - kept[0].captured_mono_ns) / NS_PER_S
        warning = None if codec in PLAYABLE else f"{codec}: some browsers do not play it"
        return WrittenClip(seconds, warning)


def one_connection(packets: Sequence[StreamPacket]) -> list[StreamPacket]:
    """From the first keyframe on, as long as connection and stream stay the same."""
    start = next((i for i, packet in enumerate(packets) if packet.is_key), None)
    if start is None:
        return []
    first = packets[start]
    return list(
        takewhile(lambda p: p.run_id == first.run_id and p.stream == first.stream, packets[start:])
    )


def _mux(kept: Sequence[StreamPacket], stream: BinaryIO) -> None:
    # 90 kHz holds every camera's ticks without the rounding that its own odd time base may bring.
    ticks = Fraction(1, 90_000)
    with (
        _template(kept[0]) as template,
        av.open(stream, "w", format="mp4", options=FRAGMENTED) as container,
    ):
        out = container.add_stream_from_template(template.streams.video[0], opaque=True)
        out.time_base = ticks
        last_dts = -1
        for packet in kept:
            copy = av.Packet(_plain(packet))
            copy.stream = out
            copy.time_base = ticks
            last_dts = max(last_dts + 1, _ticks(packet, kept[0]))
            copy.dts = last_dts
            copy.pts = last_dts + _delay(packet)
            copy.is_keyframe = packet.is_key
            container.mux(copy)


def _template(first: StreamPacket) -> InputContainer:
    """An open input whose stream is like the packets': a muxer cannot be told a stream's parameters in another way,
    and the camera's own input may be long closed."""
    info = first.stream
    sets = parameter_sets(info.codec, info.extradata) if info.codec in RAW_UNITS else b""
    start = io.BytesIO(sets + _plain(first))
    return av.open(start, mode="r", format=RAW_FORMATS.get(info.codec, info.codec))


def _plain(packet: StreamPacket) -> bytes:
    info = packet.stream
    if info.codec not in RAW_UNITS:
        return packet.data
    return with_start_codes(packet.data, codec=info.codec, extradata=info.extradata)


def _ticks(packet: StreamPacket, first: StreamPacket) -> int:
    """Decoding time in 90 kHz since the first packet: the stream's own where it has one, else that of arrival."""
    if packet.dts is not None and first.dts is not None:
        return round((packet.dts - first.dts) * packet.stream.time_base * 90_000)
    return (packet.captured_mono_ns - first.captured_mono_ns) * 90_000 // NS_PER_S


def _delay(packet: StreamPacket) -> int:
    """From decoding to showing, in 90 kHz; B-frames make it positive."""
    if packet.pts is None or packet.dts is None:
        return 0
    return max(0, round((packet.pts - packet.dts) * packet.stream.time_base * 90_000))
