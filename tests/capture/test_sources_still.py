"""Pictures fetched one by one over HTTP."""

from __future__ import annotations

import pytest

from surveil.capture.av_picture import AvPicture
from surveil.capture.camera_spec import CameraSpec
from surveil.capture.decoder import Decoder, Slot
from surveil.capture.sources import StillSource
from surveil.errors import SourceError
from surveil.records import CameraState
from tests.fakes import FakeClock
from tests.support.clips import read_number
from tests.support.room import CaptureRoom
from tests.support.still_camera import StillCamera
from tests.support.waiting import eventually


def numbers(spec: CameraSpec, count: int) -> tuple[list[int], float]:
    """(numbers of the first pictures, seconds that passed)."""
    clock = FakeClock()

    def wait(seconds: float) -> bool:
        clock.advance(seconds)
        return False

    start_ns = clock.monotonic_ns()
    source = StillSource(spec, clock=clock, wait=wait)
    decoder = Decoder(source.info)
    found: list[int] = []
    while len(found) < count:
        if arrival := source.read():
            for decoded in decoder.alone(arrival.packet, Slot("r", 0, 0, 0)):
                found.append(read_number(AvPicture(decoded.picture).rgb(320, 180)))
    source.close()
    return found, (clock.monotonic_ns() - start_ns) / 1e9


@pytest.mark.parametrize("name", ["now.jpg", "now.png"])
def test_a_picture_is_fetched_every_period(address: str, name: str) -> None:
    spec = CameraSpec("yard", f"still+http://{address}/{name}", poll_s=2.0)
    found, took_s = numbers(spec, 4)
    assert found == [1, 2, 3, 4]
    assert took_s == pytest.approx(6.0)


def test_without_a_period_the_sampling_interval_is_followed(address: str) -> None:
    spec = CameraSpec("yard", f"still+http://{address}/now.jpg", interval_s=7.0)
    assert numbers(spec, 2)[1] == pytest.approx(7.0)


def test_a_login_is_given_when_asked_for(address: str) -> None:
    inside = CameraSpec("yard", f"still+http://joe:p%40ss@{address}/private.jpg")
    beside = CameraSpec(
        "yard", f"still+http://{address}/private.jpg", username="joe", password="p@ss"
    )
    assert numbers(inside, 1)[0] == [1]
    assert numbers(beside, 1)[0] == [2]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("private.jpg", "refuses the user name or password"),
        ("lost.jpg", "knows no such stream"),
        ("page", "sends nothing that FFmpeg can read"),
    ],
)
def test_what_is_no_picture_is_a_reason(address: str, path: str, told: str) -> None:
    spec = CameraSpec("yard", f"still+http://joe:s3cret@{address}/{path}")
    with pytest.raises(SourceError, match=told) as caught:
        numbers(spec, 1)
    assert "s3cret" not in str(caught.value)


def test_nobody_there_is_a_reason() -> None:
    with pytest.raises(SourceError, match="refuses connections"):
        numbers(CameraSpec("yard", "still+http://127.0.0.1:9/now.jpg"), 1)


def test_stills_that_end_in_their_middle_are_told_and_not_shown(address: str) -> None:
    """Given a camera whose every picture is cut short, it is degraded, and online again with the first whole one."""
    spec = CameraSpec(
        "yard",
        f"still+http://{address}/now.jpg",
        poll_s=0.1,
        stall_timeout_s=1.0,
        read_timeout_s=1.0,
    )
    StillCamera.halves = True
    with CaptureRoom([spec]) as room:
        eventually(lambda: room.status("yard").state is CameraState.DEGRADED)
        assert room.buffer.newest("yard") is None
        (problem,) = room.capture.problems()
        assert (problem.code, problem.component) == ("camera_blind", "camera:yard")
        StillCamera.halves = False
        eventually(lambda: room.status("yard").state is CameraState.ONLINE)
        assert room.capture.problems() == []
