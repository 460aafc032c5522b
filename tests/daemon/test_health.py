"""Problems open, change their words, and close; each change is told once."""

from __future__ import annotations

import threading

import pytest

from surveil.daemon.health import Health
from surveil.records import Problem
from tests.fakes import FakeClock


@pytest.fixture
def told() -> list[tuple[Problem, ...]]:
    return []


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(unix_s=100.0)


@pytest.fixture
def health(clock: FakeClock, told: list[tuple[Problem, ...]]) -> Health:
    return Health(clock.unix_ms, told.append)


def test_a_problem_degrades_and_its_end_heals(
    health: Health, told: list[tuple[Problem, ...]]
) -> None:
    states = [health.state]
    health.set("disk", "1 GB is free")
    states.append(health.state)
    health.clear("disk")
    states.append(health.state)
    assert states == ["ok", "degraded", "ok"]
    assert told == [(Problem("disk", "1 GB is free", 100_000),), ()]


def test_only_changes_are_told(health: Health, told: list[tuple[Problem, ...]]) -> None:
    health.clear("disk")
    health.set("disk", "full")
    health.set("disk", "full")
    assert len(told) == 1


def test_new_words_keep_the_time_of_the_beginning(health: Health, clock: FakeClock) -> None:
    health.set("disk", "2 GB")
    clock.advance(60)
    health.set("disk", "1 GB")
    assert health.problems == (Problem("disk", "1 GB", 100_000),)


def test_texts_hold_no_credentials(health: Health) -> None:
    health.set("camera", "rtsp://u:hunter2@h/ is down")
    assert "hunter2" not in health.problems[0].text


def test_the_one_who_is_told_may_use_health(clock: FakeClock) -> None:
    """A callback that reads, or changes, must not wait for a lock that its caller holds."""
    health: Health

    def on_change(problems: tuple[Problem, ...]) -> None:
        if any(problem.code == "a" for problem in health.problems):
            health.clear("a")

    health = Health(clock.unix_ms, on_change)
    health.set("a", "x")
    assert health.problems == ()


def test_many_threads_leave_no_problem_behind_and_the_last_word_is_true(clock: FakeClock) -> None:
    told: list[tuple[Problem, ...]] = []
    health = Health(clock.unix_ms, told.append)

    def flap(code: str) -> None:
        for _ in range(200):
            health.set(code, "x")
            health.clear(code)

    threads = [threading.Thread(target=flap, args=(f"c{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert health.problems == ()
    assert told[-1] == ()
