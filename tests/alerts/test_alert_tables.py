"""Rows of alerts.db: they give back what was committed, and numbers that are no longer kept are found."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from surveil.alerts.alert_tables import (
    alert_from_json,
    alert_to_json,
    missing_runs,
    snapshot_to_json,
)
from surveil.records import Alert
from tests.support.alerts import any_alert


@settings(max_examples=60, deadline=None)
@given(alert=any_alert())
def test_a_row_gives_back_the_alert_that_was_committed(alert: Alert) -> None:
    again = alert_from_json(
        alert_to_json(alert),
        snapshot=snapshot_to_json(alert.snapshot),
        snapshot_reason=alert.snapshot_reason,
    )
    assert again == alert


@given(kept=st.sets(st.integers(1, 30)), first=st.integers(1, 30), last=st.integers(0, 30))
def test_missing_runs_and_kept_numbers_make_up_the_whole(
    kept: set[int], first: int, last: int
) -> None:
    numbers = sorted(number for number in kept if number >= first)
    runs = missing_runs(numbers, first=first, last=last)
    missing = {number for start, end in runs for number in range(start, end + 1)}
    assert missing == set(range(first, last + 1)) - kept
