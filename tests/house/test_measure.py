"""Every finding is printed, and one that is broken fails the whole."""

from __future__ import annotations

import pytest

from tests.house.finding import Finding
from tests.house.measure import report

HOLDS = Finding("no file over 400 lines", "220 files, the longest 397")
BREAKS = Finding("no import circle", "1 circle", faults=["a, b"], details=["a", "b"])


def test_all_is_printed_and_one_broken_measure_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert report([lambda: BREAKS, lambda: HOLDS]) == 1
    printed = capsys.readouterr().out
    assert "BROKEN  no import circle: 1 circle" in printed
    assert "! a, b" in printed
    assert "holds   no file over 400 lines: 220 files, the longest 397" in printed


def test_a_house_that_holds_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert report([lambda: HOLDS]) == 0
    assert "The house holds." in capsys.readouterr().out
