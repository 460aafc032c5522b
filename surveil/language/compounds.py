"""Words that belong together: police officer, in front of, each other, spray painting."""

from __future__ import annotations

from surveil.language import grammar, morphology
from surveil.language.lexicon import Lexicon
from surveil.language.nominal import verb_of
from surveil.language.tokens import Token
from surveil.language.usage import noun_uses, verb_uses

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
    """The compound that starts here and how many tokens it takes."""
    found = _preposition(tokens, index) or _verb(tokens, index)
    if found is not None:
        return found
    for rest, kind in lexicon.compounds.get(tokens[index].text, ()):
        length = len(rest) + 1
        if _stands_here(tokens, index, rest, kind, lexicon):
            plural = tokens[index + length - 1].text != rest[-1]
            lemma = " ".join((tokens[index].text, *rest))
            return _merged(tokens[index : index + length], lemma, kind, plural=plural), length
    return None


def _verb(tokens: list[Token], index: int) -> tuple[Token, int] | None:
    """Spray *painting*."""
    first = tokens[index]
    verb = grammar.VERB_COMPOUNDS.get(first.text)
    if not verb or index + 1 >= len(tokens):
        return None
    second = tokens[index + 1]
    reading = morphology.read(second.text)
    if verb not in reading.verbs:
        return None
    token = Token(f"{first.text} {second.text}", first.start, second.end)
    token.verbs, token.verb_forms = (f"{first.text} {verb}",), reading.verb_forms
    return token, 2


def _stands_here(
    tokens: list[Token], index: int, rest: tuple[str, ...], kind: str, lexicon: Lexicon
) -> bool:
    """Whether the words are there, as one name: singular, or with its last word in the plural."""
    first, end = tokens[index].text, index + len(rest) + 1
    if kind == "wordnet" and not _is_name(first, rest):
        return False
    words = tuple(token.text for token in tokens[index + 1 : end])
    if len(words) != len(rest) or words[:-1] != rest[:-1]:
        return False
    if words[-1] != rest[-1] and not _is_plural(tokens, index, rest, words[-1], lexicon):
        return False
    if kind == "state":  # the snow covered the car
        covers = words[-1] == "covered" and _object_follows(tokens, end)
        return words[-1] == rest[-1] and not covers
    return True


def _is_plural(
    tokens: list[Token], index: int, rest: tuple[str, ...], last: str, lexicon: Lexicon
) -> bool:
    """Car parks; but a car parked is no car park, a bus stopping no bus stop. A car crashing is a car crash."""
    if morphology.lemma_of(last) != rest[-1] or last.endswith("ed"):
        return False
    if index > 0 and tokens[index - 1].text in ("a", "an", "one", "each", "this", "that"):
        return False  # a truck stops
    lemma = " ".join((tokens[index].text, *rest))
    return not last.endswith("ing") or verb_of(lemma, lexicon) is not None


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
