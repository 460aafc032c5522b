"""Schedules speak local time: midnight, days, and both changes of the clock."""

from __future__ import annotations

from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveil.errors import ConfigError
from surveil.rules import Schedule

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = Schedule(time(22, 0), time(6, 0), time_zone="Europe/Berlin")


def unix_ms(text: str, zone: str = "Europe/Berlin", *, fold: int = 0) -> int:
    return round(
        datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp() * 1000
    )


@pytest.mark.parametrize(
    ("local", "armed"),
    [
        ("2026-11-20T21:59:59", False),
        ("2026-11-20T22:00", True),
        ("2026-11-21T00:00", True),
        ("2026-11-21T05:59:59.999", True),
        ("2026-11-21T06:00", False),
    ],
)
def test_a_night_goes_over_midnight_and_excludes_its_end(local: str, armed: bool) -> None:
    assert NIGHT.covers(unix_ms(local)) is armed


def test_the_day_named_is_the_day_on_which_the_window_starts() -> None:
    friday = Schedule(time(22, 0), time(6, 0), days=("fri",), time_zone="Europe/Berlin")
    assert friday.covers(unix_ms("2026-11-20T23:00"))
    assert friday.covers(unix_ms("2026-11-21T03:00"))
    assert not friday.covers(unix_ms("2026-11-20T03:00"))
    assert not friday.covers(unix_ms("2026-11-21T23:00"))


def test_equal_start_and_end_are_24_hours() -> None:
    from_noon = Schedule(time(12, 0), time(12, 0), days=("mon",))
    assert from_noon.covers(unix_ms("2026-11-23T12:00", "UTC"))
    assert from_noon.covers(unix_ms("2026-11-24T11:59", "UTC"))
    assert not from_noon.covers(unix_ms("2026-11-24T12:00", "UTC"))


def test_the_hour_that_comes_twice_is_armed_twice() -> None:
    early = Schedule(time(2, 0), time(3, 0), time_zone="Europe/Berlin")
    first = unix_ms("2026-10-25T02:30", fold=0)
    second = unix_ms("2026-10-25T02:30", fold=1)
    assert second - first == 3_600_000
    assert early.covers(first)
    assert early.covers(second)
    assert not early.covers(unix_ms("2026-10-25T03:00"))


def test_the_hour_that_never_comes_is_never_armed_and_its_night_is_an_hour_shorter() -> None:
    early = Schedule(time(2, 0), time(3, 0), time_zone="Europe/Berlin")
    before, after = unix_ms("2026-03-29T01:59"), unix_ms("2026-03-29T03:00")
    assert after - before == 60_000
    assert not any(early.covers(moment) for moment in (before, after))
    assert NIGHT.covers(before)
    assert NIGHT.covers(after)
    assert not NIGHT.covers(unix_ms("2026-03-29T06:00"))


@given(st.integers(0, 4_000_000_000_000), st.times(), st.times())
def test_a_window_and_its_complement_share_out_every_moment(
    moment_ms: int, start: time, end: time
) -> None:
    start, end = start.replace(tzinfo=None), end.replace(tzinfo=None)
    if start == end:
        assert Schedule(start, end).covers(moment_ms)
        return
    window = Schedule(start, end, time_zone="Europe/Berlin")
    rest = Schedule(end, start, time_zone="Europe/Berlin")
    assert window.covers(moment_ms) is not rest.covers(moment_ms)


def test_a_day_or_zone_that_does_not_exist_is_refused_with_the_remedy() -> None:
    with pytest.raises(ConfigError, match="allowed are mon, tue"):
        Schedule(days=("friday",))
    with pytest.raises(ConfigError, match="Europe/Berlin"):
        Schedule(time_zone="Mars/Olympus")
