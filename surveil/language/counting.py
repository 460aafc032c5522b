"""How many there are, and whether that is as many as a pattern wants."""

from __future__ import annotations

from collections.abc import Iterable

from surveil.language.constraints import WantThing
from surveil.language.lexicon import NEAR
from surveil.language.sentence import Thing
from surveil.language.wordset import word_set

_FEW = word_set("couple pair duo police staff twins")
"""Two, or nobody says how many."""


def enough(want: WantThing, thing: Thing, alike: list[Thing]) -> bool:
    """`alike`: those joined to it by `and` that are wanted too; a man and a woman are not two men."""
    flock = "group" in thing.terms and thing.lemma.split()[0] not in _FEW
    exact = 0 if flock else exact_number(thing, alike)
    if want.exact:
        return exact == want.exact
    if want.several:
        return _are_several(thing, exact, alike)
    return not want.plural or number(thing, alike) >= 2


def _are_several(thing: Thing, exact: int, alike: list[Thing]) -> bool:
    """Three, many, a crowd, everybody; but no two, no pair, and not "the men", of whom it is not said."""
    many = max(thing.count, 1 + len(alike)) >= 2 and (exact == 0 or exact > 2)
    told = not thing.pronoun or exact > 2 or thing.lemma in ("everyone", "everybody")
    flock = thing.lemma == "people" or "group" in thing.terms
    singled_out = thing.definite and exact == 0 and not flock
    return many and told and not (singled_out or _FEW & {thing.lemma, thing.lemma.split()[0]})


def number(thing: Thing, alike: list[Thing] | None = None) -> int:
    """2 for any number above one. `alike`: those of its partners that count; None: all."""
    partners = thing.partners if alike is None else alike
    return max(thing.count, 1 + len(partners)) if thing.count or partners else 2


def exact_number(thing: Thing, alike: list[Thing] | None = None) -> int:
    """How many there are, those joined by `and` included; 0 where the caption does not say."""
    partners = thing.partners if alike is None else alike
    numbers = [other.exact or (1 if other.count == 1 else 0) for other in (thing, *partners)]
    return sum(numbers) if all(numbers) else 0


def exactly(wanted: int, things: Iterable[Thing]) -> list[Thing] | None:
    """The persons of a sentence, if no more and no fewer are spoken of: two in "a woman hands the man a note"."""
    persons: dict[tuple[object, ...], Thing] = {}
    for thing in things:
        known_person = thing.terms.get("person", 0.0) >= NEAR and not thing.negated
        if not known_person or thing.pronoun or thing.unreal:
            continue
        looks = _looks(thing)
        if looks or all(lemma != thing.lemma for lemma, _ in persons):
            persons[(thing.lemma, looks)] = thing  # "the man" again is the man spoken of
    found = list(persons.values())
    counted = all(thing.exact or thing.count == 1 for thing in found)
    number_told = sum(thing.exact or thing.count for thing in found)
    return found if counted and number_told == wanted else None


def _looks(thing: Thing) -> frozenset[object]:
    """By which two men are told apart: what they are in, and what they are like."""
    worn = {place.thing.lemma for place in thing.places if place.preposition == "in"}
    return frozenset(worn | {str(state.token) for state in thing.states})
