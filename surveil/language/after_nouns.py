"""After a noun or pronoun: the verb that it is subject of, one more noun, or an adjective."""

from __future__ import annotations

from surveil.language.lookahead import next_tag, phrase_follows
from surveil.language.lookback import in_a_phrase, somebody_before, verb_so_far
from surveil.language.readings import is_living, is_own_verb, is_rather_adjective
from surveil.language.tokens import Token
from surveil.language.usage import noun_uses, verb_uses

_STARTS_PHRASE = frozenset('DSPXTLRCGQ,.;:!?()"')
"""A word before one of these is complete: if it may be a verb, its object or place follows."""


def after_noun(tokens: list[Token], index: int, before: Token) -> str:
    """V, N or A; `before` is the noun or pronoun, adverbs skipped."""
    token = tokens[index]
    if set("gnd") & set(token.verb_forms):
        return "V"
    if _is_said_of(tokens, index):
        return "A"
    if not token.verbs:
        return "N" if token.nouns and not is_rather_adjective(token) else "A"
    if not token.nouns:
        postnominal = token.is_adjective and not (
            before.form == "p" and phrase_follows(tokens, index)
        )
        return "A" if postnominal and "z" not in token.verb_forms else "V"
    if _somebody_does(tokens, index) or _several_do(tokens, index):
        return "V"
    verbless = not verb_so_far(tokens, index)
    subject = somebody_before(tokens, index) if verbless else None
    if not _agrees(tokens, index, before, subject, verbless=verbless):
        return "N"
    lives = before.tag == "X" or before.form == "p" or is_living(before) or subject is not None
    return _by_use(tokens, index, (8 if verbless else 4) if lives else 1)


def _is_said_of(tokens: list[Token], index: int) -> bool:
    """A lot *full* of cars, a hall *empty* of guests: what people mean by the word is an adjective."""
    token = tokens[index]
    plain = token.is_adjective and token.text in ("full", "empty", "free", "clear", "devoid")
    return plain and index + 1 < len(tokens) and tokens[index + 1].text in ("of", "with")


def _somebody_does(tokens: list[Token], index: int) -> bool:
    """A man *types* on a laptop, the mailman *hands* a parcel over: right after one living thing, with no verb so far,
    a word in -s is what it does, unless a verb or a noun comes next (the girl scouts are, a baby toys shop)."""
    token, before = tokens[index], tokens[index - 1]
    one = before.tag == "N" and before.form != "p" and is_living(before)
    told = any(earlier.tag in ("D", "Q", "S") for earlier in tokens[max(0, index - 4) : index])
    if not one or not told or token.verb_forms != "z" or verb_so_far(tokens, index):
        return False
    return next_tag(tokens, index) in ("D", "S", "X", "P", "R", "T", "A", "", "C", ".", ",")


def _several_do(tokens: list[Token], index: int) -> bool:
    """Tourists *line* up: with its particle the word is a verb that our file has."""
    token, before = tokens[index], tokens[index - 1]
    if before.form != "p" or not is_living(before) or "b" not in token.verb_forms:
        return False
    particle = tokens[index + 1].text if index + 1 < len(tokens) else ""
    return particle in ("up", "down", "out", "off", "over") and is_own_verb(
        f"{token.verbs[0]} {particle}"
    )


def _agrees(
    tokens: list[Token], index: int, before: Token, subject: Token | None, *, verbless: bool
) -> bool:
    """Whether number allows it to be the verb of what stands before: he *walks*, the men *walk*."""
    token = tokens[index]
    if subject is not None and subject is not before and in_a_phrase(tokens, index):
        return ("z" if subject.form != "p" else "b") in token.verb_forms
    mostly_verb = verb_uses(token.verbs[0]) > noun_uses(token.verbs[0])
    if before.tag == "X" or (mostly_verb and verbless):
        return True
    singular = before.form != "p" and before.tag == "N"
    return ("z" if singular else "b") in token.verb_forms


def _by_use(tokens: list[Token], index: int, factor: int) -> str:
    """V where people mean the verb, `factor` times counted, as often as the noun; 1 after a thing without life."""
    verb, follows = tokens[index].verbs[0], next_tag(tokens, index)
    likely = verb_uses(verb) * factor >= noun_uses(verb) or follows in ("D", "S", "X")
    complete = follows in _STARTS_PHRASE or follows in ("", "A", "V")
    return "V" if likely and (complete or (follows == "N" and factor > 1)) else "N"
