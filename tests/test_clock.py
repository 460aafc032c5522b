"""Wall time follows the machine's clock without ever being used for durations."""

from surveil.clock import WallTime, ns
from tests.fakes import FakeClock


def test_unix_time_of_a_past_moment_comes_from_its_monotonic_time() -> None:
    """Given a moment 5 s ago, its unix time is now minus 5 s."""
    clock = FakeClock()
    wall = WallTime(clock)
    moment_ns = clock.monotonic_ns()
    before_ms = clock.unix_ms()
    clock.advance(5)
    assert wall.unix_ms_at(moment_ns) == before_ms
    assert wall.unix_ms_at(clock.monotonic_ns()) == before_ms + 5_000


def test_step_is_invisible_until_refresh_and_then_reported_once() -> None:
    """A clock step moves payload times only when the offset is taken again, and says by how much."""
    clock = FakeClock()
    wall = WallTime(clock)
    moment_ns = clock.monotonic_ns()
    before_ms = clock.unix_ms()
    clock.step_wall(3_600)
    assert wall.unix_ms_at(moment_ns) == before_ms
    assert wall.refresh() == 3_600_000
    assert wall.unix_ms_at(moment_ns) == before_ms + 3_600_000
    assert wall.refresh() is None


def test_slew_under_a_second_is_followed_in_silence() -> None:
    clock = FakeClock()
    wall = WallTime(clock)
    moment_ns = clock.monotonic_ns()
    before_ms = clock.unix_ms()
    clock.step_wall(-0.4)
    assert wall.refresh() is None
    assert wall.unix_ms_at(moment_ns) == before_ms - 400


def test_ns_rounds_to_whole_nanoseconds() -> None:
    assert ns(0.25) == 250_000_000
    assert isinstance(ns(1 / 3), int)
