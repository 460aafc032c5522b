"""Packets become frames in the order of showing, and each frame knows when it was seen."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveil.capture.buffer import StreamInfo, StreamPacket
from surveil.capture.camera_spec import CameraSpec
from surveil.capture.decoder import Decoder, FrameMaker, Order, Slot, decode_packets, revived
from surveil.records import Frame
from tests.capture.cameras import packets_of
from tests.support.clips import read_number, render_clip


def slot(seq: int) -> Slot:
    return Slot("run-1", seq, seq * 40_000_000, seq * 40)


def frames_of(packets: list[StreamPacket]) -> list[Frame]:
    return list(decode_packets(packets, FrameMaker(CameraSpec("yard", "clip.mp4"))))


@given(lost=st.sets(st.integers(0, 29)), depth=st.integers(0, 3))
def test_numbers_grow_whatever_the_order_of_arrival_and_whatever_is_lost(
    lost: set[int], depth: int
) -> None:
    """Given groups in which the last picture arrives first, as B-frames make it, when some are damaged, then those
    that come out have growing numbers, and without losses the n-th shown has the n-th number."""
    group = depth + 1
    arrival = [
        base + (group - 1 if i == 0 else i - 1)
        for base in range(0, 30, group)
        for i in range(group)
    ]
    order, shown, came = Order(), 0, []
    for seq, pts in enumerate(arrival):
        order.sent(pts, slot(seq))
        while (seq + 1) % group == 0 and shown <= seq:
            if shown not in lost:
                came.append((shown, order.came(shown)))
            shown += 1
    numbers = [given.seq for _, given in came if given]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == len(came)
    if not lost:
        assert numbers == [pts for pts, _ in came]


def test_a_picture_too_many_has_no_slot() -> None:
    order = Order()
    order.sent(1, slot(0))
    assert order.came(1) == slot(0)
    assert order.came(2) is None


@pytest.mark.parametrize("codec", ["libx264", "libx265", "mjpeg"])
def test_every_picture_of_every_codec_comes_out_with_its_number(clips: Path, codec: str) -> None:
    clip = render_clip(clips / f"{codec}.mp4", codec=codec, frames=30)
    frames = frames_of(packets_of(clip))
    assert [(f.seq, read_number(f.rgb())) for f in frames] == [(n, n) for n in range(30)]
    assert [f.captured_mono_ns for f in frames] == [slot(n).mono_ns for n in range(30)]
    assert frames[10].pts_s == pytest.approx(0.4)
    assert frames[0].is_key


def test_with_b_frames_pictures_come_in_the_order_of_showing(clip_with_b_frames: Path) -> None:
    packets = packets_of(clip_with_b_frames)
    assert [p.pts for p in packets] != sorted(p.pts or 0 for p in packets), "clip has no B-frames"
    frames = frames_of(packets)
    assert [(f.seq, read_number(f.rgb())) for f in frames] == [(n, n) for n in range(50)]


def test_a_keyframe_alone_gives_its_picture_at_once(clip_with_b_frames: Path) -> None:
    """Even from a stream whose decoder waits for more, and again and again."""
    packets = packets_of(clip_with_b_frames)
    decoder = Decoder(packets[0].stream)
    for seq in (0, 25):
        (decoded,) = decoder.alone(revived(packets[seq]), slot(seq))
        assert decoded.slot.seq == seq
        assert decoded.pts_s == pytest.approx(seq / 25)


def test_damaged_packets_are_counted_and_survived(clip: Path) -> None:
    """Given noise in place of some packets, when decoded, the next keyframe's group is whole again."""
    packets = packets_of(clip)
    decoder = Decoder(packets[0].stream)
    seen = []
    for packet in packets:
        alive = revived(packet)
        if 5 <= packet.seq < 10:
            alive = av.Packet(bytes(len(packet.data)))  # type: ignore[assignment]
        seen += [decoded.slot.seq for decoded in decoder.feed(alive, slot(packet.seq))]
    assert decoder.broken_total > 0
    assert seen == sorted(set(seen))
    assert set(range(25, 50)) <= set(seen)


def test_an_unknown_codec_is_an_error_at_once() -> None:
    with pytest.raises((av.error.FFmpegError, ValueError, LookupError)):
        Decoder(StreamInfo("no-such-codec", 64, 48, Fraction(1, 25)))
