"""Colours, directions and sides: black may be clothes, left a way or a place, by what comes next."""

from __future__ import annotations

from surveil.language import grammar
from surveil.language.lookahead import next_tag, noun_follows
from surveil.language.lookback import somebody_before, verb_so_far, word_before
from surveil.language.tokens import Token
from surveil.language.usage import rather_verb
from surveil.language.wordset import word_set

_SIDES = word_set("left, right, top, bottom, middle, center, centre, front, rear, far right")
_MANNERS = frozenset({"fast", "slow", "hard", "earlier"})


def noun_or_adverb(tokens: list[Token], index: int) -> str:
    """N or R for a word of this kind whose place in the sentence decides; "" for all others."""
    text = tokens[index].text
    if text in grammar.COLOURS and _stands_for_clothes(tokens, index):
        return "N"
    if text == "light" and _is_a_lamp(tokens, index):
        return "N"
    if text in _MANNERS and _tells_manner(tokens, index):
        return "R"
    if text in ("left", "right") and _tells_direction(tokens, index):
        return "R"
    return "N" if text in _SIDES and _is_side(tokens, index) else ""


def _is_a_lamp(tokens: list[Token], index: int) -> bool:
    """A flashing *light*, the *light* is on; a light jacket, and the man in light, are of a colour."""
    before = word_before(tokens, index)
    led = before is not None and before.tag in ("A", "D", "S", "Q") and before.text != "in"
    return led and not noun_follows(tokens, index)


def _stands_for_clothes(tokens: list[Token], index: int) -> bool:
    """The man in *black* leaves the shop."""
    before = word_before(tokens, index)
    return before is not None and before.text in ("in", "wearing") and _acts_next(tokens, index)


def _acts_next(tokens: list[Token], index: int) -> bool:
    """The man in black *leaves the* shop: after the colour comes what he does, not what is black."""
    if index + 1 >= len(tokens):
        return False
    token = tokens[index + 1]
    somebody = somebody_before(tokens, index)
    several = somebody is not None and somebody.form == "p" and not verb_so_far(tokens, index)
    if not token.verbs or not set("gdnzb" if several else "gdnz") & set(token.verb_forms):
        return False
    follows = next_tag(tokens, index + 1)
    if not token.nouns or follows in ("D", "S", "X"):
        return True
    return follows in ("P", "R", "T", "", "C", ",", ".", "G") and rather_verb(token.verbs[0])


def _tells_manner(tokens: list[Token], index: int) -> bool:
    """Runs *fast*; was open *earlier*."""
    if noun_follows(tokens, index):
        return False
    after_verb = index > 0 and tokens[index - 1].tag in ("V", "N", "R")
    return after_verb or tokens[index].text == "earlier"


def _tells_direction(tokens: list[Token], index: int) -> bool:
    """Turns *left*, looks left and *right*."""
    if noun_follows(tokens, index):
        return False
    if tokens[index - 1].tag == "V":
        return True
    both = (
        index > 1 and tokens[index - 1].tag == "C" and tokens[index - 2].text in ("left", "right")
    )
    return both and next_tag(tokens, index) != "R"


def _is_side(tokens: list[Token], index: int) -> bool:
    """The man on the *right* walks, the one on the *left* is: a place, not what the next word is like."""
    if index == 0 or tokens[index - 1].tag not in ("D", "A"):
        return False
    if index + 1 >= len(tokens):
        return True
    following = tokens[index + 1]
    if following.tag:
        return following.tag not in ("N", "A", "Q")
    if not following.verbs:
        return not (following.nouns or following.is_adjective)
    if not following.nouns and not following.is_adjective:
        return True
    somebody = somebody_before(tokens, index)
    if somebody is None or verb_so_far(tokens, index) or not rather_verb(following.verbs[0]):
        return False
    return ("b" if somebody.form == "p" else "z") in following.verb_forms
