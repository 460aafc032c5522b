"""Small clips drawn by the tests themselves: every picture tells its own number."""

from __future__ import annotations

import random
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.bitstream import BitStreamFilterContext
from numpy.typing import NDArray

BITS = 12
LOW, HIGH = 40, 215


def numbered_picture(
    number: int, *, width_px: int = 320, height_px: int = 180
) -> NDArray[np.uint8]:
    """RGB picture whose upper half holds `number` as black and white columns, over a background that moves."""
    picture = np.empty((height_px, width_px, 3), dtype=np.uint8)
    ramp = (np.arange(width_px) + number * 5) % 160 + 50
    picture[:] = ramp[None, :, None]
    for bit in range(BITS):
        left, right = bit * width_px // BITS, (bit + 1) * width_px // BITS
        picture[: height_px // 2, left:right] = HIGH if number >> bit & 1 else LOW
    return picture


def read_number(picture: NDArray[np.uint8]) -> int:
    """The number drawn by `numbered_picture`, from RGB or brightness of any size."""
    height_px, width_px = picture.shape[:2]
    brightness = picture if picture.ndim == 2 else picture.mean(axis=2)
    number = 0
    for bit in range(BITS):
        centre = int((bit + 0.5) * width_px / BITS)
        patch = brightness[height_px // 8 : height_px // 3, centre - 2 : centre + 3]
        number |= int(patch.mean() > (LOW + HIGH) / 2) << bit
    return number


def render_clip(
    path: Path,
    *,
    frames: int = 50,
    fps: int = 25,
    gop: int = 25,
    width_px: int = 320,
    height_px: int = 180,
    codec: str = "libx264",
    b_frames: int = 0,
    first_number: int = 0,
    x264: str = "",
) -> Path:
    """An MP4 (or whatever the suffix says) of numbered pictures; a keyframe at every `gop`-th. `x264`: more parameters
    for its encoder, each with a colon before it.
    """
    with av.open(str(path), "w") as container:
        stream = cast(av.VideoStream, container.add_stream(codec, rate=Fraction(fps)))
        stream.width, stream.height = width_px, height_px
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.gop_size = gop
        stream.codec_context.thread_count = 1
        stream.options = _encoder_options(codec, gop=gop, b_frames=b_frames, x264=x264)
        for index in range(frames):
            pixels = numbered_picture(first_number + index, width_px=width_px, height_px=height_px)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def cut_keyframes(clip: Path, path: Path) -> Path:
    """The clip, of several slices a picture, as a plain H.264 stream with parameter sets before each slice of a
    keyframe, as GStreamer's `h264parse config-interval=-1` sends it."""
    units: list[bytes] = []
    sets: dict[int, bytes] = {}
    with av.open(str(clip)) as container:
        plain = BitStreamFilterContext("h264_mp4toannexb", container.streams.video[0])
        for packet in container.demux(video=0):
            for unit in _units(b"".join(bytes(part) for part in plain.filter(packet))):
                kind = unit[0] & 0x1F
                if kind in (7, 8):
                    sets[kind] = unit
                elif kind == 5:
                    units += [*sets.values(), unit]
                elif kind == 1:
                    units.append(unit)
    path.write_bytes(b"".join(b"\0\0\0\1" + unit for unit in units))
    return path


def garbled(clip: Path, path: Path) -> Path:
    """The H.264 clip with noise in the place of what its slices hold: as many packets, and nothing to decode."""
    noise = random.Random(5).randbytes(1 << 16)
    with av.open(str(clip)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                bad = av.Packet(
                    b"".join(_noisy(unit, noise) for unit in _sized_units(bytes(packet)))
                )
                bad.pts, bad.dts, bad.time_base = packet.pts, packet.dts, packet.time_base
                bad.is_keyframe, bad.stream = packet.is_keyframe, stream
                target.mux(bad)
    return path


def _noisy(unit: bytes, noise: bytes) -> bytes:
    is_slice = unit[4] & 0x1F in (1, 5)
    return unit[:12] + noise[: len(unit) - 12] if is_slice else unit


def _sized_units(data: bytes) -> Iterator[bytes]:
    """Units with their lengths of four bytes before them, as in an MP4."""
    while data:
        end = 4 + int.from_bytes(data[:4], "big")
        yield data[:end]
        data = data[end:]


def _units(stream: bytes) -> list[bytes]:
    return [unit.rstrip(b"\0") for unit in stream.split(b"\0\0\1")[1:]]


def _encoder_options(codec: str, *, gop: int, b_frames: int, x264: str) -> dict[str, object]:
    if codec == "libx264":
        return {
            "preset": "ultrafast",
            "crf": "20",
            "x264-params": f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes={b_frames}{x264}",
        }
    if codec == "libx265":
        return {
            "preset": "ultrafast",
            "x265-params": f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes={b_frames}:log-level=none",
        }
    return {"huffman": "default"}  # the only tables that RTP can carry (RFC 2435)
