"""Looking back from a word that is being tagged, at words that have their tags."""

from __future__ import annotations

from surveil.language.readings import is_living
from surveil.language.tokens import Token


def word_before(tokens: list[Token], index: int) -> Token | None:
    """The token before, adverbs skipped."""
    for back in range(index - 1, -1, -1):
        if tokens[back].tag not in ("R", "G"):
            return tokens[back]
    return None


def somebody_before(tokens: list[Token], index: int) -> Token | None:
    """Who may do what comes; of "a pair of women" the women."""
    for place, token in enumerate(tokens[:index]):
        somebody = token.tag == "N" and is_living(token) and tokens[place + 1].text != "of"
        if somebody or (token.tag == "X" and token.text == "one"):
            return token
    return None


def in_a_phrase(tokens: list[Token], index: int) -> bool:
    """The noun before stands in a prepositional phrase: a man in a green coat [smokes]."""
    for token in reversed(tokens[:index]):
        if token.tag == "P":
            return True
        if token.tag not in ("N", "A", "D", "Q", "S"):
            return False
    return False


def verb_so_far(tokens: list[Token], index: int) -> bool:
    for token in reversed(tokens[:index]):
        if token.tag in (".", ";", "L"):
            return False
        if token.tag in ("V", "B", "H", "M"):
            return True
    return False
