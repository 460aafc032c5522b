"""One camera's session, step by step: whatever the camera does, it is watched again."""

from __future__ import annotations

import logging
from pathlib import Path

import av
import numpy as np
import pytest

from surveil.capture.camera_spec import CameraSpec, DecodeMode
from surveil.capture.decoder import revived
from surveil.capture.ffmpeg_errors import EndOfStream
from surveil.capture.sources import VideoPacket
from surveil.errors import SourceError
from surveil.records import CameraState, Frame, Luma
from tests.capture.cameras import Bench, packets_of, playing
from tests.support.clips import read_number, render_clip

LIVE = CameraSpec("yard", "rtsp://joe:s3cret@camera.lan/live", decode=DecodeMode.ALL)
KEYS = CameraSpec("yard", LIVE.url, decode=DecodeMode.KEYFRAMES, interval_s=1.0)


def test_pictures_arrive_numbered_and_timed(clip: Path) -> None:
    bench = Bench(LIVE, playing(clip))
    assert bench.status().state is CameraState.CONNECTING
    status = bench.steps(51)
    assert status.state is CameraState.ONLINE
    assert (status.width_px, status.height_px, status.frames_total) == (320, 180, 50)
    assert status.fps == pytest.approx(25, abs=0.1)
    assert status.last_frame_age_ms == 0
    newest = bench.buffer.newest("yard")
    assert newest is not None
    assert newest.seq == read_number(newest.rgb()) == 49
    assert newest.captured_mono_ns == bench.clock.monotonic_ns()


def test_packets_before_the_first_keyframe_are_passed_over(clip: Path) -> None:
    info, script = playing(clip)
    bench = Bench(LIVE, (info, list(script)[20:]))
    bench.steps(10)
    assert bench.status().state is CameraState.ONLINE
    assert bench.seqs() == [0, 1, 2, 3]


def test_only_keyframes_become_pictures_but_all_packets_are_kept(clip: Path) -> None:
    bench = Bench(KEYS, playing(clip))
    bench.steps(51)
    assert bench.seqs() == [0, 25]
    assert bench.status().frames_total == 50
    assert len(bench.buffer.packets_between("yard", 0, 1 << 62)) == 50


@pytest.mark.parametrize(
    ("spec", "prepared"), [(KEYS, [0, 25]), (LIVE, [0, 7, 14, 21, 28, 35, 42, 49])]
)
def test_thumbnails_are_made_before_the_frame_is_put_but_only_four_a_second(
    clip: Path, monkeypatch: pytest.MonkeyPatch, spec: CameraSpec, prepared: list[int]
) -> None:
    """So that the scheduler finds them; each of 25 frames a second would cost too much."""
    made: list[int] = []
    thumbnail = Frame.thumbnail

    def noted(frame: Frame) -> Luma:
        made.append(frame.seq)
        assert bench.buffer.newest("yard") is not frame
        return thumbnail(frame)

    monkeypatch.setattr(Frame, "thumbnail", noted)
    bench = Bench(spec, playing(clip))
    bench.steps(51)
    assert made == prepared


def test_detail_begins_with_the_last_keyframe(clip: Path) -> None:
    """Given keyframes only, when detail is wanted in the middle of a group, the group's frames come at once, then all
    that follow, until the time is over."""
    bench = Bench(KEYS, playing(clip))
    bench.steps(11)
    assert bench.seqs() == [0]
    bench.session.decode_all_for(0.5)
    bench.steps(1)
    assert bench.seqs() == list(range(11))
    bench.steps(20)
    *detailed, key = bench.seqs()
    assert detailed == list(range(len(detailed)))
    assert 20 <= len(detailed) <= 23
    assert key == 25


def test_a_camera_that_is_down_is_asked_again_and_again_at_growing_distances() -> None:
    bench = Bench(LIVE, *[SourceError(f"no answer {n}") for n in range(12)])
    bench.steps(150)
    gaps = np.diff(bench.camera.attempts_s)
    assert len(gaps) >= 9
    assert gaps[0] <= 1.0
    assert all(20.9 <= gap <= 31 for gap in gaps[5:])
    assert bench.status().state is CameraState.OFFLINE
    assert bench.status().reconnects_total == 0
    assert bench.status().frames_total == 0


def test_a_lost_camera_comes_back_and_its_return_is_counted_once(clip: Path) -> None:
    """Given a connection that breaks and two attempts that fail, when the third works, one reconnection is counted."""
    down = SourceError("connection reset")
    bench = Bench(LIVE, playing(clip, down), down, down, playing(clip))
    bench.steps(52)
    assert bench.status().state is CameraState.OFFLINE
    assert bench.status().reason == "connection reset"
    before = bench.buffer.newest("yard")
    bench.steps(20)
    status = bench.status()
    assert status.state is CameraState.ONLINE
    assert status.reason is None
    assert status.reconnects_total == 1
    assert status.last_error == "connection reset"
    newest = bench.buffer.newest("yard")
    assert newest
    assert before
    assert newest.run_id != before.run_id
    assert newest.seq < before.seq
    assert bench.camera.opened[0].is_closed


def test_a_silent_connection_is_a_stall(clip: Path) -> None:
    bench = Bench(LIVE, playing(clip, *[1.0] * 20))
    bench.steps(50 + 10)
    assert bench.status().state is CameraState.ONLINE
    bench.steps(2)
    assert bench.status().state is CameraState.OFFLINE
    assert bench.status().reason == "stalled: no frame for 10 s, though the connection stands"
    assert bench.camera.opened[0].is_closed


