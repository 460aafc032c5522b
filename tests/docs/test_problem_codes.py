"""Every problem that the source can tell of stands in the operator's table, and the table has no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.problem_codes import uses

PROJECT = Path(__file__).parents[2]
OPERATIONS = PROJECT / "docs/operations.md"
COLUMNS = ["code", "component", "what causes it", "what to do", "told within"]


def table() -> list[list[str]]:
    """The cells of the section Problems, head and rule left out."""
    text = OPERATIONS.read_text(encoding="utf-8")
    section = text.partition("\n## Problems\n")[2].partition("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in section.splitlines()
        if line.startswith("|")
    ]
    assert rows[0] == COLUMNS
    return rows[2:]


def test_every_row_is_whole_and_in_order() -> None:
    rows = table()
    assert all(len(row) == len(COLUMNS) and all(row) for row in rows)
    codes = [row[0] for row in rows]
    assert codes == sorted(set(codes)), "one row a code, by the alphabet"
    assert all(re.fullmatch(r"`[a-z]+(_[a-z]+)*`", code) for code in codes)


def test_every_problem_says_a_code_that_can_be_seen() -> None:
    """A code that is put together while it runs would be in no table."""
    found = uses(PROJECT / "surveil")
    assert len(found) > 15
    assert [use.place for use in found if not use.codes] == []


def test_table_and_source_have_the_same_codes() -> None:
    documented = {row[0].strip("`") for row in table()}
    produced = {code for use in uses(PROJECT / "surveil") for code in use.codes}
    assert sorted(produced - documented) == [], "told, and not in docs/operations.md"
    assert sorted(documented - produced) == [], "in docs/operations.md, and never told"


def test_every_problem_says_what_to_do() -> None:
    assert [use.place for use in uses(PROJECT / "surveil") if not use.remedied] == []


RECORDS = "from room.records import Problem\n"


@pytest.mark.parametrize(
    ("source", "codes"),
    [
        ("Problem('disk', text, 0)", {"disk"}),
        ("Problem(code='disk', text='', since_unix_ms=0)", {"disk"}),
        ("A, B = 'one', 'two'\nProblem(B, text, 0)", {"two"}),
        ("Problem('one' if late else 'two', text, 0)", {"one", "two"}),
        ("def make():\n    code = 'one'\n    return Problem(code, text, 0)", {"one"}),
        (
            "class P:\n    def _tell(self, code):\n        Problem(code, '', 0)\n"
            "    def go(self):\n        self._tell('one')\n        self._tell(code='two')",
            {"one", "two"},
        ),
        (
            "class P:\n    code = 'one'\n    def go(self):\n        Problem(self.code, '', 0)",
            {"one"},
        ),
        (
            "class Lost:\n    why: str\n    code: str = 'one'\nLost('x', 'two')\n"
            "def go(lost):\n    Problem(lost.code, '', 0)",
            {"one", "two"},
        ),
        ("replace(problem, code='one', text='')", {"one"}),
        ("def go(name):\n    Problem(f'delivery:{name}', '', 0)", set()),
    ],
)
def test_codes_are_followed_to_their_constants(
    tmp_path: Path, source: str, codes: set[str]
) -> None:
    room = tmp_path / "room"
    room.mkdir()
    (room / "a.py").write_text(RECORDS + source, encoding="utf-8")
    (use,) = uses(room)
    assert use.codes == codes


def test_a_constant_of_another_module_is_followed(tmp_path: Path) -> None:
    room = tmp_path / "room"
    room.mkdir()
    (room / "codes.py").write_text("LOST = 'mqtt_lost'\n", encoding="utf-8")
    source = RECORDS + "from room.codes import LOST\nProblem(LOST, '', 0)\n"
    (room / "a.py").write_text(source, encoding="utf-8")
    (use,) = uses(room)
    assert use.codes == {"mqtt_lost"}
