"""A camera that sends and sends, and of which no picture comes: told, and seen where it can be seen."""

from __future__ import annotations

import io
import random
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from surveil.capture.buffer import StreamInfo
from surveil.capture.camera_spec import CameraSpec, DecodeMode
from surveil.capture.decoder import MOST_BARREN, DecodePlan, Decoder, Slot, revived
from surveil.capture.sources import VideoPacket
from surveil.clock import ns
from surveil.errors import SourceError
from surveil.records import CameraState
from tests.capture.cameras import Bench, Script, packets_of
from tests.support.clips import numbered_picture, read_number, render_clip

KEYS = CameraSpec("yard", "rtsp://camera.lan/live", decode=DecodeMode.KEYFRAMES, interval_s=1.0)
JPEG = StreamInfo(codec="mjpeg", width_px=320, height_px=180, time_base=Fraction(1, 25))


@pytest.fixture(scope="module")
def refreshed(clips: Path) -> tuple[StreamInfo, list[VideoPacket]]:
    """Eight seconds of H.264 that is refreshed bit by bit, every 45 pictures, met after its only keyframe: FFmpeg marks
    the beginning of each refresh, as its parser does in a live stream."""
    clip = render_clip(clips / "refreshed.mp4", gop=45, frames=250, x264=":intra-refresh=1")
    packets = packets_of(clip)[45:]
    assert [packet.is_key for packet in packets[::45]] == [True] * 5
    return packets[0].stream, [revived(packet) for packet in packets]


