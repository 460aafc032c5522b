"""Small words whose tag depends on their neighbours: to, that, her, before."""

from __future__ import annotations

from surveil.rules.lookahead import clause_follows, noun_follows
from surveil.rules.tokens import Token

_OPENS_NOUN = frozenset("DAQS")


def reconsider(tokens: list[Token], index: int) -> None:
    """Give the small word at the index its tag in this sentence."""
    token = tokens[index]
    text = token.text
    following = tokens[index + 1] if index + 1 < len(tokens) else None
    before = tokens[index - 1] if index else None
    if text == "to":
        verb = following is not None and "b" in following.verb_forms and following.tag in ("", "V")
        be = (
            following is not None
            and following.tag in ("B", "H", "O")
            and following.text in ("be", "have", "do")
        )
        token.tag = (
            "T" if be or (verb and not (before and before.text in ("next", "close"))) else "P"
        )
    elif text == "'s":
        owner = (
            before is not None
            and before.tag in ("N", "X")
            and before.text not in ("he", "she", "it", "there")
        )
        token.tag = "S" if owner and noun_follows(tokens, index) else "B"
    elif text == "there":
        token.tag = "E" if following is not None and following.tag in ("B", "M", "H") else "R"
    elif text in ("her", "his"):
        token.tag = "S" if noun_follows(tokens, index) else "X"
    elif text == "that":
        token.tag = (
            "L" if (before is not None and before.tag in ("N", "X", "V")) or before is None else "D"
        )
        if before is not None and before.tag == "V" and noun_follows(tokens, index):
            token.tag = "D"
    elif text == "before" and (
        following is None or following.text in (",", ".", ";", "and", "but")
    ):
        token.tag = "R"
    elif text == "can" and before is not None and before.tag in ("N", "A", "D"):
        if following is None or following.tag in ("P", ",", ".", "C", "B"):
            token.tag, token.nouns = "N", (text,)
    elif text == "back" or text == "front":
        token.tag = "R" if not noun_follows(tokens, index) else "A"
        if before is not None and before.tag in _OPENS_NOUN:
            token.tag, token.nouns = ("A" if noun_follows(tokens, index) else "N"), (text,)
    elif (
        text == "one"
        and following is not None
        and following.form == "p"
        and "z" in following.verb_forms
    ):
        token.tag = "X"  # one punches the other
    elif text in ("after", "before", "until", "since", "like", "than") and clause_follows(
        tokens, index
    ):
        token.tag = "L"
    elif text in ("about", "around") and following is not None and following.tag == "Q":
        token.tag = "R"  # about 5 people
    elif text in ("all", "both", "half") and following is not None and following.tag in ("D", "S"):
        token.tag = "D"  # all the doors
    elif text in (
        "one",
        "another",
        "both",
        "some",
        "all",
        "each",
        "many",
        "several",
        "others",
    ) and not noun_follows(tokens, index):
        token.tag = "X"
    elif (
        token.tag == "P"
        and text in ("past", "inside", "outside", "opposite", "down", "up")
        and before is not None
        and before.tag in ("D", "S", "A")
    ):
        token.tag = "A" if noun_follows(tokens, index) else "N"
    token.lemma = token.lemma or text
