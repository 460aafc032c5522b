"""Captioners pull from the sampler through a lock; what is injected goes first."""

from __future__ import annotations

import threading

from surveil.clock import SystemClock, ns
from surveil.records import Frame, Look, LookReason
from surveil.scheduling import CameraPlan, Gates, Sampler
from surveil.scheduling.scheduler import Looks
from tests.fakes import FakeClock, make_frame


class OneCamera:
    def __init__(self, frame: Frame | None) -> None:
        self.frame = frame

    def newest(self, camera_id: str) -> Frame | None:
        return self.frame


def plan() -> CameraPlan:
    return CameraPlan("yard", interval_s=5, max_interval_s=60, gates=Gates(None, None))


def test_an_injected_look_comes_first_and_counts_against_the_limit() -> None:
    clock = FakeClock()
    looks = Looks(Sampler(OneCamera(make_frame("yard"))), clock)
    looks.set_plans([plan()])
    canary = Look(make_frame("(canary)"), LookReason.REQUESTED, clock.monotonic_ns())
    looks.inject(canary)
    assert looks.pull(1).looks == [canary]
    assert [look.frame.camera_id for look in looks.pull(1).looks] == ["yard"]
    looks.captioned(canary)


def test_a_request_ends_the_captioners_wait() -> None:
    looks = Looks(Sampler(OneCamera(None)), SystemClock())
    looks.set_plans([])
    waiting = threading.Thread(target=looks.wait, args=(30.0,))
    waiting.start()
    looks.request("yard")
    looks.close()
    waiting.join(5)
    assert not waiting.is_alive()


def test_after_close_nobody_waits() -> None:
    clock = SystemClock()
    looks = Looks(Sampler(OneCamera(None)), clock)
    looks.close()
    began_ns = clock.monotonic_ns()
    looks.wait(30.0)
    assert clock.monotonic_ns() - began_ns < ns(10)
