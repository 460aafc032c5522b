"""What is wrong with the whole node is told as long as it is."""

from __future__ import annotations

import pytest

from surveil.clock import WallTime
from surveil.daemon.node_problems import NodeProblems
from surveil.errors import ConfigError
from tests.fakes import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(unix_s=100.0)


@pytest.fixture
def node(clock: FakeClock) -> NodeProblems:
    return NodeProblems(clock, WallTime(clock))


def codes(node: NodeProblems) -> list[str]:
    return [problem.code for problem in node.problems()]


def test_a_refused_reload_lasts_until_one_succeeds(node: NodeProblems) -> None:
    node.reload_refused(ConfigError("config.yaml:3: camras is no key"))
    (problem,) = node.problems()
    assert (problem.code, problem.since_unix_ms) == ("reload", 100_000)
    assert "config.yaml:3" in problem.text
    node.reloaded()
    assert codes(node) == []
    assert node.counters() == {"opened_total": 1}


def test_a_thread_that_hangs_is_told_while_it_hangs(node: NodeProblems) -> None:
    node.hung(["alerts", "http"])
    (problem,) = node.problems()
    assert problem.code == "thread_hung"
    assert "alerts, http" in problem.text
    node.hung([])
    assert codes(node) == []


def test_a_far_step_of_the_clock_is_told_for_ten_minutes(
    node: NodeProblems, clock: FakeClock
) -> None:
    node.clock_stepped(-2_000)
    assert codes(node) == [], "NTP does that at every start"
    node.clock_stepped(-3_600_000)
    assert "-3600 s" in node.problems()[0].text
    clock.advance(599)
    assert codes(node) == ["clock_stepped"]
    clock.advance(2)
    assert codes(node) == []


def test_the_fallback_lasts(node: NodeProblems, clock: FakeClock) -> None:
    node.fell_back("the small one runs")
    clock.advance(9_999)
    assert codes(node) == ["fallback"]
