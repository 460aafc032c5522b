"""One camera's state: what the facts come to, whoever tells them and in whichever order."""

from __future__ import annotations

import logging

import pytest

from surveil.capture.camera_spec import CameraSpec
from surveil.capture.stream_status import SLOW_OPENING_S, StreamStatus
from surveil.records import CameraState, CameraStatus
from tests.fakes import FakeClock

SPEC = CameraSpec("yard", "rtsp://camera.lan/live", stall_timeout_s=10.0)


class Told:
    """A status on a clock that the test moves."""

    def __init__(self, spec: CameraSpec = SPEC) -> None:
        self.clock = FakeClock()
        self.status = StreamStatus(spec, self.clock)

    def packets(self, seconds: int, *, shown: bool) -> CameraStatus:
        """One a second, each decoded."""
        for _ in range(seconds):
            self.clock.advance(1.0)
            self.status.arrived(self.clock.monotonic_ns())
            self.status.tried()
            if shown:
                self.status.shown((320, 180))
        return self.now()

    def now(self) -> CameraStatus:
        return self.status.status(dropped_total=0)


@pytest.fixture
def told() -> Told:
    told = Told()
    told.status.opening()
    told.status.opened()
    return told


def code(told: Told) -> str | None:
    problem = told.status.problem()
    return problem.code if problem else None


def test_a_connection_is_not_online_and_neither_are_packets(told: Told) -> None:
    assert told.packets(9, shown=False).state is CameraState.CONNECTING
    assert told.packets(1, shown=True).state is CameraState.ONLINE
    assert code(told) is None


def test_a_stall_is_over_with_the_first_packets(told: Told) -> None:
    """Given a silence that main has seen, when packets and pictures come again, nothing is left of it."""
    told.packets(3, shown=True)
    told.clock.advance(10.5)
    assert told.now().reason == "stalled: no frame for 10 s"
    assert (told.now().state, code(told)) == (CameraState.OFFLINE, "camera_offline")
    told.status.arrived(told.clock.monotonic_ns())
    assert told.now().state is CameraState.ONLINE
    assert told.packets(90, shown=True).reason is None


def test_a_stall_after_which_packets_come_but_no_pictures_is_blindness(told: Told) -> None:
    told.packets(3, shown=True)
    told.clock.advance(10.5)
    status = told.packets(90, shown=False)
    assert (status.state, code(told)) == (CameraState.DEGRADED, "camera_blind")
    assert (status.reason or "").startswith("blind: packets come")


def test_pictures_that_are_wanted_rarely_are_not_missed(told: Told) -> None:
    """Given keyframes only, half a minute apart, what was not decoded is nobody's failure."""
    told.packets(1, shown=True)
    for _ in range(30):
        told.clock.advance(1.0)
        told.status.arrived(told.clock.monotonic_ns())
    assert told.now().state is CameraState.ONLINE


def test_a_problem_begins_once_and_ends_with_a_picture(told: Told) -> None:
    told.clock.advance(1.0)
    told.status.failed("camera.lan refuses connections")
    began = told.status.problem()
    assert began
    assert began.component == "camera:yard"
    assert began.text == "camera yard is offline: camera.lan refuses connections"
    assert began.remedy
    for _ in range(5):
        told.clock.advance(20.0)
        told.status.opening()
        told.status.failed("camera.lan does not answer")
    later = told.status.problem()
    assert later
    assert later.since_unix_ms == began.since_unix_ms
    assert "does not answer" in later.text
    told.status.opened()
    assert code(told) == "camera_offline", "not before a picture"
    told.packets(1, shown=True)
    assert code(told) is None


def test_a_look_up_that_hangs_is_told_before_the_thread_is_given_up() -> None:
    """Given a name server that says nothing, an opening that nothing interrupts: offline within 25 s."""
    told = Told()
    told.status.opening()
    assert told.now().state is CameraState.CONNECTING
    told.clock.advance(2 * SPEC.open_timeout_s + 2.1)
    assert told.now().state is CameraState.OFFLINE
    assert "name server" in (told.now().reason or "")
    assert code(told) == "camera_offline"
    slow = Told(CameraSpec("yard", SPEC.url, open_timeout_s=300.0))
    slow.status.opening()
    slow.clock.advance(SLOW_OPENING_S + 0.1)
    assert slow.now().state is CameraState.OFFLINE


def test_a_hung_thread_is_stuck_until_something_comes(told: Told) -> None:
    told.status.hung("hung for more than 15 s inside FFmpeg or a driver; replaced")
    assert (told.now().state, code(told)) == (CameraState.STUCK, "camera_stuck")
    told.status.opening()
    assert told.now().state is CameraState.STUCK
    told.status.opened()
    told.packets(1, shown=True)
    assert told.now().state is CameraState.ONLINE


def test_a_picture_with_nothing_in_it_is_a_problem_of_its_own(told: Told) -> None:
    told.status.shown((320, 180), wrong="black picture: there is nothing in it")
    assert (told.now().state, code(told)) == (CameraState.DEGRADED, "camera_tampered")
    told.status.shown((320, 180))
    assert code(told) is None


def test_a_changed_stall_time_counts_at_once(told: Told) -> None:
    told.packets(1, shown=True)
    told.clock.advance(5.0)
    assert told.now().state is CameraState.ONLINE
    told.status.adopt(CameraSpec("yard", SPEC.url, stall_timeout_s=3.0))
    assert told.now().reason == "stalled: no frame for 3 s"


def test_asking_again_is_no_news(told: Told, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        told.packets(3, shown=True)
        told.clock.advance(11.0)
        for _ in range(5):
            told.now()
    assert [record.getMessage() for record in caplog.records] == [
        "camera yard is online (was connecting)",
        "camera yard is offline: stalled: no frame for 10 s (was online)",
    ]
