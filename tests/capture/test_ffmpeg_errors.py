"""What a person is told when a camera cannot be opened."""

from __future__ import annotations

import socket

import pytest

from surveil.capture.camera_spec import CameraSpec
from surveil.capture.sources import LiveSource
from surveil.clock import SystemClock
from surveil.errors import SourceError


def reason(url: str, **more: object) -> str:
    spec = CameraSpec("yard", url, open_timeout_s=0.5, read_timeout_s=0.5, **more)  # type: ignore[arg-type]
    with pytest.raises(SourceError) as caught:
        LiveSource(spec, url, clock=SystemClock())
    told = str(caught.value)
    assert "s3cret" not in told
    assert "\n" not in told
    assert caught.value.__cause__ is None, "FFmpeg's error holds the URL with its password"
    return told


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_a_refused_connection_names_host_and_port(scheme: str) -> None:
    told = reason(f"{scheme}://joe:s3cret@127.0.0.1:9/live")
    assert told.startswith("127.0.0.1 refuses connections on port 9")


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_an_unknown_name_is_told_as_such(scheme: str) -> None:
    told = reason(f"{scheme}://joe:s3cret@no-such-camera.invalid/live")
    assert told.startswith("no host no-such-camera.invalid is known")


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_a_silent_server_is_told_after_the_deadline(scheme: str) -> None:
    """FFmpeg calls it invalid data."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        told = reason(f"{scheme}://joe:s3cret@127.0.0.1:{port}/live")
    assert told == "127.0.0.1 took the connection but sent no stream within 0.5 s"


def test_a_missing_device_says_which_there_are() -> None:
    told = reason("/dev/video99")
    assert told.startswith("device /dev/video99 does not exist; this machine has ")


def test_a_wrong_scheme_says_what_is_allowed() -> None:
    assert "use rtsp, http, still+http, v4l2 or a file" in reason("rtps://joe:s3cret@10.0.0.2/live")


def test_a_wrong_option_is_told() -> None:
    told = reason("rtsp://joe:s3cret@127.0.0.1:9/live", options={"rtsp_transport": "pigeon"})
    assert told.startswith("FFmpeg refuses `options` or `transport` of this camera")


def test_a_url_that_cannot_be_parsed_is_told() -> None:
    assert reason("rtsp://joe:s3cret@[fe80::1/live")
