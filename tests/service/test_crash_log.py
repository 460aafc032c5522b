"""A daemon that is killed again and again starts with the fall-back; one that ends in order does not."""

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveil.clock import ns
from surveil.service.crash_log import CRASH_FILE, KEPT, CrashLog, End, fall_back_due, read_boot_id
from tests.fakes import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def life(state_dir: Path, clock: FakeClock, *, boot_id: str = "boot", end: str = "") -> bool:
    """One process; `end`: '' is killed, 'clean' ends in order, anything else is a cause. Whether it fell back."""
    log = CrashLog(state_dir, clock=clock, boot_id=boot_id)
    fell_back = log.started()
    if end:
        log.ended(None if end == "clean" else end)
    return fell_back


def test_three_kills_within_an_hour_bring_the_fallback(tmp_path: Path, clock: FakeClock) -> None:
    fell_back = []
    for _ in range(4):
        fell_back.append(life(tmp_path, clock))
        clock.advance(600)
    assert fell_back == [False, False, False, True]


def test_failures_of_the_model_count_and_those_of_other_threads_do_not(
    tmp_path: Path, clock: FakeClock
) -> None:
    for _ in range(3):
        assert not life(tmp_path, clock, end="alerts")
    for _ in range(3):
        assert not life(tmp_path, clock, end="model")
    assert life(tmp_path, clock)


def test_ends_in_order_never_count(tmp_path: Path, clock: FakeClock) -> None:
    assert not any(life(tmp_path, clock, end="clean") for _ in range(10))


def test_an_hour_forgets(tmp_path: Path, clock: FakeClock) -> None:
    for _ in range(3):
        life(tmp_path, clock)
    life(tmp_path, clock, end="clean")
    clock.advance(3601)
    assert not life(tmp_path, clock)


def test_a_power_cut_is_not_a_kill(tmp_path: Path, clock: FakeClock) -> None:
    assert not any(life(tmp_path, clock, boot_id=f"boot-{n}") for n in range(5))


def test_a_step_of_the_wall_clock_changes_nothing(tmp_path: Path, clock: FakeClock) -> None:
    """A box without a clock battery leaves 1970 between two crashes."""
    for _ in range(3):
        life(tmp_path, clock)
        clock.step_wall(50 * 365 * 86_400)
    assert life(tmp_path, clock)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"ends": [{"x": 1}], "running_in_boot": null}']
)
def test_a_damaged_file_is_begun_anew(tmp_path: Path, clock: FakeClock, content: str) -> None:
    (tmp_path / CRASH_FILE).write_text(content)
    assert not life(tmp_path, clock)
    assert json.loads((tmp_path / CRASH_FILE).read_text())["running_in_boot"] == "boot"


def test_the_file_stays_small(tmp_path: Path, clock: FakeClock) -> None:
    for _ in range(3 * KEPT):
        life(tmp_path, clock)
    assert len(json.loads((tmp_path / CRASH_FILE).read_text())["ends"]) == KEPT


def test_a_disk_that_refuses_is_a_problem_and_no_end(tmp_path: Path, clock: FakeClock) -> None:
    """There was no start on a full disk, for want of a file of a few bytes."""
    state = tmp_path / "missing"
    log = CrashLog(state, clock=clock, boot_id="b")
    assert not log.started()
    (problem,) = log.problems()
    assert (problem.code, problem.component) == ("bookkeeping", "crash-log")
    assert "cannot be written" in problem.text
    clock.advance(11)
    log.settle()
    assert log.problems() == (problem,)
    state.mkdir()
    log.settle()
    assert log.problems() == (problem,), "not asked at every tick"
    clock.advance(11)
    log.settle()
    assert log.problems() == ()
    assert json.loads((state / CRASH_FILE).read_text())["running_in_boot"] == "b"
    shutil.rmtree(state)
    log.ended(None)
    assert [found.code for found in log.problems()] == ["bookkeeping"]


def test_this_boot_has_a_name() -> None:
    assert read_boot_id()


@given(
    ages_s=st.lists(st.floats(0, 10_000), max_size=12), after=st.integers(min_value=1, max_value=5)
)
def test_the_decision_counts_exactly_the_last_hour(ages_s: list[float], after: int) -> None:
    now_ns = ns(20_000)
    ends = [End("boot", now_ns - ns(age_s), "killed") for age_s in ages_s]
    within = sum(ns(age_s) < ns(3600) for age_s in ages_s)
    assert fall_back_due(ends, boot_id="boot", now_mono_ns=now_ns, after=after) == (within >= after)
