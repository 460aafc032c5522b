"""The word files are well formed."""

from __future__ import annotations

from importlib import resources

import pytest

from surveil.language import Lexicon
from surveil.language.meanings import meanings
from surveil.language.query import constraints_of
from surveil.language.reader import read

LEXICON = Lexicon.load()


@pytest.mark.parametrize("name", ["nouns.txt", "verbs.txt", "states.txt"])
def test_every_line_is_a_class_a_set_of_equals_or_a_comment(name: str) -> None:
    text = resources.files("surveil.language.words").joinpath(name).read_text("utf-8")
    for line in filter(None, text.splitlines()):
        members = line.partition(":")[2] if ":" in line else line[1:]
        assert line[0] in "#=" or ":" in line, line
        assert line.startswith("#") or all(member.strip() for member in members.split(",")), line


def test_both_sides_of_every_meaning_say_something() -> None:
    for pattern, wording in meanings():
        assert list(constraints_of(read(pattern, LEXICON), LEXICON)), pattern
        assert list(constraints_of(read(wording, LEXICON), LEXICON)), wording


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("kitten", "cat"),
        ("suitcase", "bag"),
        ("welder", "worker"),
        ("lorry", "vehicle"),
        ("cobra", "snake"),
        ("toddler", "person"),
        ("machete", "weapon"),
        ("tulip", "plant"),
        ("hammer", "tool"),
    ],
)
def test_things_are_what_they_are(word: str, kind: str) -> None:
    assert kind in LEXICON.noun(word)


@pytest.mark.parametrize(
    ("word", "kind"), [("mannequin", "person"), ("fireworks", "fire"), ("stroller", "person")]
)
def test_things_are_not_what_they_only_sound_like(word: str, kind: str) -> None:
    assert kind not in LEXICON.noun(word)
