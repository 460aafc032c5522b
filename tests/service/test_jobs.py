"""Jobs run when due, one at a time, survive steps of the wall clock, and never fail in silence."""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Iterator

import pytest

from surveil.clock import SystemClock, ns
from surveil.service.jobs import Jobs
from tests.fakes import FakeClock
from tests.support.waiting import eventually


@pytest.fixture
def failures() -> list[tuple[str, BaseException]]:
    return []


@pytest.fixture
def jobs(failures: list[tuple[str, BaseException]]) -> Iterator[Jobs]:
    jobs = Jobs(
        clock=SystemClock(),
        on_failure=lambda name, error: failures.append((name, error)),
        timezone=dt.UTC,
    )
    yield jobs
    jobs.stop(in_seconds(5))


def in_seconds(seconds: float) -> int:
    return SystemClock().monotonic_ns() + ns(seconds)


def next_run_s(jobs: Jobs, name: str) -> float:
    """Seconds until the job's next run, by the machine's clock."""
    job = jobs._scheduler.get_job(name)
    moment: dt.datetime = job.next_run_time
    return (moment - dt.datetime.now(dt.UTC)).total_seconds()


def test_a_job_runs_again_and_again_in_a_named_thread(jobs: Jobs) -> None:
    threads: list[str] = []
    done = threading.Event()

    def work() -> None:
        threads.append(threading.current_thread().name)
        if len(threads) == 3:
            done.set()

    jobs.every("stats", 0.02, work, first_after_s=0)
    jobs.start()
    assert done.wait(20)
    assert set(threads) == {"job-stats"}


def test_the_first_run_may_come_sooner_than_the_interval(jobs: Jobs) -> None:
    ran = threading.Event()
    jobs.every("canary", 3600, ran.set, first_after_s=0)
    jobs.start()
    assert ran.wait(20)


def test_a_job_added_after_the_start_runs_too(jobs: Jobs) -> None:
    ran = threading.Event()
    jobs.start()
    jobs.every("late", 3600, ran.set, first_after_s=0)
    assert ran.wait(20)


def test_an_exception_is_handed_on_never_only_logged(
    jobs: Jobs, failures: list[tuple[str, BaseException]], caplog: pytest.LogCaptureFixture
) -> None:
    error = ValueError("boom")

    def fail() -> None:
        raise error

    jobs.every("retention", 3600, fail, first_after_s=0)
    jobs.start()
    eventually(lambda: failures)
    assert failures == [("job retention", error)]
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_the_death_of_the_scheduler_itself_is_handed_on(
    jobs: Jobs, failures: list[tuple[str, BaseException]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise RuntimeError("scheduler broke")

    monkeypatch.setattr(jobs._scheduler, "_process_jobs", broken)
    jobs.start()
    eventually(lambda: failures)
    assert failures[0][0] == "scheduler"


def test_two_runs_of_one_job_never_overlap(jobs: Jobs) -> None:
    running, most, runs = 0, 0, 0
    enough = threading.Event()
    pause = threading.Event()

    def work() -> None:
        nonlocal running, most, runs
        running += 1
        most = max(most, running)
        pause.wait(0.05)
        running -= 1
        runs += 1
        if runs == 3:
            enough.set()

    jobs.every("slow", 0.01, work, first_after_s=0)
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    jobs.start()
    assert enough.wait(30)
    assert most == 1


def test_after_a_step_jobs_are_due_by_the_monotonic_clock() -> None:
    """Given an hourly job half an hour from its run, when the wall clock jumps and jobs are added again, then half an
    hour is left: neither a run at once nor none for fifty years."""
    clock = FakeClock()
    jobs = Jobs(clock=clock, on_failure=lambda *_: None, timezone=dt.UTC)
    jobs.every("hourly", 3600, lambda: None)
    jobs.start()
    clock.advance(1800)
    clock.step_wall(-50 * 365 * 86_400)
    jobs.readd()
    assert 1500 < next_run_s(jobs, "hourly") <= 1800 + 1  # counted from the real clock
    jobs.stop(clock.monotonic_ns())


def test_a_job_that_is_overdue_at_a_step_runs_at_once() -> None:
    clock = FakeClock()
    ran = threading.Event()
    jobs = Jobs(clock=clock, on_failure=lambda *_: None, timezone=dt.UTC)
    jobs.every("hourly", 3600, ran.set)
    jobs.start()
    clock.advance(4000)
    jobs.readd()
    assert ran.wait(20)
    jobs.stop(clock.monotonic_ns())


def test_stop_waits_for_a_run_and_names_one_that_does_not_end(jobs: Jobs) -> None:
    begun, release = threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        release.wait(60)

    jobs.every("backup", 3600, hang, first_after_s=0)
    jobs.start()
    assert begun.wait(20)
    assert jobs.stop(in_seconds(0.05)) == ["backup"]
    release.set()
    assert jobs.stop(in_seconds(20)) == []


def test_stop_before_start_is_no_error(jobs: Jobs) -> None:
    assert jobs.stop(in_seconds(1)) == []


def test_every_run_is_reported_when_it_begins() -> None:
    runs: list[str] = []
    ran = threading.Event()
    jobs = Jobs(
        clock=SystemClock(), on_failure=lambda *_: None, on_run=runs.append, timezone=dt.UTC
    )
    jobs.every("stats", 3600, ran.set, first_after_s=0)
    jobs.start()
    assert ran.wait(20)
    assert runs == ["stats"]
    assert jobs.stop(in_seconds(20)) == []
