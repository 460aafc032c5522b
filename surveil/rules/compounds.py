"""Words that belong together: police officer, in front of, each other, spray painting."""

from __future__ import annotations

from surveil.rules import grammar, morphology
from surveil.rules.lexicon import Lexicon
from surveil.rules.nominal import verb_of
from surveil.rules.tokens import Token
from surveil.rules.usage import noun_uses, verb_uses

_FIRST_WORDS = frozenset(
    words[0] for words in (*grammar.MULTIWORD_PREPOSITIONS, *grammar.PAIRED_PRONOUNS)
)
_PEOPLE = frozenset(
    {"man", "woman", "lady", "boy", "girl", "person", "people", "child", "dog", "cat"}
)


def joined(tokens: list[Token], lexicon: Lexicon) -> list[Token]:
    """Compounds of the lexicon (police officer, on fire) become one token."""
    joined: list[Token] = []
    index = 0
    while index < len(tokens):
        found = _compound(tokens, index, lexicon)
        if found is None:
            joined.append(tokens[index])
            index += 1
            continue
        token, length = found
        joined.append(token)
        index += length
    return joined


def _compound(tokens: list[Token], index: int, lexicon: Lexicon) -> tuple[Token, int] | None:
    prepositional = _preposition(tokens, index)
    if prepositional is not None:
        return prepositional
    verb = grammar.VERB_COMPOUNDS.get(tokens[index].text)
    if verb and index + 1 < len(tokens) and verb in morphology.read(tokens[index + 1].text).verbs:
        reading = morphology.read(tokens[index + 1].text)
        token = Token(
            f"{tokens[index].text} {tokens[index + 1].text}",
            tokens[index].start,
            tokens[index + 1].end,
        )
        token.verbs, token.verb_forms = (f"{tokens[index].text} {verb}",), reading.verb_forms
        return token, 2
    for rest, kind in lexicon.compounds.get(tokens[index].text, ()):
        length = len(rest) + 1
        if kind == "wordnet" and not _is_name(tokens[index].text, rest):
            continue
        words = tuple(token.text for token in tokens[index + 1 : index + length])
        if len(words) != len(rest) or words[:-1] != rest[:-1]:
            continue
        last = words[-1]
        plural = last != rest[-1]
        if plural and (kind == "state" or morphology.lemma_of(last) != rest[-1]):
            continue
        single = index > 0 and tokens[index - 1].text in ("a", "an", "one", "each", "this", "that")
        if plural and single:
            continue  # a truck stops, a bus stops
        lemma = " ".join((tokens[index].text, *rest))
        if plural and (
            last.endswith("ed") or (last.endswith("ing") and not verb_of(lemma, lexicon))
        ):
            continue  # a car parked is no car park, a bus stopping no bus stop; a car crashing is a car crash
        if (
            kind == "state"
            and words[-1:] == ("covered",)
            and _object_follows(tokens, index + length)
        ):
            continue  # the snow covered the car
        return _merged(tokens[index : index + length], lemma, kind, plural=plural), length
    return None


def _is_name(first: str, rest: tuple[str, ...]) -> bool:
    """WordNet has an old lady, a red fire and a look at; in a caption they are two words."""
    described = first in grammar.COLOURS
    described = described or (first in grammar.PLAIN_ADJECTIVES and rest[-1] in _PEOPLE)
    return not (described or _verb_like(first) or rest[-1] in grammar.FUNCTION)


def _object_follows(tokens: list[Token], index: int) -> bool:
    return index < len(tokens) and grammar.FUNCTION.get(tokens[index].text, "") in ("D", "S", "X")


def _verb_like(word: str) -> bool:
    """WordNet has a throw stick and a looking at; in a caption people throw sticks and look at things."""
    reading = morphology.read(word)
    return bool(reading.verbs) and verb_uses(reading.verbs[0]) > noun_uses(reading.verbs[0])


def _merged(parts: list[Token], lemma: str, kind: str, *, plural: bool) -> Token:
    token = Token(" ".join(part.text for part in parts), parts[0].start, parts[-1].end)
    token.lemma = lemma
    if kind != "state":
        token.tag, token.nouns, token.form = "N", (lemma,), "p" if plural else "s"
    else:
        token.tag, token.is_adjective = "A", True
    return token


def _preposition(tokens: list[Token], index: int) -> tuple[Token, int] | None:
    if tokens[index].text not in _FIRST_WORDS:
        return None
    for length in (4, 3, 2):
        words = tuple(token.text for token in tokens[index : index + length])
        name = grammar.MULTIWORD_PREPOSITIONS.get(words)
        if name is not None and len(words) == length:
            token = Token(name, tokens[index].start, tokens[index + length - 1].end)
            token.tag, token.lemma = "P", name
            return token, length
    pronoun = grammar.PAIRED_PRONOUNS.get(tuple(token.text for token in tokens[index : index + 2]))
    if pronoun is None:
        return None
    token = Token(pronoun, tokens[index].start, tokens[index + 1].end)
    token.tag, token.lemma = "X", pronoun
    return token, 2
