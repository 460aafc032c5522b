"""A worker ends when told, tells when it fails, and is never waited for past the deadline."""

import threading

import pytest

from surveil.clock import SystemClock, ns
from surveil.worker import Worker, stop_and_join
from tests.fakes import FakeClock


class Counting(Worker):
    """Counts its steps and remembers the order of its life."""

    def __init__(self, **kwargs: object) -> None:
        super().__init__("counting", clock=SystemClock(), **kwargs)  # type: ignore[arg-type] # test-only pass-through
        self.life: list[str] = []
        self.stepped = threading.Event()

    def begin(self) -> None:
        self.life.append("begin")

    def step(self) -> None:
        self.life.append("step")
        self.stepped.set()
        self.wait(0.01)

    def finish(self) -> None:
        self.life.append("finish")


class Failing(Counting):
    def step(self) -> None:
        raise ValueError("boom")


class Hanging(Counting):
    """Ignores its stop flag until released, as native code does."""

    def __init__(self) -> None:
        super().__init__()
        self.release = threading.Event()

    def step(self) -> None:
        self.stepped.set()
        self.release.wait(30)


def deadline_in(seconds: float) -> int:
    return SystemClock().monotonic_ns() + ns(seconds)


def test_life_is_begin_steps_finish() -> None:
    worker = Counting()
    worker.start()
    assert worker.stepped.wait(10)
    worker.stop()
    assert worker.join(deadline_in(10))
    assert worker.life[0] == "begin"
    assert worker.life[-1] == "finish"
    assert "step" in worker.life
    assert not worker.alive


def test_stop_before_start_runs_no_step() -> None:
    worker = Counting()
    worker.stop()
    worker.start()
    assert worker.join(deadline_in(10))
    assert worker.life == ["begin", "finish"]


def test_join_of_a_worker_never_started_is_immediate() -> None:
    assert Counting().join(deadline_in(0))


def test_failure_is_kept_and_told_and_finish_still_runs() -> None:
    told: list[tuple[Worker, BaseException]] = []
    worker = Failing(on_failure=lambda who, error: told.append((who, error)))
    worker.start()
    assert worker.join(deadline_in(10))
    assert isinstance(worker.failure, ValueError)
    assert told == [(worker, worker.failure)]
    assert worker.life[-1] == "finish"


def test_survivor_of_the_deadline_is_named_and_its_stack_can_be_read() -> None:
    hanging, good = Hanging(), Counting()
    for worker in (hanging, good):
        worker.start()
        assert worker.stepped.wait(10)
    clock = SystemClock()
    late = stop_and_join([hanging, good], clock=clock, deadline_mono_ns=deadline_in(0.2))
    assert hanging in late
    assert "release.wait" in hanging.stack()
    hanging.release.set()
    assert hanging.join(deadline_in(10))
    assert good.join(deadline_in(10))


def test_beat_age_counts_from_the_last_beat() -> None:
    clock = FakeClock()
    worker = Worker("w", clock=clock)
    clock.advance(3)
    assert worker.beat_age_s() == pytest.approx(3)
    worker.beat()
    assert worker.beat_age_s() == 0
