"""How many there are, and whether that is as many as a pattern asks for."""

from __future__ import annotations

from collections.abc import Iterable

from surveil.language.constraints import EntityConstraint
from surveil.language.lexicon import NEAR
from surveil.language.sentence import Entity
from surveil.language.wordset import word_set

_FEW = word_set("couple pair duo police staff twins")
"""Two, or nobody says how many."""


def enough(constraint: EntityConstraint, entity: Entity, alike: list[Entity]) -> bool:
    """`alike`: those joined to it by `and` that are wanted too; a man and a woman are not two men."""
    flock = "group" in entity.terms and entity.lemma.split()[0] not in _FEW
    exact = 0 if flock else exact_number(entity, alike)
    if constraint.exact:
        return exact == constraint.exact
    if constraint.several:
        return _are_several(entity, exact, alike)
    return not constraint.plural or number(entity, alike) >= 2


def _are_several(entity: Entity, exact: int, alike: list[Entity]) -> bool:
    """Three, many, a crowd, everybody; but no two, no pair, and not "the men", of whom it is not said."""
    many = max(entity.count, 1 + len(alike)) >= 2 and (exact == 0 or exact > 2)
    told = not entity.pronoun or exact > 2 or entity.lemma in ("everyone", "everybody")
    flock = entity.lemma == "people" or "group" in entity.terms
    singled_out = entity.definite and exact == 0 and not flock
    return many and told and not (singled_out or _FEW & {entity.lemma, entity.lemma.split()[0]})


def number(entity: Entity, alike: list[Entity] | None = None) -> int:
    """2 for any number above one. `alike`: those of its partners that count; None: all."""
    partners = entity.partners if alike is None else alike
    return max(entity.count, 1 + len(partners)) if entity.count or partners else 2


def exact_number(entity: Entity, alike: list[Entity] | None = None) -> int:
    """How many there are, those joined by `and` included; 0 where the caption does not say."""
    partners = entity.partners if alike is None else alike
    numbers = [other.exact or (1 if other.count == 1 else 0) for other in (entity, *partners)]
    return sum(numbers) if all(numbers) else 0


def exactly(wanted: int, entities: Iterable[Entity]) -> list[Entity] | None:
    """The persons of a sentence, if no more and no fewer are spoken of: two in "a woman hands the man a note"."""
    persons: dict[tuple[object, ...], Entity] = {}
    for entity in entities:
        known_person = entity.terms.get("person", 0.0) >= NEAR and not entity.negated
        if not known_person or entity.pronoun or entity.unreal:
            continue
        appearance = _appearance(entity)
        if appearance or all(lemma != entity.lemma for lemma, _ in persons):
            persons[(entity.lemma, appearance)] = entity  # "the man" again is the man spoken of
    found = list(persons.values())
    counted = all(entity.exact or entity.count == 1 for entity in found)
    number_told = sum(entity.exact or entity.count for entity in found)
    return found if counted and number_told == wanted else None


def _appearance(entity: Entity) -> frozenset[object]:
    """By which two men are told apart: what they are in, and what they are like."""
    worn = {place.entity.lemma for place in entity.places if place.preposition == "in"}
    return frozenset(worn | {str(state.token) for state in entity.states})
