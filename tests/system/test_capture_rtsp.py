"""Cameras of every kind, from a real RTSP server and a real HTTP server."""

from __future__ import annotations

import logging
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from surveil.capture import CameraSpec, DecodeMode, Transport
from surveil.records import CameraState
from tests.support.clips import numbered_picture, read_number, render_clip
from tests.support.room import CaptureRoom
from tests.support.rtsp import RtspServer
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("rtsp_available")

PASSWORD = "p@:/# %s3cret"
CODECS = {"h264": "libx264", "hevc": "libx265", "mjpeg": "mjpeg"}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("clips")
    return {
        name: render_clip(folder / f"{name}.mp4", codec=codec) for name, codec in CODECS.items()
    }


@pytest.fixture(scope="module")
def server(rtsp_available: None, clips: dict[str, Path]) -> Iterator[RtspServer]:
    mounts: dict[str, Path | str] = {f"/{name}": path for name, path in clips.items()}
    with RtspServer(mounts) as running:
        yield running


def see_numbers(room: CaptureRoom, camera_id: str) -> None:
    """Pictures come, and each shows the number that follows from its own."""
    first = room.frame(camera_id)
    later = eventually(lambda: (f := room.frame(camera_id)).seq >= first.seq + 5 and f)
    assert later
    shift = (read_number(later.rgb()) - read_number(first.rgb())) % 50
    assert shift == (later.seq - first.seq) % 50


@pytest.mark.parametrize("transport", [Transport.AUTO, Transport.TCP, Transport.UDP])
@pytest.mark.parametrize("codec", list(CODECS))
def test_every_codec_comes_over_every_transport(
    server: RtspServer, codec: str, transport: Transport
) -> None:
    spec = CameraSpec(
        "yard", server.url(f"/{codec}"), transport=transport, decode=DecodeMode.ALL, interval_s=1.0
    )
    with CaptureRoom([spec]) as room:
        see_numbers(room, "yard")


@pytest.mark.parametrize("digest", [False, True])
def test_a_login_is_given_and_a_wrong_one_is_told_without_it(
    clips: dict[str, Path], digest: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Given three cameras with the right login beside and inside the URL and a wrong one, two play, and the third says
    what to check; no password is in any log line or status."""
    with RtspServer(clips["h264"], user="joe", password=PASSWORD, digest=digest) as server:
        specs = [
            CameraSpec("beside", server.url(), username="joe", password=PASSWORD),
            CameraSpec("inside", server.url(user="joe", password=PASSWORD)),
            CameraSpec("wrong", server.url(), username="joe", password="wr0ng-s3cret"),
            CameraSpec("without", server.url()),
        ]
        with caplog.at_level(logging.DEBUG), CaptureRoom(specs) as room:
            room.frame("beside")
            room.frame("inside")
            told = {name: room.lost(name).reason or "" for name in ("wrong", "without")}
    assert told["wrong"].startswith("127.0.0.1 refuses the user name or password; check ")
    assert told["without"].startswith("127.0.0.1 asks for a user name and password; check ")
    assert "s3cret" not in caplog.text + str(told)


def test_a_path_that_is_not_served_is_told(server: RtspServer) -> None:
    with CaptureRoom([CameraSpec("yard", server.url("/nothing"))]) as room:
        assert room.lost("yard").reason == "127.0.0.1 knows no such stream; check the path in `url`"


def test_a_camera_that_speaks_udp_only(clips: dict[str, Path]) -> None:
    """Given no word about the transport, UDP is tried when TCP is refused; given TCP, the refusal is told."""
    with RtspServer(clips["h264"], udp_only=True) as server:
        specs = [
            CameraSpec("auto", server.url(), decode=DecodeMode.ALL),
            CameraSpec("tcp", server.url(), transport=Transport.TCP),
        ]
        with CaptureRoom(specs) as room:
            see_numbers(room, "auto")
            told = "127.0.0.1 refuses `transport: tcp`; try `transport: auto`"
            assert room.lost("tcp").reason == told


def test_rtsp_over_tls(clips: dict[str, Path], tmp_path: Path) -> None:
    pem = tmp_path / "camera.pem"
    made = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=camera"
    subprocess.run(
        [*made.split(), "-keyout", pem, "-out", tmp_path / "cert.pem"],
        check=True,
        capture_output=True,
    )
    pem.write_bytes((tmp_path / "cert.pem").read_bytes() + pem.read_bytes())
    with RtspServer(clips["h264"], certificate=pem) as server:
        plain = server.url().replace("rtsps://", "rtsp://")
        specs = [
            CameraSpec("scheme", server.url(), decode=DecodeMode.ALL),
            CameraSpec("option", plain, transport=Transport.TLS, decode=DecodeMode.ALL),
        ]
        with CaptureRoom(specs) as room:
            see_numbers(room, "scheme")
            see_numbers(room, "option")


def test_auto_decodes_keyframes_only_once_it_knows_the_stream(server: RtspServer) -> None:
    """Given a keyframe a second and a look every 5 s, after the first seconds only keyframes become pictures."""
    with CaptureRoom([CameraSpec("yard", server.url("/h264"), interval_s=5.0)]) as room:
        frame = eventually(lambda: (f := room.frame("yard")).seq >= 75 and f, 20.0)
        assert frame
        assert frame.is_key
        room.capture.decode_all_for("yard", 5.0)
        eventually(lambda: not room.frame("yard").is_key)


class Mjpeg(BaseHTTPRequestHandler):
    """An old camera: JPEGs in a multipart answer without end."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=--frame")
        self.end_headers()
        pause = threading.Event()
        number = 0
        try:
            while True:
                body = BytesIO()
                Image.fromarray(numbered_picture(number % 50)).save(body, "JPEG")
                head = (
                    f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {body.tell()}\r\n\r\n"
                )
                self.wfile.write(head.encode() + body.getvalue() + b"\r\n")
                number += 1
                pause.wait(0.04)
        except OSError:
            pass

    def log_message(self, *_args: object) -> None:
        pass


def test_mjpeg_over_http() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Mjpeg) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        url = f"http://joe:s3cret@127.0.0.1:{server.server_address[1]}/video.mjpg"
        spec = CameraSpec("yard", url, decode=DecodeMode.ALL)
        with CaptureRoom([spec]) as room:
            see_numbers(room, "yard")
            assert room.status("yard").state is CameraState.ONLINE
        server.shutdown()
        thread.join()
