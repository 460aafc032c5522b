"""Packets become an MP4 without being encoded again: same pictures, in order, whatever layout the camera sent."""

from __future__ import annotations

import io
from dataclasses import replace
from fractions import Fraction
from typing import cast

import av
import numpy as np
import pytest
from av.container import InputContainer
from av.video.stream import VideoStream

from surveil.capture.buffer import StreamInfo, StreamPacket
from surveil.capture.mp4_writer import Mp4ClipWriter, one_connection
from surveil.errors import SourceError
from tests.support.clips import numbered_picture, read_number

FPS = 10


def packets_of(
    codec: str, container_format: str, *, frames: int = 30, options: dict[str, str] | None = None
) -> list[StreamPacket]:
    """Packets of a drawn clip as a camera would have sent them, a keyframe each second."""
    encoder = {"h264": "libx264", "hevc": "libx265", "mjpeg": "mjpeg"}[codec]
    file = io.BytesIO()
    with av.open(file, "w", format=container_format) as out:
        stream = cast(VideoStream, out.add_stream(encoder, rate=FPS, options=options or {}))
        stream.width, stream.height = 320, 180
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.gop_size = FPS
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(numbered_picture(number), format="rgb24")
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    file.seek(0)
    with cast(InputContainer, av.open(file)) as source:
        video = source.streams.video[0]
        info = StreamInfo(
            codec=codec,
            width_px=320,
            height_px=180,
            time_base=video.time_base or Fraction(1, 90_000),
            extradata=video.codec_context.extradata,
        )
        return [
            StreamPacket(
                camera_id="yard",
                run_id="run-1",
                seq=seq,
                captured_mono_ns=seq * 1_000_000_000 // FPS,
                captured_unix_ms=seq * 1000 // FPS,
                pts=packet.pts,
                dts=packet.dts,
                is_key=packet.is_keyframe,
                data=bytes(packet),
                stream=info,
            )
            for seq, packet in enumerate(p for p in source.demux(video) if p.size)
        ]


def numbers_in(mp4: io.BytesIO) -> list[int]:
    mp4.seek(0)
    with cast(InputContainer, av.open(mp4)) as container:
        return [
            read_number(frame.to_ndarray(format="rgb24").astype(np.uint8))
            for frame in container.decode(video=0)
        ]


@pytest.mark.parametrize(
    ("codec", "container_format"),
    [
        ("h264", "mp4"),
        ("h264", "mpegts"),
        ("hevc", "mp4"),
        ("hevc", "mpegts"),
        ("mjpeg", "matroska"),
    ],
)
def test_a_clip_shows_every_packet_in_order(codec: str, container_format: str) -> None:
    """Lengths before the units (MP4) and start codes (RTSP, MPEG-TS) both."""
    mp4 = io.BytesIO()
    written = Mp4ClipWriter().write(packets_of(codec, container_format), mp4)
    assert numbers_in(mp4) == list(range(30))
    assert written.seconds == pytest.approx(2.9)
    assert (written.warning is None) == (codec == "h264")


def test_frames_that_are_shown_out_of_order_keep_their_order() -> None:
    """B-frames: decoded in another order than shown."""
    packets = packets_of("h264", "mp4", options={"bf": "2"})
    assert [p.pts for p in packets] != sorted(p.pts or 0 for p in packets)
    mp4 = io.BytesIO()
    Mp4ClipWriter().write(packets, mp4)
    assert numbers_in(mp4) == list(range(30))


def test_it_begins_at_the_first_keyframe() -> None:
    mp4 = io.BytesIO()
    Mp4ClipWriter().write(packets_of("h264", "mpegts")[4:], mp4)
    assert numbers_in(mp4) == list(range(10, 30))


def test_only_one_connection_goes_into_a_clip() -> None:
    first, second = packets_of("h264", "mpegts"), packets_of("h264", "mp4")
    assert one_connection([*first, *second]) == first


@pytest.mark.parametrize("packets", [[], packets_of("h264", "mpegts")[1:5]])
def test_without_a_keyframe_there_is_no_clip_and_it_says_so(packets: list[StreamPacket]) -> None:
    with pytest.raises(SourceError, match="not there"):
        Mp4ClipWriter().write(packets, io.BytesIO())


def test_a_torn_packet_is_a_reason_and_no_crash() -> None:
    packets = packets_of("h264", "mp4")
    torn = packets[0].data[:4] + packets[0].data[4:40]
    with pytest.raises(SourceError, match="no MP4"):
        Mp4ClipWriter().write([replace(packets[0], data=torn), *packets[1:]], io.BytesIO())


def test_another_codec_is_named() -> None:
    packet = packets_of("h264", "mp4")[0]
    other = replace(packet, stream=replace(packet.stream, codec="vp9"))
    with pytest.raises(SourceError, match="vp9"):
        Mp4ClipWriter().write([other], io.BytesIO())
