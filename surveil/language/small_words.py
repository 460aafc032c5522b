"""Small words whose tag depends on their neighbours: to, that, her, before."""

from __future__ import annotations

from collections.abc import Callable

from surveil.language.lookahead import clause_follows, noun_follows
from surveil.language.tokens import Token

_OPENS_NOUN = frozenset("DAQS")


def reconsider(tokens: list[Token], index: int) -> None:
    """Give the small word at the index its tag in this sentence."""
    token = tokens[index]
    for choice in _CHOICES.get(token.text, ()):
        chosen = choice(tokens, index)
        if chosen:
            token.tag = chosen
            break
    if token.tag == "N":
        token.nouns = (token.text,)
    token.lemma = token.lemma or token.text


def _to(tokens: list[Token], index: int) -> str:
    before, following = _before(tokens, index), _following(tokens, index)
    if following is None:
        return "P"
    if following.text in ("be", "have", "do") and following.tag in ("B", "H", "O"):
        return "T"
    verb = "b" in following.verb_forms and following.tag in ("", "V")
    near = before is not None and before.text in ("next", "close")
    return "T" if verb and not near else "P"


def _apostrophe_s(tokens: list[Token], index: int) -> str:
    before = _before(tokens, index)
    owner = (
        before is not None
        and before.tag in ("N", "X")
        and before.text not in ("he", "she", "it", "there")
    )
    return "S" if owner and noun_follows(tokens, index) else "B"


def _there(tokens: list[Token], index: int) -> str:
    following = _following(tokens, index)
    return "E" if following is not None and following.tag in ("B", "M", "H") else "R"


def _her(tokens: list[Token], index: int) -> str:
    return "S" if noun_follows(tokens, index) else "X"


def _that(tokens: list[Token], index: int) -> str:
    before = _before(tokens, index)
    if before is not None and before.tag == "V" and noun_follows(tokens, index):
        return "D"
    return "L" if before is None or before.tag in ("N", "X", "V") else "D"


def _formerly(tokens: list[Token], index: int) -> str:
    """It stood here *before*, and ..."""
    following = _following(tokens, index)
    return "R" if following is None or following.text in (",", ".", ";", "and", "but") else ""


def _can(tokens: list[Token], index: int) -> str:
    before, following = _before(tokens, index), _following(tokens, index)
    if before is None or before.tag not in ("N", "A", "D"):
        return ""
    return "N" if following is None or following.tag in ("P", ",", ".", "C", "B") else ""


def _back(tokens: list[Token], index: int) -> str:
    before = _before(tokens, index)
    if noun_follows(tokens, index):
        return "A"
    return "N" if before is not None and before.tag in _OPENS_NOUN else "R"


def _one_does(tokens: list[Token], index: int) -> str:
    """*One* punches the other."""
    following = _following(tokens, index)
    does = following is not None and following.form == "p" and "z" in following.verb_forms
    return "X" if does else ""


def _opens_clause(tokens: list[Token], index: int) -> str:
    return "L" if clause_follows(tokens, index) else ""


def _roughly(tokens: list[Token], index: int) -> str:
    """*About* 5 people."""
    following = _following(tokens, index)
    return "R" if following is not None and following.tag == "Q" else ""


def _wholly(tokens: list[Token], index: int) -> str:
    """*All* the doors."""
    following = _following(tokens, index)
    return "D" if following is not None and following.tag in ("D", "S") else ""


def _by_itself(tokens: list[Token], index: int) -> str:
    return "" if noun_follows(tokens, index) else "X"


def _inside(tokens: list[Token], index: int) -> str:
    """The *inside* of a car, an *outside* wall."""
    before = _before(tokens, index)
    if tokens[index].tag != "P" or before is None or before.tag not in ("D", "S", "A"):
        return ""
    return "A" if noun_follows(tokens, index) else "N"


_Choice = Callable[[list[Token], int], str]
_CHOICES: dict[str, tuple[_Choice, ...]] = {
    "to": (_to,),
    "'s": (_apostrophe_s,),
    "there": (_there,),
    "her": (_her,),
    "his": (_her,),
    "that": (_that,),
    "before": (_formerly, _opens_clause),
    "can": (_can,),
    "back": (_back,),
    "front": (_back,),
    "one": (_one_does, _by_itself),
    "about": (_roughly,),
    "around": (_roughly,),
    "all": (_wholly, _by_itself),
    "both": (_wholly, _by_itself),
    "half": (_wholly,),
}
"""The first that gives a tag decides; without one the word keeps that of its class."""
_CHOICES |= dict.fromkeys(("after", "until", "since", "like", "than"), (_opens_clause,))
_CHOICES |= dict.fromkeys(("another", "some", "each", "many", "several", "others"), (_by_itself,))
_CHOICES |= dict.fromkeys(
    ("past", "inside", "outside", "opposite", "down", "up", "round"), (_inside,)
)


def _before(tokens: list[Token], index: int) -> Token | None:
    return tokens[index - 1] if index else None


def _following(tokens: list[Token], index: int) -> Token | None:
    return tokens[index + 1] if index + 1 < len(tokens) else None
