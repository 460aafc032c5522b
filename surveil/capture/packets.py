"""Undecoded pieces of a stream, as plain bytes: they outlive their connection, and hold none of it open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol

from surveil.records import Frame

OVERHEAD_BYTES = 320
"""A packet's object, its integers and its bytes' header; at a quiet night's 300-byte packets it is half of the cost."""


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What a decoder or a muxer must know before the first packet."""

    codec: str
    """FFmpeg's name: `h264`, `hevc`, `mjpeg` ..."""
    width_px: int
    height_px: int
    time_base: Fraction
    extradata: bytes | None = field(default=None, repr=False)
    pix_fmt: str | None = None
    """Layout of the pixels, where the stream says it; a must for uncompressed ones."""
    nominal_fps: float | None = None
    """What the stream claims."""


@dataclass(frozen=True, slots=True, eq=False)
class StreamPacket:
    """One encoded picture."""

    camera_id: str
    run_id: str
    seq: int
    """Same count as `Frame.seq`, in order of arrival."""
    captured_mono_ns: int
    captured_unix_ms: int
    pts: int | None
    """In units of `stream.time_base`; grows with the order of showing."""
    dts: int | None
    """In units of `stream.time_base`; grows with the order of arrival."""
    is_key: bool
    data: bytes = field(repr=False)
    stream: StreamInfo = field(repr=False)

    @property
    def nbytes(self) -> int:
        """With what Python needs around the bytes."""
        return len(self.data) + OVERHEAD_BYTES


class PacketDecoder(Protocol):
    """Turns packets of one run, the first of them a keyframe, into frames in the order of showing."""

    def decode(self, packets: Sequence[StreamPacket]) -> Iterator[Frame]: ...
