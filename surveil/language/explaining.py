"""Why a caption matched a pattern, or what was missing, in words."""

from __future__ import annotations

from collections.abc import Iterator

from surveil.language.constraints import (
    Constraint,
    EntityConstraint,
    PlaceConstraint,
    StateConstraint,
)
from surveil.language.matcher import Matcher
from surveil.language.matching import Comparison
from surveil.language.sentence import Entity, Predicate, Sentence


def explain(pattern: str, caption: str, matcher: Matcher) -> list[str]:
    """Lines for a person: the verdict, what the pattern asks for, what the caption was read to say."""
    return [
        _verdict(pattern, caption, matcher),
        "The pattern asks for:",
        *(f"  {line}" for line in _asked(pattern, caption, matcher)),
        "The caption was read as:",
        *(f"  {line}" for line in _said(matcher.analyse(caption))),
    ]


def _verdict(pattern: str, caption: str, matcher: Matcher) -> str:
    match, best = matcher.match(pattern, caption), matcher.best(pattern, caption)
    if match is None or best is None:
        return f"No match: the caption does not assert {pattern!r}."
    words = caption[match.start : match.end]
    wording = best[1].wording
    through = f', taken as another way to say it ("{wording}")' if wording else ""
    return f'Match, score {match.score:.2f}: "{words}"{through}.'


def _asked(pattern: str, caption: str, matcher: Matcher) -> Iterator[str]:
    compiled = matcher.compile(pattern)
    if not compiled.alternatives:
        yield "nothing: it has no words"
        return
    comparison = Comparison(matcher.analyse(caption), matcher.lexicon)
    for constraint in compiled.alternatives[0].constraints:
        yield f"{_constraint(constraint)}: {'found' if comparison.meets(constraint) else 'not found'}"
    others = len(compiled.alternatives) - 1
    if others:
        yield f"or one of {others} other ways to say it"


def _constraint(constraint: Constraint) -> str:
    if isinstance(constraint, EntityConstraint):
        return _entity_constraint(constraint)
    agent = f"{_entity_constraint(constraint.agent)} " if constraint.agent else ""
    patient = f" {_entity_constraint(constraint.patient)}" if constraint.patient else ""
    verb = f"{constraint.verb} {constraint.phrasal}".strip()
    return f"{agent}[{'not ' if constraint.negated else ''}to {verb}]{patient}{_place_constraints(constraint.places)}"


def _entity_constraint(constraint: EntityConstraint) -> str:
    kinds = {"*": "anything", "*thing": "any thing"}
    words = [
        "no" if constraint.negated else "",
        "at least two of" if constraint.plural else "",
        *map(_state_constraint, constraint.states),
        *constraint.modifiers,
        kinds.get(constraint.terms[0], " or ".join(constraint.terms)),
        "left alone" if constraint.left_alone else "",
    ]
    return " ".join(filter(None, words)) + _place_constraints(constraint.places)


def _state_constraint(constraint: StateConstraint) -> str:
    return f"{'not ' if constraint.negated else ''}{constraint.word}"


def _place_constraints(places: tuple[PlaceConstraint, ...]) -> str:
    return "".join(f" {place.preposition} {_entity_constraint(place.entity)}" for place in places)


def _said(sentence: Sentence) -> Iterator[str]:
    if not sentence.entities and not sentence.predicates:
        yield "nothing"
    for entity in sentence.entities:
        yield _entity(entity, sentence)
    for predicate in sentence.predicates:
        if not predicate.implied:
            yield _predicate(predicate, sentence)


def _entity(entity: Entity, sentence: Sentence) -> str:
    words = sentence.text[sentence.tokens[entity.start].start : sentence.tokens[entity.end - 1].end]
    notes = [
        note
        for note, holds in (("denied", entity.negated), ("not really there", entity.unreal))
        if holds
    ]
    notes += [f"{place.preposition} {place.entity.lemma}" for place in entity.places]
    return f"thing: {words}" + (f" ({', '.join(notes)})" if notes else "")


def _predicate(predicate: Predicate, sentence: Sentence) -> str:
    def names(entities: list[Entity]) -> str:
        return " and ".join(entity.lemma for entity in entities) or "somebody"

    notes = [
        note
        for note, holds in (("denied", predicate.negated), ("not happening", predicate.unreal))
        if holds
    ]
    who = (
        f"done to {names(predicate.subjects)}"
        if predicate.passive
        else f"by {names(predicate.subjects)}"
    )
    notes += [who, *(f"object {entity.lemma}" for entity in predicate.objects)]
    notes += [f"{place.preposition} {place.entity.lemma}" for place in predicate.places]
    return f"doing: {predicate.lemma} ({', '.join(notes)})"
