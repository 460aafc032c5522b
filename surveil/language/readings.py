"""Every reading a word can have, before its neighbours decide."""

from __future__ import annotations

from functools import cache

from surveil.language import grammar, morphology
from surveil.language.lexicon import Lexicon
from surveil.language.tokens import Token
from surveil.language.usage import noun_uses, rather_adjective, verb_uses

_ANIMATE_TERMS = ("person", "animal", "vehicle", "group")


def add_readings(token: Token, lexicon: Lexicon) -> None:
    if token.tag or token.verbs:
        return
    small = grammar.FUNCTION.get(token.text, "")
    if small or not token.text[0].isalnum():
        token.tag = small or token.text
        token.lemma = token.text
        return
    if token.text.isdigit():
        token.tag, token.lemma = "Q", token.text
        return
    reading = morphology.read(token.text)
    token.nouns, token.verbs, token.verb_forms = reading.nouns, reading.verbs, reading.verb_forms
    token.form = "p" if reading.plural else "s"
    _unlisted_plural(token, lexicon)
    token.is_adjective = reading.adjective or token.text in grammar.PLAIN_ADJECTIVES
    token.is_adverb = reading.adverb
    if lexicon.has_state(token.text) and not token.verbs and not lexicon.has_noun(token.text):
        token.nouns, token.is_adjective = (), True
    if not token.verbs and not reading.listed:
        token.verbs, token.verb_forms = _own_verb(token.text, lexicon)
    unlisted = not token.nouns and token.verb_forms == "b" and lexicon.has_noun(token.text)
    if unlisted and noun_uses(token.text) >= verb_uses(token.text):
        token.nouns = (token.text,)
    if token.text in grammar.COLOURS and token.text != "light":
        token.verbs = ()  # to brown and to black are rare; to light is not
    if "-" in token.text and not reading.plural:
        _read_hyphenated(token)


def _unlisted_plural(token: Token, lexicon: Lexicon) -> None:
    """Cops and tops, which the tables lack."""
    singular = token.text[:-1] if token.text.endswith("s") else ""
    if token.nouns and not lexicon.has_noun(token.nouns[0]) and lexicon.has_noun(singular):
        token.nouns, token.form = (singular,), "p"
    if not token.nouns and token.verb_forms == "z" and lexicon.has_noun(token.verbs[0]):
        token.nouns, token.form = token.verbs, "p"


def _own_verb(word: str, lexicon: Lexicon) -> tuple[tuple[str, ...], str]:
    """A verb that only the operator's synonyms know, by its ending."""
    for ending, forms in (("ing", "g"), ("ed", "dn"), ("s", "z"), ("", "b")):
        stem = word.removesuffix(ending)
        for verb in (stem, stem + "e"):
            if word.endswith(ending) and lexicon.own_verb(verb):
                return (verb,), forms
    return (), ""


def _read_hyphenated(token: Token) -> None:
    """white-haired, smoke-filled, knife-wielding: adjectives; t-shirt: a noun."""
    last = morphology.read(token.text.rpartition("-")[2])
    token.verbs = ()
    if (last.verbs and last.verb_forms != "b") or token.text.endswith("ed"):
        token.nouns, token.is_adjective = (), True
    elif last.nouns:
        token.nouns = (token.text.rpartition("-")[0] + "-" + last.nouns[0],)
        token.form = "p" if last.plural else "s"


@cache
def _lexicon() -> Lexicon:
    return Lexicon.load()


def is_own_verb(verb: str) -> bool:
    """Whether our own file has it."""
    return _lexicon().own_verb(verb)


def is_living(token: Token) -> bool:
    terms = _lexicon().noun(token.lemma)
    return any(term in terms for term in _ANIMATE_TERMS)


def is_rather_adjective(token: Token) -> bool:
    """Of its readings the adjective is the likely one."""
    if not token.is_adjective or not token.nouns or token.text in grammar.PLAIN_ADJECTIVES:
        return token.is_adjective
    return rather_adjective(token.text)
