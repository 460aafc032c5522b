"""The cable is pulled, and put back a minute later."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from surveil.capture import CameraSpec, DecodeMode, Transport
from surveil.clock import ns
from tests.support import faults
from tests.support.clips import render_clip
from tests.support.link import Link, unavailable
from tests.support.room import Bystander, CaptureRoom
from tests.support.rtsp import RtspServer
from tests.support.waiting import throughout

pytestmark = [pytest.mark.usefixtures("rtsp_available"), pytest.mark.timeout(600)]


@pytest.fixture
def link() -> Iterator[Link]:
    if reason := unavailable():
        pytest.skip(reason)
    with Link() as link:
        yield link


@pytest.mark.parametrize("transport", [Transport.TCP, Transport.UDP])
def test_a_link_that_is_cut_and_restored(link: Link, tmp_path: Path, transport: Transport) -> None:
    """Given a cable pulled for 60 s, when it is back, pictures come again within the back-off and the open deadline;
    the camera next to it lost none."""
    clip = render_clip(tmp_path / "clip.mp4", gop=10)
    cut_s = faults.times(60)
    with (
        RtspServer(clip) as near,
        RtspServer(clip, address=link.address, wrapper=link.inside) as far,
    ):
        yard = CameraSpec(
            "yard",
            far.url(),
            transport=transport,
            decode=DecodeMode.ALL,
            open_timeout_s=2.0,
            read_timeout_s=1.0,
        )
        neighbour = CameraSpec("neighbour", near.url(), decode=DecodeMode.ALL)
        with CaptureRoom([yard, neighbour]) as room:
            bystander = Bystander(room, "neighbour")
            before = room.frame("yard")
            link.cut()
            told = room.lost("yard").reason or ""
            assert "down" in told or "does not answer" in told or "cannot be reached" in told
            throughout(lambda: room.status("yard").reconnects_total == 0, cut_s)
            bystander.check()
            link.mend()
            mended_ns = room.clock.monotonic_ns()
            room.back("yard", reconnects=1)
            after = room.frame("yard", after=before)
            assert after.captured_mono_ns - mended_ns < ns(15.0)
            bystander.check()
