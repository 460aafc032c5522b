"""A file name that stands twice and an identifier that is a metaphor are found."""

from __future__ import annotations

import pytest

from tests.house.conftest import Write
from tests.house.naming import file_names, identifiers


def test_a_file_name_stands_once_in_the_tree(written: Write) -> None:
    finding = file_names(written({"one/store.py": "", "two/store.py": "", "one/other.py": ""}))
    assert len(finding.faults) == 1
    assert finding.faults[0].startswith("store.py: ")


def test_sections_and_commands_are_called_after_what_they_speak_of(written: Write) -> None:
    assert not file_names(
        written({"config/alerts.py": "", "commands/alerts.py": "", "room/alerts.py": ""})
    ).faults


@pytest.mark.parametrize(
    "text",
    [
        "class AlertDesk: ...",
        "def open_house() -> None: ...",
        "async def glimpse() -> None: ...",
        "def f(herald: int) -> None: ...",
        "INBOX_MAX = 3",
        "class C:\n    crew: int = 0",
        "class C:\n    SHELF = 1",
        "class C:\n    def __init__(self) -> None:\n        self._roster = 1",
        "def tell() -> None: ...",
    ],
)
def test_a_metaphor_is_found_wherever_a_name_is_given(written: Write, text: str) -> None:
    finding = identifiers(written({"room/plain.py": text}))
    assert len(finding.faults) == 1
    assert "room/plain.py" in finding.faults[0]


def test_file_and_folder_names_count(written: Write) -> None:
    assert len(identifiers(written({"room/herald.py": ""})).faults) == 1
    assert identifiers(written({"upkeep/plain.py": ""})).faults


def test_plain_names_and_words_in_texts_are_let_be(written: Write) -> None:
    text = (
        '"""The house keeps a roster."""\nwarehouse = 1\ndef teller() -> str:\n    return "desk"\n'
    )
    assert not identifiers(written({"room/plain.py": text})).faults
    assert not identifiers(written({"language/desk.py": "house = 1"})).faults
