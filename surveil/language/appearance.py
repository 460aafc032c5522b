"""Appearance and weather in other words: masked is wearing a mask, a foggy street has fog over it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from surveil.language.constraints import (
    Constraint,
    EntityConstraint,
    PlaceConstraint,
    PredicateConstraint,
    StateConstraint,
)
from surveil.language.lexicon import Lexicon
from surveil.language.meaning import WORN_STATES
from surveil.language.wordset import word_set


def appearance_reworded(
    constraint: Constraint, lexicon: Lexicon
) -> Iterator[tuple[str, tuple[Constraint, ...]]]:
    """Wording and constraints for each other way to say what a thing looks like."""
    if not isinstance(constraint, EntityConstraint) or constraint.negated:
        return
    yield from _weather(constraint, lexicon)
    yield from _wearing(constraint, lexicon)
    yield from _parts(constraint)


_STUFFS = word_set("fog snow mud dust sand smoke ice rain mist haze")


def _weather(
    constraint: EntityConstraint, lexicon: Lexicon
) -> Iterator[tuple[str, tuple[Constraint, ...]]]:
    """A foggy street has fog in it, on it or over it: so with every adjective in -y that names a stuff."""
    for state in constraint.states:
        stem = state.word.removesuffix("y")
        stems = (stem, stem[:-1] if stem[-2:-1] == stem[-1:] else stem + "e")
        stuff = next((s for s in stems if s in _STUFFS), "")
        if stem == state.word or not stuff:
            continue
        rest = replace(
            constraint, states=tuple(other for other in constraint.states if other is not state)
        )
        there = EntityConstraint(lexicon.noun_equals(stuff))
        for preposition in ("in", "on", "over"):
            place = PlaceConstraint(preposition, rest)
            yield f"{stuff} {preposition}", (replace(there, places=(place,)),)
        yield f"in {stuff}", (replace(rest, places=(*rest.places, PlaceConstraint("in", there))),)
        yield f"covered in {stuff}", (PredicateConstraint("cover", there, rest),)
        yield (
            f"covered in {stuff}",
            (PredicateConstraint("cover", None, rest, places=(PlaceConstraint("in", there),)),),
        )


def _wearing(
    constraint: EntityConstraint, lexicon: Lexicon
) -> Iterator[tuple[str, tuple[Constraint, ...]]]:
    """Masked is wearing a mask, red-haired is with red hair."""
    for state in constraint.states:
        rest = tuple(other for other in constraint.states if other is not state)
        first, dash, last = state.word.rpartition("-")
        part = last.removesuffix("ed")
        if state.word in WORN_STATES:
            worn = EntityConstraint(lexicon.noun_equals(WORN_STATES[state.word]))
            for place in ("wearing", "with", "in"):
                places = (*constraint.places, PlaceConstraint(place, worn))
                yield f"{place} {worn.terms[0]}", (replace(constraint, states=rest, places=places),)
            yield (
                f"wearing {worn.terms[0]}",
                (PredicateConstraint("wear", replace(constraint, states=rest), worn),),
            )
        elif dash and last.endswith("ed") and lexicon.has_noun(part):
            having = EntityConstraint(lexicon.noun_equals(part), states=(StateConstraint(first),))
            places = (*constraint.places, PlaceConstraint("with", having))
            yield f"with {first} {part}", (replace(constraint, states=rest, places=places),)


def _parts(constraint: EntityConstraint) -> Iterator[tuple[str, tuple[Constraint, ...]]]:
    """A car with open doors: the doors of a car are open, somebody opens a car door."""
    if constraint.states or len(constraint.places) != 1:
        return
    place = constraint.places[0]
    if place.preposition == "with" and place.entity.states and constraint.terms[0] != "person":
        part = replace(place.entity, modifiers=(*place.entity.modifiers, constraint.terms[0]))
        yield f"{place.entity.terms[0]} of {constraint.terms[0]}", (part,)
