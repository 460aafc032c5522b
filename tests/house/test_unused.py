"""What only a test would call is dead, and a list of exemptions cannot rot."""

from __future__ import annotations

import pytest

from tests.house.conftest import Write
from tests.house.unused import SEEN_BY_OTHERS, dead_code, exemptions

CALLED = "def used() -> None: ...\ndef dead() -> None: ...\nused()\n"


def test_a_function_that_nobody_calls_is_dead(written: Write) -> None:
    finding = dead_code(written({"room/a.py": CALLED}), [])
    assert len(finding.faults) == 1
    assert finding.faults[0].endswith("room/a.py:2: function dead")


def test_the_list_excuses_a_name_in_the_files_that_it_names_only(written: Write) -> None:
    package = written({"room/a.py": CALLED})
    here, there = (
        exemptions(f"{package.name}/room/*.py dead: a library calls it"),
        exemptions(f"{package.name}/other/*.py dead: a library calls it"),
    )
    assert not dead_code(package, here).faults
    assert len(dead_code(package, there).faults) == 2


def test_an_exemption_that_excuses_nothing_is_a_fault(written: Write) -> None:
    package = written({"room/a.py": "def used() -> None: ...\nused()\n"})
    listed = exemptions(f"{package.name}/room/*.py used: a library calls it")
    assert dead_code(package, listed).faults == [
        f"unused.txt: {package.name}/room/*.py used excuses nothing"
    ]


@pytest.mark.parametrize("line", ["surveil/a.py name", "surveil/a.py name: ", "name: a reason"])
def test_every_exemption_has_files_a_name_and_a_reason(line: str) -> None:
    with pytest.raises(ValueError, match="unused list"):
        exemptions(line)


def test_the_projects_own_list_can_be_read() -> None:
    assert exemptions(SEEN_BY_OTHERS.read_text(encoding="utf-8"))
