"""A camera that drips: each read brings something, and nothing is ever whole. Its deadlines are totals all the same."""

from __future__ import annotations

import io
import time
from pathlib import Path

import pytest
from PIL import Image

from surveil.capture import CameraSpec, DecodeMode
from surveil.capture.sources import open_source
from surveil.clock import SystemClock
from surveil.errors import SourceError
from surveil.records import CameraState
from tests.support.clips import numbered_picture
from tests.support.dripping_server import DrippingServer
from tests.support.room import Bystander, CaptureRoom
from tests.support.waiting import eventually

OPEN_S = READ_S = 0.5
STALL_S = 2.0
HTTP = b"HTTP/1.0 200 OK\r\nContent-Type: "
PARTS = HTTP + b"multipart/x-mixed-replace; boundary=x\r\n\r\n"


def picture() -> bytes:
    body = io.BytesIO()
    Image.fromarray(numbered_picture(5)).save(body, "JPEG")
    return body.getvalue()


def part() -> bytes:
    jpeg = picture()
    return b"--x\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n" % (
        len(jpeg),
        jpeg,
    )


DRIPS = [
    pytest.param("http", b"", b"HTTP/1.0 200 OK\r\nX: " + b"y" * 9_999, id="a header"),
    pytest.param("http", PARTS, part(), id="the first picture"),
    pytest.param(
        "still+http", b"", b"HTTP/1.0 200 OK\r\nX: " + b"y" * 9_999, id="a still's header"
    ),
    pytest.param("still+http", HTTP + b"image/jpeg\r\n\r\n", picture(), id="a still"),
    pytest.param("rtsp", b"", b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nX: " + b"y" * 9_999, id="RTSP"),
]


def spec(scheme: str, port: int) -> CameraSpec:
    return CameraSpec(
        "yard",
        f"{scheme}://127.0.0.1:{port}/live",
        open_timeout_s=OPEN_S,
        read_timeout_s=READ_S,
        stall_timeout_s=STALL_S,
    )


@pytest.mark.parametrize(("scheme", "at_once", "dripped"), DRIPS)
def test_opening_ends_within_the_deadlines_of_its_stages(
    scheme: str, at_once: bytes, dripped: bytes
) -> None:
    with DrippingServer(at_once, dripped, every_s=0.05) as server:
        began_s = time.monotonic()
        with pytest.raises(SourceError):
            open_source(
                spec(scheme, server.port),
                spec(scheme, server.port).url,
                clock=SystemClock(),
                wait=lambda _: False,
            )
        assert time.monotonic() - began_s < 2 * OPEN_S + READ_S + 2.0


def test_a_picture_that_drips_in_ends_the_connection_and_other_cameras_go_on(clip: Path) -> None:
    """Given an MJPEG camera that sends four whole pictures and then drips, it is offline within its stall time, opened
    again and again, and a camera beside it misses nothing."""
    with DrippingServer(PARTS + 4 * part(), part(), every_s=0.05) as server:
        neighbour = CameraSpec("neighbour", str(clip), decode=DecodeMode.ALL)
        with CaptureRoom([spec("http", server.port), neighbour]) as room:
            bystander = Bystander(room, "neighbour")
            room.frame("yard")
            began_s = time.monotonic()
            status = room.lost("yard")
            assert time.monotonic() - began_s < STALL_S + 1.0
            assert "nothing came for" in (status.reason or "") or "stalled" in (status.reason or "")
            (problem,) = [p for p in room.capture.problems() if p.component == "camera:yard"]
            assert problem.code == "camera_offline"
            eventually(lambda: server.connections >= 3)
            assert room.status("neighbour").state is CameraState.ONLINE
            bystander.check()
            assert room.capture.abandoned_total == 0
