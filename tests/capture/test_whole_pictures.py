"""Keyframes that a sender cuts in parts, with parameter sets between their slices, are pictures all the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from surveil.capture.camera_spec import CameraSpec, DecodeMode
from surveil.capture.decoder import Decoder, Slot
from surveil.capture.nal import continues_picture
from surveil.capture.sources import MOST_PARTS, FileSource, VideoPacket, describe, whole_pictures
from surveil.records import CameraState
from tests.capture.cameras import Bench
from tests.fakes import FakeClock
from tests.support.clips import cut_keyframes, read_number, render_clip


@pytest.fixture(scope="module")
def cut(clips: Path) -> Path:
    """2 s, a keyframe a second, each in four packets."""
    whole = render_clip(clips / "sliced.mp4", x264=":slices=4")
    return cut_keyframes(whole, clips / "cut.h264")


def packets_as_sent(path: Path) -> Iterator[VideoPacket]:
    with av.open(str(path)) as container:
        yield from (packet for packet in container.demux(video=0) if packet.size)


def test_ffmpeg_gives_each_part_as_a_keyframe_of_which_nothing_comes(cut: Path) -> None:
    """What this is about: eight keyframes in a stream that has two, and none of them decodes."""
    keys = [packet for packet in packets_as_sent(cut) if packet.is_keyframe]
    assert [continues_picture(bytes(key)) for key in keys] == [False, True, True, True] * 2
    with av.open(str(cut)) as container:
        decoder = Decoder(describe(container, "cut"))
    assert [decoder.alone(key, Slot("r", 0, 0, 0)) for key in keys] == [[]] * 8
    assert decoder.broken_total == 8


@pytest.mark.parametrize("mode", [DecodeMode.KEYFRAMES, DecodeMode.ALL])
def test_the_parts_are_joined_and_every_picture_is_seen(cut: Path, mode: DecodeMode) -> None:
    spec = CameraSpec("yard", str(cut), decode=mode, loop=False, pace=False, interval_s=0.01)
    clock = FakeClock()
    source = FileSource(spec, clock=clock, wait=lambda _: False)
    script = []
    for _ in range(50):
        arrival = source.read()
        assert arrival
        script.append(arrival.packet)
    source.close()
    bench = Bench(spec, (source.info, script))
    bench.steps(51)
    frames = bench.buffer.stored_between("yard", 0, 1 << 62)
    assert [frame.seq for frame in frames] == ([0, 25] if mode == "keyframes" else list(range(50)))
    assert [read_number(frame.rgb()) for frame in frames] == [frame.seq for frame in frames]
    assert bench.status().state is CameraState.ONLINE


def test_a_stream_that_is_whole_is_handed_on_as_it_is(clips: Path) -> None:
    """Given pictures of one packet each, only the first keyframe waits for the packet after it."""
    path = render_clip(clips / "plain.h264", frames=30)
    with av.open(str(path)) as container:
        info = describe(container, "plain")
    taken = 0

    def sent() -> Iterator[VideoPacket]:
        nonlocal taken
        for packet in packets_as_sent(path):
            taken += 1
            yield packet

    ahead = []
    for given, _ in enumerate(whole_pictures(sent(), info), start=1):
        ahead.append(taken - given)
    assert ahead == [1, *[0] * 29]
    assert taken == 30


def test_a_sender_that_never_begins_another_picture_fills_no_memory(cut: Path) -> None:
    first, part, *_ = packets_as_sent(cut)
    with av.open(str(cut)) as container:
        info = describe(container, "cut")
    given = whole_pictures(iter([first, *[part] * 1_000]), info)
    sizes = [packet.size for packet in given]
    assert max(sizes) <= first.size + MOST_PARTS * part.size
