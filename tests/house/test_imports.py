"""Circles are found at every level, lazy ones too, and a broken floor is a broken house."""

from __future__ import annotations

import pytest

from tests.house.conftest import Write
from tests.house.imports import circles, floors_of, knots


def test_a_tree_of_imports_is_no_circle(written: Write) -> None:
    package = written(
        {"a.py": "from PACKAGE import b\nfrom PACKAGE.room import d", "b.py": "", "room/d.py": ""}
    )
    finding = circles(package.name)
    assert not finding.faults
    assert finding.figure.startswith("5 files")


@pytest.mark.parametrize(
    "back",
    [
        "from PACKAGE import a",
        "def f() -> None:\n    from PACKAGE import a\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from PACKAGE import a\n",
    ],
    ids=["plain", "in a function", "for type checkers"],
)
def test_two_files_that_import_each_other_are_a_circle(written: Write, back: str) -> None:
    package = written({"a.py": "from PACKAGE import b", "b.py": back})
    faults = circles(package.name).faults
    assert any(fault.startswith("files: 2 import each other") for fault in faults)


def test_two_rooms_can_be_a_circle_though_no_two_files_are(written: Write) -> None:
    package = written(
        {
            "one/a.py": "from PACKAGE.two import b",
            "one/c.py": "",
            "two/b.py": "",
            "two/d.py": "from PACKAGE.one import c",
        }
    )
    (fault,) = circles(package.name).faults
    assert fault == f"parts of {package.name}: 2 import each other: one -> two, two -> one"


def test_a_long_way_round_is_a_circle_too() -> None:
    assert knots({"a": ["b"], "b": ["c"], "c": ["a"], "d": ["a"], "e": ["e"]}) == [
        ["a", "b", "c"],
        ["e"],
    ]


KEPT = "Contracts: 7 kept, 0 broken.\n"
BROKEN = """
=====
Floors BROKEN
Contracts: 6 kept, 1 broken.

----------------
Broken contracts
----------------

surveil.rules is not allowed to import surveil.delivery:
"""


def test_floors_hold_only_when_import_linter_says_so() -> None:
    assert not floors_of(0, KEPT).faults
    finding = floors_of(1, BROKEN)
    assert finding.figure == "Contracts: 6 kept, 1 broken."
    assert "surveil.rules is not allowed to import surveil.delivery:" in finding.faults


def test_contracts_that_name_what_is_not_there_are_no_floors() -> None:
    assert floors_of(1, "Missing layer 'surveil.sampling'").faults == [
        "Missing layer 'surveil.sampling'"
    ]
