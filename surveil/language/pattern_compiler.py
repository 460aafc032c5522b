"""An operator's phrase -> a pattern that captions are compared with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from surveil.language.constraints import (
    GOING,
    REWORDED,
    Alternative,
    Pattern,
    Want,
    WantThing,
)
from surveil.language.grammar import FUNCTION
from surveil.language.lexicon import Lexicon
from surveil.language.query import wants_of
from surveil.language.reader import read
from surveil.language.rewording import reworded
from surveil.language.tokens import tokenise


def compile_pattern(text: str, lexicon: Lexicon) -> Pattern:
    """Requirements of an operator's phrase."""
    wants = tuple(wants_of(read(text, lexicon), lexicon))
    if not wants:
        return Pattern(text)
    base = Alternative(wants, 1.0, _anchors(wants))
    others = (
        Alternative(other, REWORDED, _anchors(other), wording)
        for other, wording in reworded(wants, lexicon)
    )
    alternatives = (base, *others)
    return Pattern(text, alternatives, _by_term(alternatives))


def _by_term(alternatives: tuple[Alternative, ...]) -> dict[str, tuple[int, ...]]:
    places: dict[str, list[int]] = defaultdict(list)
    for place, alternative in enumerate(alternatives):
        for term in min(alternative.anchors, key=len, default=frozenset({""})):
            places[term].append(place)
    return {term: tuple(found) for term, found in places.items()}


def _anchors(wants: tuple[Want, ...]) -> tuple[frozenset[str], ...]:
    anchors: list[frozenset[str]] = []
    for want in wants:
        if isinstance(want, WantThing):
            anchors += _thing_anchors(want)
            continue
        if not want.negated and want.verb not in (*GOING, "use"):
            anchors.append(
                frozenset({want.verb, *want.kin, f"{want.verb} {want.phrasal}", want.phrase})
            )
        for thing in (want.agent, want.patient, *(place.thing for place in want.places)):
            if thing is not None and thing.terms != ("person",):
                anchors += _thing_anchors(thing)
    return tuple(dict.fromkeys(anchors))


def _thing_anchors(want: WantThing) -> Iterator[frozenset[str]]:
    """A car window may also stand as the window of a car, so its last word is enough."""
    if want.terms[0][0] != "*" and not want.negated:
        yield frozenset({*want.terms, *(term.split()[-1] for term in want.terms)})
    for place in want.places:
        yield from _thing_anchors(place.thing)


def content_words(pattern: str, lexicon: Lexicon) -> list[str]:
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


def has_words(pattern: str) -> bool:
    return any(token.text[0].isalnum() for token in tokenise(pattern))
