"""How often a word is meant as a noun, a verb or an adjective, as counted in WordNet's texts."""

from __future__ import annotations

from functools import cache
from importlib import resources


def noun_uses(lemma: str) -> int:
    """1 for a word that is not in the list, like `verb_uses`: no preference."""
    return _uses().get(lemma, (1, 1, 0))[0]


def verb_uses(lemma: str) -> int:
    return _uses().get(lemma, (1, 1, 0))[1]


def rather_verb(lemma: str) -> bool:
    """Whether it is meant as a verb no less often than as a noun."""
    return verb_uses(lemma) >= noun_uses(lemma)


def rather_adjective(word: str) -> bool:
    """Whether it is meant as an adjective more often than as a noun."""
    noun, _, adjective = _uses().get(word, (1, 0, 0))
    return adjective > noun


@cache
def _uses() -> dict[str, tuple[int, int, int]]:
    text = resources.files("surveil.language.words").joinpath("wordnet_use.txt").read_text("utf-8")
    rows = (line.split() for line in text.splitlines())
    return {row[0]: (int(row[1]), int(row[2]), int(row[3])) for row in rows}
