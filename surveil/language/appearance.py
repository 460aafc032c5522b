"""Looks and weather in other words: masked is wearing a mask, a foggy street has fog over it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from surveil.language.constraints import Want, WantDoing, WantPlace, WantState, WantThing
from surveil.language.lexicon import Lexicon
from surveil.language.meaning import WORN_STATES
from surveil.language.wordset import word_set


def looks_reworded(want: Want, lexicon: Lexicon) -> Iterator[tuple[str, tuple[Want, ...]]]:
    """Wording and wants for each other way to say what a thing looks like."""
    if not isinstance(want, WantThing) or want.negated:
        return
    yield from _weather(want, lexicon)
    yield from _wearing(want, lexicon)
    yield from _parts(want)


_STUFFS = word_set("fog snow mud dust sand smoke ice rain mist haze")


def _weather(want: WantThing, lexicon: Lexicon) -> Iterator[tuple[str, tuple[Want, ...]]]:
    """A foggy street has fog in it, on it or over it: so with every adjective in -y that names a stuff."""
    for state in want.states:
        stem = state.word.removesuffix("y")
        stems = (stem, stem[:-1] if stem[-2:-1] == stem[-1:] else stem + "e")
        stuff = next((s for s in stems if s in _STUFFS), "")
        if stem == state.word or not stuff:
            continue
        rest = replace(want, states=tuple(other for other in want.states if other is not state))
        there = WantThing(lexicon.noun_equals(stuff))
        for preposition in ("in", "on", "over"):
            place = WantPlace(preposition, rest)
            yield f"{stuff} {preposition}", (replace(there, places=(place,)),)
        yield f"in {stuff}", (replace(rest, places=(*rest.places, WantPlace("in", there))),)
        yield f"covered in {stuff}", (WantDoing("cover", there, rest),)
        yield (
            f"covered in {stuff}",
            (WantDoing("cover", None, rest, places=(WantPlace("in", there),)),),
        )


def _wearing(want: WantThing, lexicon: Lexicon) -> Iterator[tuple[str, tuple[Want, ...]]]:
    """Masked is wearing a mask, red-haired is with red hair."""
    for state in want.states:
        rest = tuple(other for other in want.states if other is not state)
        first, dash, last = state.word.rpartition("-")
        part = last.removesuffix("ed")
        if state.word in WORN_STATES:
            worn = WantThing(lexicon.noun_equals(WORN_STATES[state.word]))
            for place in ("wearing", "with", "in"):
                places = (*want.places, WantPlace(place, worn))
                yield f"{place} {worn.terms[0]}", (replace(want, states=rest, places=places),)
            yield f"wearing {worn.terms[0]}", (WantDoing("wear", replace(want, states=rest), worn),)
        elif dash and last.endswith("ed") and lexicon.has_noun(part):
            having = WantThing(lexicon.noun_equals(part), states=(WantState(first),))
            places = (*want.places, WantPlace("with", having))
            yield f"with {first} {part}", (replace(want, states=rest, places=places),)


def _parts(want: WantThing) -> Iterator[tuple[str, tuple[Want, ...]]]:
    """A car with open doors: the doors of a car are open, somebody opens a car door."""
    if want.states or len(want.places) != 1:
        return
    place = want.places[0]
    if place.preposition == "with" and place.thing.states and want.terms[0] != "person":
        part = replace(place.thing, modifiers=(*place.thing.modifiers, want.terms[0]))
        yield f"{place.thing.terms[0]} of {want.terms[0]}", (part,)
