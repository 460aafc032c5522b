"""An operator's phrase -> a pattern that captions are compared with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from surveil.language.constraints import (
    GOING,
    REWORDED,
    Alternative,
    Constraint,
    EntityConstraint,
    Pattern,
)
from surveil.language.grammar import FUNCTION
from surveil.language.lexicon import Lexicon
from surveil.language.query import constraints_of
from surveil.language.reader import read
from surveil.language.rewording import reworded


def compile_pattern(text: str, lexicon: Lexicon) -> Pattern:
    """Requirements of an operator's phrase."""
    constraints = tuple(constraints_of(read(text, lexicon), lexicon))
    if not constraints:
        return Pattern(text)
    base = Alternative(constraints, 1.0, _anchors(constraints))
    others = (
        Alternative(other, REWORDED, _anchors(other), wording)
        for other, wording in reworded(constraints, lexicon)
    )
    alternatives = (base, *others)
    return Pattern(text, alternatives, _by_term(alternatives))


def _by_term(alternatives: tuple[Alternative, ...]) -> dict[str, tuple[int, ...]]:
    places: dict[str, list[int]] = defaultdict(list)
    for place, alternative in enumerate(alternatives):
        for term in min(alternative.anchors, key=len, default=frozenset({""})):
            places[term].append(place)
    return {term: tuple(found) for term, found in places.items()}


def _anchors(constraints: tuple[Constraint, ...]) -> tuple[frozenset[str], ...]:
    anchors: list[frozenset[str]] = []
    for constraint in constraints:
        if isinstance(constraint, EntityConstraint):
            anchors += _entity_anchors(constraint)
            continue
        if not constraint.negated and constraint.verb not in (*GOING, "use"):
            anchors.append(
                frozenset(
                    {
                        constraint.verb,
                        *constraint.kin,
                        f"{constraint.verb} {constraint.phrasal}",
                        constraint.phrase,
                    }
                )
            )
        for entity in (
            constraint.agent,
            constraint.patient,
            *(place.entity for place in constraint.places),
        ):
            if entity is not None and entity.terms != ("person",):
                anchors += _entity_anchors(entity)
    return tuple(dict.fromkeys(anchors))


def _entity_anchors(constraint: EntityConstraint) -> Iterator[frozenset[str]]:
    """A car window may also stand as the window of a car, so its last word is enough."""
    if constraint.terms[0][0] != "*" and not constraint.negated:
        yield frozenset({*constraint.terms, *(term.split()[-1] for term in constraint.terms)})
    for place in constraint.places:
        yield from _entity_anchors(place.entity)


def unknown_words(pattern: str, lexicon: Lexicon) -> list[str]:
    """Content words of the pattern that can only match themselves; in order, each once."""
    return [word for word in _content_words(pattern, lexicon) if not lexicon.knows(word)]


def _content_words(pattern: str, lexicon: Lexicon) -> list[str]:
    """Lemmas of the pattern's words, small words left out; each once, in order."""
    found: list[str] = []
    for token in read(pattern, lexicon).tokens:
        lemma = token.lemma or token.text
        if token.text in FUNCTION or not token.text[0].isalpha() or lemma in found:
            continue
        if token.tag == "A" and token.verbs:
            lemma = token.verbs[0] if not lexicon.knows(lemma) else lemma
        found.append(lemma)
    return found
