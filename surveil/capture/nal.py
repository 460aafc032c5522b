"""H.264 and H.265 as MP4 keeps them (lengths before each unit) -> as a plain stream has them (start codes).

And whether a plain stream's packet begins a picture: a sender may put parameter sets between the slices of one.

Layouts: ISO/IEC 14496-15, `AVCDecoderConfigurationRecord` and `HEVCDecoderConfigurationRecord`.
"""

from __future__ import annotations

from collections.abc import Iterator

START_CODE = b"\0\0\0\1"
SLICES = {1, 5}
"""`nal_unit_type` of a slice, and of one of a keyframe."""
CONFIGURED = 1
"""First byte of both records; a plain stream's extradata begins with a start code instead."""


def parameter_sets(codec: str, extradata: bytes | None) -> bytes:
    """SPS, PPS (and VPS) of the extradata with start codes; empty when there are none. Raises ValueError when torn."""
    if not extradata or extradata[0] != CONFIGURED:
        return extradata or b""
    try:
        units = _hevc_sets(extradata) if codec == "hevc" else _avc_sets(extradata)
        return b"".join(START_CODE + unit for unit in units)
    except IndexError as error:
        raise ValueError("its parameter sets are cut short") from error


def with_start_codes(data: bytes, *, codec: str, extradata: bytes | None) -> bytes:
    """A packet's units with start codes. Raises ValueError when a length points past the end."""
    if not extradata or extradata[0] != CONFIGURED:
        return data
    size = (extradata[21 if codec == "hevc" else 4] & 3) + 1
    return b"".join(START_CODE + unit for unit in _units(data, size))


def continues_picture(data: bytes) -> bool:
    """Whether an H.264 packet with start codes begins in the middle of a picture: its first slice is not at block 0.

    `first_mb_in_slice` stands first in a slice's header, as ue(v): zero is the single bit 1 (ITU-T H.264, 7.3.3).
    """
    at = data.find(b"\0\0\1")
    while 0 <= at < len(data) - 4:
        if data[at + 3] & 0x1F in SLICES:
            return not data[at + 4] & 0x80
        at = data.find(b"\0\0\1", at + 3)
    return False


def _units(data: bytes, size: int) -> Iterator[bytes]:
    at = 0
    while at + size <= len(data):
        length = int.from_bytes(data[at : at + size], "big")
        at += size
        if at + length > len(data):
            raise ValueError("a unit is longer than its packet")
        yield data[at : at + length]
        at += length


def _avc_sets(record: bytes) -> Iterator[bytes]:
    at = 5
    for mask in (0x1F, 0xFF):  # how many SPS (five bits), then how many PPS
        count, at = record[at] & mask, at + 1
        for _ in range(count):
            length = int.from_bytes(record[at : at + 2], "big")
            yield record[at + 2 : at + 2 + length]
            at += 2 + length


def _hevc_sets(record: bytes) -> Iterator[bytes]:
    at = 23
    for _ in range(record[22]):
        count, at = int.from_bytes(record[at + 1 : at + 3], "big"), at + 3
        for _ in range(count):
            length = int.from_bytes(record[at : at + 2], "big")
            yield record[at + 2 : at + 2 + length]
            at += 2 + length
