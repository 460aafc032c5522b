"""Captioners pull from the sampler through a lock; what is injected goes first."""

from __future__ import annotations

import threading

from surveil.clock import SystemClock, ns
from surveil.records import Frame, Sample, SampleReason
from surveil.scheduling import CameraPlan, Gates, Sampler
from surveil.scheduling.scheduler import Scheduler
from tests.fakes import FakeClock, make_frame


class OneCamera:
    def __init__(self, frame: Frame | None) -> None:
        self.frame = frame

    def newest(self, camera_id: str) -> Frame | None:
        return self.frame


def plan() -> CameraPlan:
    return CameraPlan("yard", interval_s=5, max_interval_s=60, gates=Gates(None, None))


def test_an_injected_sample_comes_first_and_counts_against_the_limit() -> None:
    clock = FakeClock()
    scheduler = Scheduler(Sampler(OneCamera(make_frame("yard"))), clock)
    scheduler.set_plans([plan()])
    canary = Sample(make_frame("(canary)"), SampleReason.REQUESTED, clock.monotonic_ns())
    scheduler.inject(canary)
    assert scheduler.pull(1).samples == [canary]
    assert [sample.frame.camera_id for sample in scheduler.pull(1).samples] == ["yard"]
    scheduler.captioned(canary)


def test_a_request_ends_the_captioners_wait() -> None:
    scheduler = Scheduler(Sampler(OneCamera(None)), SystemClock())
    scheduler.set_plans([])
    waiting = threading.Thread(target=scheduler.wait, args=(30.0,))
    waiting.start()
    scheduler.request("yard")
    scheduler.close()
    waiting.join(5)
    assert not waiting.is_alive()


def test_after_close_nobody_waits() -> None:
    clock = SystemClock()
    scheduler = Scheduler(Sampler(OneCamera(None)), clock)
    scheduler.close()
    began_ns = clock.monotonic_ns()
    scheduler.wait(30.0)
    assert clock.monotonic_ns() - began_ns < ns(10)
