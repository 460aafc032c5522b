"""Long files, long functions and tangled ones are found, wherever they stand but in `language`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.house.conftest import Write
from tests.house.finding import Finding
from tests.house.sizes import complexities, file_lengths, function_lengths


def lines(count: int) -> str:
    return "x = 1\n" * count


def function(body_lines: int) -> str:
    return "def f() -> None:\n" + "    x = 1\n" * body_lines


def tangled(branches: int) -> str:
    """Of complexity `branches + 1`."""
    return "def f(x: int) -> None:\n" + "".join(
        f"    if x == {n}:\n        print(x)\n" for n in range(branches)
    )


def inside(text: str) -> str:
    """The same function as a method, and as a function within a function."""
    body = text.replace("\n", "\n    ").rstrip()
    return f"class C:\n    {body}\n"


CASES = [
    pytest.param(file_lengths, lines(400), lines(401), id="file"),
    pytest.param(function_lengths, function(49), function(50), id="function"),
    pytest.param(function_lengths, inside(function(49)), inside(function(50)), id="method"),
    pytest.param(complexities, tangled(19), tangled(20), id="complexity"),
    pytest.param(complexities, inside(tangled(19)), inside(tangled(20)), id="method's complexity"),
]


@pytest.mark.parametrize(("measure", "allowed", "too_much"), CASES)
def test_a_bound_holds_up_to_its_figure_and_no_further(
    written: Write, measure: Callable[[Path], Finding], allowed: str, too_much: str
) -> None:
    assert not measure(written({"room/fine.py": allowed})).faults
    faults = measure(written({"room/fine.py": allowed, "room/over.py": too_much})).faults
    assert len(faults) == 1
    assert "room/over.py" in faults[0]


@pytest.mark.parametrize(("measure", "allowed", "too_much"), CASES)
def test_the_language_is_told_but_not_judged(
    written: Write, measure: Callable[[Path], Finding], allowed: str, too_much: str
) -> None:
    finding = measure(written({"language/reader.py": too_much, "room/fine.py": allowed}))
    assert not finding.faults
    assert "language" in finding.figure + "".join(finding.details)
