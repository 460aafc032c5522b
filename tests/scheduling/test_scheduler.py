"""Captioners pull from the sampler through a lock; what is injected goes first."""

from __future__ import annotations

import threading

import numpy as np

from surveil.clock import SystemClock, ns
from surveil.errors import CaptionError
from surveil.records import Frame, Luma, Sample, SampleReason
from surveil.scheduling import CameraPlan, Gates, Sampler
from surveil.scheduling.scheduler import Scheduler
from tests.fakes import ArrayPicture, FakeClock, make_frame


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


class ProbingPicture(ArrayPicture):
    """While its thumbnail is made, another thread asks the scheduler for something."""

    def __init__(self) -> None:
        super().__init__(np.zeros((54, 96, 3), dtype=np.uint8))
        self.scheduler: Scheduler | None = None
        self.lock_was_free: list[bool] = []

    def luma(self, width_px: int, height_px: int) -> Luma:
        assert self.scheduler
        asking = threading.Thread(target=self.scheduler.report)
        asking.start()
        asking.join(2.0)
        self.lock_was_free.append(not asking.is_alive())
        return super().luma(width_px, height_px)


def test_no_thumbnail_is_made_under_the_lock() -> None:
    picture = ProbingPicture()
    clock = FakeClock()
    scheduler = Scheduler(Sampler(OneCamera(make_frame("yard", picture=picture))), clock)
    picture.scheduler = scheduler
    scheduler.set_plans([CameraPlan("yard", interval_s=5, max_interval_s=60)])
    assert len(scheduler.pull(1).samples) == 1
    assert picture.lock_was_free == [True]


def test_what_waits_for_longer_than_its_interval_is_a_problem() -> None:
    """Given a captioner that takes nothing, after the interval it is told since when; it is over when it has taken
    what waits, and kept up for half a minute."""
    clock = FakeClock()
    scheduler = Scheduler(Sampler(OneCamera(make_frame("yard"))), clock)
    scheduler.set_plans([plan()])
    began_unix_ms = clock.unix_ms()
    scheduler.pull(0)
    clock.advance(5)
    assert scheduler.problems() == []
    clock.advance(1)
    (problem,) = scheduler.problems()
    assert (problem.code, problem.since_unix_ms) == ("behind", began_unix_ms)
    scheduler.pull(1)
    assert [one.since_unix_ms for one in scheduler.problems()] == [began_unix_ms]
    clock.advance(31)
    assert scheduler.problems() == []


def test_what_was_pulled_is_counted() -> None:
    clock = FakeClock()
    scheduler = Scheduler(Sampler(OneCamera(make_frame("yard"))), clock)
    scheduler.set_plans([plan()])
    (sample,) = scheduler.pull(1).samples
    scheduler.failed(sample, CaptionError("no"))
    assert scheduler.counters() == {"samples_total": 1, "unchanged_total": 0, "failed_total": 1}