@pytest.mark.parametrize("mode", [DecodeMode.KEYFRAMES, DecodeMode.AUTO])
def test_intra_refresh_is_seen_after_a_few_keyframes_that_gave_nothing(
    refreshed: tuple[StreamInfo, list[VideoPacket]],
    mode: DecodeMode,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Given marks of keyframes that are none, when MOST_BARREN of them have given no picture, all is decoded, what is
    shown is right, and only then is the camera online."""
    spec = CameraSpec("yard", KEYS.url, decode=mode, interval_s=5.0)
    bench = Bench(spec, refreshed)
    status = bench.steps(45 * (MOST_BARREN - 1))
    assert status.state is CameraState.CONNECTING
    status = bench.steps(206 - 45 * (MOST_BARREN - 1))
    assert status.state is CameraState.ONLINE
    frames = bench.buffer.stored_between("yard", 0, 1 << 62)
    assert len(frames) >= 50
    assert [read_number(frame.rgb()) for frame in frames] == [45 + frame.seq for frame in frames]
    told = [r.getMessage() for r in caplog.records if "keyframes alone" in r.getMessage()]
    assert len(told) == 1


def test_few_keyframes_are_distrusted_by_time() -> None:
    """Given a mark every ten seconds, the third would come too late: half the stall time is enough."""
    plan = DecodePlan(DecodeMode.KEYFRAMES, 5.0, patience_s=5.0)
    plan.key_gave(ns(10.0), picture=False)
    assert not plan.all_wanted(ns(14.9), detail=False)
    assert plan.all_wanted(ns(15.1), detail=False)


def test_keyframes_that_stay_away_for_a_minute_are_not_waited_for() -> None:
    plan = DecodePlan(DecodeMode.KEYFRAMES, 5.0)
    plan.meter.saw(0, is_key=True)
    plan.key_gave(0, picture=True)
    assert not plan.all_wanted(ns(59.0), detail=False)
    assert plan.all_wanted(ns(61.0), detail=False)


def test_a_camera_whose_keyframes_were_lost_for_a_while_is_trusted_again() -> None:
    """Given damage that is over, when true keyframes come out whole, decoding is cheap again."""
    plan = DecodePlan(DecodeMode.KEYFRAMES, 5.0)
    for second in range(MOST_BARREN):
        assert not plan.all_wanted(ns(second), detail=False)
        plan.key_gave(ns(second), picture=False)
    assert plan.all_wanted(ns(MOST_BARREN), detail=False)
    for _ in range(MOST_BARREN):
        assert plan.all_wanted(ns(60.0), detail=False)
        plan.all_gave(1)
    assert not plan.all_wanted(ns(61.0), detail=False)


def test_packets_without_a_picture_are_not_online(
    refreshed: tuple[StreamInfo, list[VideoPacket]],
) -> None:
    """Given a stream of which nothing can be decoded though nothing is damaged, after the stall time the camera is
    degraded and blind, with a remedy; after a minute it is opened again, and is blind until a picture comes."""
    info, packets = refreshed
    marks = [packets[0]] * 2_000  # each begins a refresh that is never completed
    bench = Bench(KEYS, (info, marks), (info, packets))
    bench.steps(251)
    assert bench.status().state is CameraState.CONNECTING
    status = bench.steps(2)
    assert status.state is CameraState.DEGRADED
    assert status.reason == "blind: packets come, but no picture could be decoded for 10 s"
    problem = bench.stream_status.problem()
    assert problem
    assert (problem.code, problem.component) == ("camera_blind", "camera:yard")
    assert "H.264" in problem.remedy
    bench.steps(1_255)
    later = bench.stream_status.problem()
    assert later
    assert (later.code, later.since_unix_ms) == ("camera_blind", problem.since_unix_ms)
    assert len(bench.camera.opened) == 2
    bench.steps(190)
    assert bench.status().state is CameraState.ONLINE
    assert bench.stream_status.problem() is None


def test_a_blind_camera_that_goes_away_is_offline(
    refreshed: tuple[StreamInfo, list[VideoPacket]],
) -> None:
    info, packets = refreshed
    bench = Bench(KEYS, (info, [*[packets[0]] * 300, SourceError("the connection broke")]))
    bench.steps(290)
    assert bench.status().state is CameraState.DEGRADED
    bench.steps(12)
    problem = bench.stream_status.problem()
    assert problem
    assert (problem.code, bench.status().reason) == ("camera_offline", "the connection broke")


def jpegs(count: int) -> list[bytes]:
    """Noisy pictures, as a sensor gives them."""
    noise = np.random.default_rng(7).normal(0, 8, (180, 320, 3))
    found = []
    for number in range(count):
        body = io.BytesIO()
        pixels = (numbered_picture(number) + noise).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(body, "JPEG", quality=85)
        found.append(body.getvalue())
    return found


def stream_of(pictures: Iterable[bytes]) -> Script:
    script = []
    for picture in pictures:
        packet = av.Packet(picture)
        packet.is_keyframe = True
        script.append(packet)
    return script  # type: ignore[return-value]


def halved(picture: bytes) -> bytes:
    return picture[: len(picture) // 2]


def flipped(picture: bytes) -> bytes:
    """Forty bits turned, behind the headers."""
    damaged, chance = bytearray(picture), random.Random(len(picture))
    for _ in range(40):
        damaged[chance.randrange(700, len(damaged) - 2)] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def decoded(picture: bytes) -> int:
    decoder = Decoder(JPEG)
    (packet,) = stream_of([picture])
    return len(decoder.alone(packet, Slot("r", 0, 0, 0)))  # type: ignore[arg-type]


def test_half_a_jpeg_is_no_picture_wherever_it_was_cut() -> None:
    (picture,) = jpegs(1)
    assert decoded(picture) == 1
    cuts = range(700, len(picture) - 200, 97)
    assert [decoded(picture[:cut]) for cut in cuts] == [0] * len(cuts)
    assert [decoded(picture[:cut] + b"\xff\xd9") for cut in cuts] == [0] * len(cuts)


def test_a_jpeg_whose_end_mark_alone_is_missing_is_a_picture() -> None:
    """Some cameras leave it out; nothing of the picture is."""
    (picture,) = jpegs(1)
    assert decoded(picture[:-2]) == 1
    assert decoded(picture + bytes(64)) == 1


def test_jpegs_with_turned_bits_are_mostly_found_out() -> None:
    """What still reads as a picture to its last block cannot be told from one."""
    passed = sum(decoded(flipped(picture)) for picture in jpegs(50))
    assert passed <= 10


@pytest.mark.parametrize("damage", [halved, flipped])
def test_a_stream_of_damaged_jpegs_is_degraded_with_a_reason(damage: object) -> None:
    """Given MJPEG whose every picture is damaged, none is shown, and the status says so; when it is whole again the
    camera is online."""
    assert callable(damage)
    bad = [one for one in map(damage, jpegs(60)) if not decoded(one)]
    spec = CameraSpec("yard", "http://camera.lan/mjpeg", decode=DecodeMode.ALL)
    bench = Bench(spec, (JPEG, stream_of(bad * 10)), (JPEG, stream_of(jpegs(30))))
    bench.steps(253)
    assert bench.seqs() == []
    status = bench.status()
    assert status.state is CameraState.DEGRADED
    assert (status.reason or "").startswith("damaged stream: no picture could be decoded for 10 s")
    problem = bench.stream_status.problem()
    assert problem
    assert problem.code == "camera_blind"
    bench.steps(40)
    assert bench.status().state is CameraState.ONLINE
    assert bench.stream_status.problem() is None


def test_a_damaged_jpeg_among_sound_ones_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    pictures = jpegs(20)
    pictures[7] = halved(pictures[7])
    spec = CameraSpec("yard", "http://camera.lan/mjpeg", decode=DecodeMode.ALL)
    bench = Bench(spec, (JPEG, stream_of(pictures)))
    bench.steps(21)
    assert bench.seqs() == [n for n in range(20) if n != 7]
    assert bench.status().state is CameraState.ONLINE
    assert [r.getMessage() for r in caplog.records if r.levelname != "INFO"] == []
