"""Live streams whose keyframes are none, or come in parts: seen all the same, and never called online before."""

from __future__ import annotations

from pathlib import Path

import pytest

from surveil.capture import CameraSpec, DecodeMode
from surveil.records import CameraState
from tests.support.clips import garbled, read_number, render_clip
from tests.support.room import CaptureRoom
from tests.support.rtsp import RtspServer
from tests.support.waiting import eventually, throughout

pytestmark = [pytest.mark.usefixtures("rtsp_available"), pytest.mark.timeout(300)]

GOP = 45


@pytest.fixture(scope="module")
def refreshed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 s of intra refresh, as `x264enc intra-refresh=true key-int-max=45` makes it."""
    path = tmp_path_factory.mktemp("clips") / "refreshed.mp4"
    return render_clip(path, gop=GOP, frames=500, x264=":intra-refresh=1")


@pytest.mark.parametrize("mode", [DecodeMode.KEYFRAMES, DecodeMode.AUTO])
def test_intra_refresh_is_joined_in_its_middle_and_seen(refreshed: Path, mode: DecodeMode) -> None:
    """Given a stream that somebody else is watching already, so that its only keyframe is long gone, when marks have
    given no picture, all is decoded, and what is shown is what was sent."""
    with RtspServer(refreshed) as server:
        first = CameraSpec("first", server.url(), decode=DecodeMode.ALL)
        with CaptureRoom([first]) as early:
            eventually(lambda: early.frame("first").seq > 2 * GOP)
            joined = CameraSpec("yard", server.url(), decode=mode, interval_s=5.0)
            with CaptureRoom([joined]) as room:
                frame = room.frame("yard")
                status = room.status("yard")
                assert status.state is CameraState.ONLINE
                assert status.reconnects_total == 0
                later = eventually(lambda: (f := room.frame("yard")).seq > frame.seq + 50 and f)
                assert later
                apart = (read_number(later.rgb()) - read_number(frame.rgb())) % 500
                assert apart == later.seq - frame.seq
                assert room.capture.problems() == []


def test_a_stream_that_nothing_can_decode_is_blind_until_it_is_sound(tmp_path: Path) -> None:
    """Given H.264 whose slices are noise, packets come all the time, and the camera is degraded and blind, over all
    attempts; when it sends pictures it is online."""
    clip = render_clip(tmp_path / "clip.mp4", gop=10)
    with RtspServer(garbled(clip, tmp_path / "garbled.mp4")) as server:
        spec = CameraSpec("yard", server.url(), open_timeout_s=2.0, stall_timeout_s=2.0)
        with CaptureRoom([spec]) as room:
            eventually(lambda: room.status("yard").state is CameraState.DEGRADED)
            (problem,) = room.capture.problems()
            assert (problem.code, problem.component) == ("camera_blind", "camera:yard")
            throughout(lambda: room.status("yard").state is CameraState.DEGRADED, for_s=5.0)
            (later,) = room.capture.problems()
            assert later.since_unix_ms == problem.since_unix_ms
            assert room.status("yard").frames_total > 50
            assert room.buffer.newest("yard") is None
            server.mount("/live", clip)
            server.disconnect()
            eventually(lambda: room.status("yard").state is CameraState.ONLINE)
            assert room.capture.problems() == []