def test_a_stream_of_damaged_packets_is_left_after_a_while(clip: Path) -> None:
    """Given packets that come on time but cannot be decoded, after the stall time another connection is made."""
    info, script = playing(clip)
    good = list(script)
    damaged = []
    for _ in range(400):
        packet = av.Packet(bytes(500))
        packet.is_keyframe = True
        damaged.append(packet)
    bench = Bench(LIVE, (info, [*good[:5], *damaged]), playing(clip))  # type: ignore[list-item]
    bench.steps(300)
    assert (bench.status().last_error or "").startswith("damaged stream")
    assert bench.status().state is CameraState.ONLINE
    assert bench.status().reconnects_total == 1


def test_a_stream_without_keyframes_is_left(clip: Path) -> None:
    packet = revived(packets_of(clip)[1])
    bench = Bench(LIVE, (packets_of(clip)[0].stream, [packet] * 2_000))
    bench.steps(1_502)
    assert (bench.status().reason or "").startswith("no keyframe within 60 s")


def test_the_codec_may_change_with_a_connection(clip: Path, clips: Path) -> None:
    other = render_clip(
        clips / "hevc-small.mp4", codec="libx265", frames=30, width_px=256, height_px=144
    )
    bench = Bench(LIVE, playing(clip, EndOfStream("the camera ended the stream")), playing(other))
    bench.steps(51 + 3 + 30)
    assert bench.status().state is CameraState.ONLINE
    assert (bench.status().width_px, bench.status().reconnects_total) == (256, 1)


def test_the_size_may_change_within_a_connection(clips: Path) -> None:
    """Given a camera that was set to another resolution and says so only inside its stream."""
    small = render_clip(clips / "small.h264", frames=25, width_px=160, height_px=96)
    large = render_clip(clips / "large.h264", frames=25, width_px=320, height_px=192)
    info, first = playing(small)
    bench = Bench(LIVE, (info, [*first, *playing(large)[1]]))
    bench.steps(26)
    assert bench.status().width_px == 160
    bench.steps(25)
    assert bench.status().width_px == 320
    assert bench.status().last_error is None
    assert bench.seqs() == list(range(50))


@pytest.mark.parametrize("jump", [-1_000_000, 1_000_000, -(1 << 40)])
def test_the_streams_clock_may_jump(clip: Path, jump: int) -> None:
    """Given times in the stream that leap or run backwards, when decoded, no picture is lost or out of order."""
    info, script = playing(clip)
    packets: list[VideoPacket] = []
    for packet in list(script):
        assert isinstance(packet, av.Packet)
        if len(packets) >= 10:
            packet.pts = (packet.pts or 0) + jump
            packet.dts = (packet.dts or 0) + jump
        packets.append(packet)
    bench = Bench(LIVE, (info, packets))
    bench.steps(51)
    assert bench.seqs() == list(range(50))
    assert [
        read_number(f.rgb()) for f in bench.buffer.stored_between("yard", 0, 1 << 62)
    ] == bench.seqs()


def test_a_frozen_camera_is_degraded_until_it_moves(clip: Path) -> None:
    info, script = playing(clip)
    key, *rest = script
    bench = Bench(LIVE, (info, [*[key] * (25 * 62), *rest]))
    bench.steps(25 * 61)
    assert bench.status().state is CameraState.DEGRADED
    assert bench.status().reason == "frozen picture: not one pixel has changed for 60 s"
    bench.steps(75)
    assert bench.status().state is CameraState.ONLINE
    assert bench.status().reconnects_total == 0


def test_a_file_played_once_is_over(clip: Path) -> None:
    spec = CameraSpec("yard", "clip.mp4", loop=False, decode=DecodeMode.ALL)
    bench = Bench(spec, playing(clip, EndOfStream("file clip.mp4 was played to its end")))
    bench.steps(500)
    assert len(bench.camera.attempts_s) == 1
    assert bench.status().state is CameraState.OFFLINE
    assert bench.status().reason == "file clip.mp4 was played to its end"


def test_a_fault_of_ours_costs_one_camera_a_connection_not_the_process(
    clip: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(LIVE, playing(clip, KeyError("oops")), playing(clip))
    with caplog.at_level(logging.ERROR):
        bench.steps(52)
    assert bench.status().reason == "unexpected KeyError; see the log"
    assert "KeyError: 'oops'" in caplog.text
    bench.steps(20)
    assert bench.status().state is CameraState.ONLINE


def test_a_stopped_session_touches_nothing_any_more(clip: Path) -> None:
    bench = Bench(LIVE, playing(clip))
    bench.steps(10)
    bench.session.stop()
    before = bench.seqs()
    bench.steps(10)
    bench.session.finish()
    assert bench.seqs() == before
    assert bench.camera.opened[0].is_closed


def test_changes_of_state_are_one_log_line_each_without_credentials(
    clip: Path, caplog: pytest.LogCaptureFixture
) -> None:
    down = SourceError("camera.lan refuses connections")
    with caplog.at_level(logging.DEBUG):
        Bench(LIVE, playing(clip, down), down, down, playing(clip)).steps(80)
    lines = [r.getMessage() for r in caplog.records if r.name.startswith("surveil")]
    assert lines == [
        "camera yard is online (was connecting)",
        "camera yard is offline: camera.lan refuses connections (was online)",
        "camera yard is online (was offline)",
    ]
    assert "s3cret" not in caplog.text
