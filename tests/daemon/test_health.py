"""Health is what the parts say: asked each second, told when it changed, kept since it began."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import pytest

from surveil.daemon.health import MAX_TEXT, HealthMonitor
from surveil.records import Problem
from tests.fakes import FakeClock


class Part:
    """A Component that says what the test says, or cannot."""

    def __init__(self, name: str, *problems: Problem) -> None:
        self.name = name
        self.said = list(problems)
        self.broken = False

    def problems(self) -> Sequence[Problem]:
        if self.broken:
            raise ZeroDivisionError("no answer")
        return self.said

    def counters(self) -> Mapping[str, float]:
        return {}


@pytest.fixture
def told() -> list[tuple[Problem, ...]]:
    return []


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(unix_s=100.0)


@pytest.fixture
def part() -> Part:
    return Part("store")


@pytest.fixture
def health(part: Part, clock: FakeClock, told: list[tuple[Problem, ...]]) -> HealthMonitor:
    health = HealthMonitor([part, Part("well")], clock.unix_ms)
    health.listen(told.append)
    return health


def test_a_problem_opens_and_its_end_is_told(
    part: Part, health: HealthMonitor, told: list[tuple[Problem, ...]]
) -> None:
    full = Problem("disk", "full", 1, remedy="make room")
    assert health.tick() == []
    part.said = [full]
    (opened,) = health.tick()
    assert opened == Problem("disk", "full", 1, "store", "make room")
    part.said = []
    health.tick()
    assert told == [(), (opened,), ()], "the first round is told, too: nothing is wrong"


def test_only_changes_are_told(
    part: Part, health: HealthMonitor, told: list[tuple[Problem, ...]]
) -> None:
    part.said = [Problem("disk", "full", 1)]
    assert len(health.tick()) == 1
    assert health.tick() == []
    assert len(told) == 1
    part.said = [Problem("disk", "fuller", 1)]
    assert health.tick() == [], "new words are no new problem"
    assert told[-1][0].text == "fuller"


def test_the_beginning_stays_whatever_the_part_says_later(
    part: Part, health: HealthMonitor
) -> None:
    for since_ms in (5, 9):
        part.said = [Problem("disk", "full", since_ms)]
        health.tick()
    assert [problem.since_unix_ms for problem in health.problems] == [5]


def test_one_code_of_two_instances_is_two_problems_and_said_twice_is_one(
    part: Part, health: HealthMonitor
) -> None:
    part.said = [
        Problem("webhook_failing", "refused", 7, "delivery-webhook:desk"),
        Problem("webhook_failing", "refused", 3, "delivery-webhook:gate"),
        Problem("webhook_failing", "drips", 1, "delivery-webhook:gate"),
    ]
    health.tick()
    assert [(p.component, p.text, p.since_unix_ms) for p in health.problems] == [
        ("delivery-webhook:gate", "refused; drips", 1),
        ("delivery-webhook:desk", "refused", 7),
    ]


def test_a_part_that_cannot_answer_is_a_problem_and_stops_no_other(
    part: Part,
    clock: FakeClock,
    told: list[tuple[Problem, ...]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    other = Part("other", Problem("behind", "late", 1))
    health = HealthMonitor([part, other], clock.unix_ms)
    part.broken = True
    for _ in range(3):
        health.tick()
    mute = {problem.component: problem for problem in health.problems}
    assert mute["store"].code == "component_failed"
    assert mute["store"].since_unix_ms == 100_000
    assert "ZeroDivisionError: no answer" in mute["store"].text
    assert mute["other"].code == "behind"
    stacks = [record for record in caplog.records if record.exc_info]
    assert len(stacks) == 1, "the stack is logged once, not each second"
    part.broken = False
    health.tick()
    assert [problem.code for problem in health.problems] == ["behind"]


def test_opening_and_end_are_logged_and_new_words_are_not(
    part: Part, health: HealthMonitor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for text in ("1 waits", "2 wait", "3 wait"):
        part.said = [Problem("disk", text, 1, remedy="make room")]
        health.tick()
    part.said = []
    health.tick()
    assert [record.getMessage() for record in caplog.records] == [
        "problem disk (store): 1 waits; make room",
        "problem disk (store) is over",
    ]


def test_texts_are_one_line_without_credentials_and_bounded(
    part: Part, health: HealthMonitor
) -> None:
    part.said = [
        Problem("camera", "rtsp://u:hunter2@h/ is down\nand " + "x" * 9_999, 1, remedy="a\nb")
    ]
    health.tick()
    (problem,) = health.problems
    assert "hunter2" not in problem.text
    assert "\n" not in problem.text
    assert len(problem.text) == MAX_TEXT
    assert problem.remedy == "a b"
