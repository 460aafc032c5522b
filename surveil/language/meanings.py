"""The paraphrases of meanings.txt: `broken X = hole in X`, and what X and Y stand for in a constraint."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib import resources

from surveil.language.constraints import Constraint, EntityConstraint, PredicateConstraint
from surveil.language.lexicon import Lexicon
from surveil.language.query import constraints_of
from surveil.language.reader import read


@cache
def meanings() -> tuple[tuple[str, str], ...]:
    text = resources.files("surveil.language.words").joinpath("meanings.txt").read_text("utf-8")
    pairs = (line.partition("=") for line in text.splitlines() if line and not line.startswith("#"))
    return tuple((left.strip(), right.strip()) for left, _, right in pairs)


_KEYS: dict[str, Constraint | None] = {}


def key_of(pattern: str, lexicon: Lexicon) -> Constraint | None:
    if pattern not in _KEYS:
        _KEYS[pattern] = next(constraints_of(read(pattern, lexicon), lexicon), None)
    return _KEYS[pattern]


def bind(key: Constraint, constraint: Constraint) -> dict[str, EntityConstraint] | None:
    """What X and Y stand for if the constraint has the shape of the key; None if it has not."""
    if isinstance(key, PredicateConstraint):
        return (
            _bind_predicate(key, constraint)
            if isinstance(constraint, PredicateConstraint)
            else None
        )
    if isinstance(constraint, PredicateConstraint):
        return _bind_state(key, constraint)
    if (
        constraint.negated
        or not _same(key, constraint)
        or not set(key.modifiers) <= set(constraint.modifiers)
    ):
        return None
    if key.terms != ("x",) and (
        constraint.modifiers != key.modifiers or len(constraint.places) != len(key.places)
    ):
        return None
    states = tuple(
        state for state in constraint.states if state.word not in {s.word for s in key.states}
    )
    if len(constraint.states) - len(states) != len(key.states):
        return None
    if not key.places:
        whole = replace(constraint, states=states)
        return {"x": whole} if key.terms == ("x",) or not states else None
    asked = key.places[0]
    place = next((p for p in constraint.places if p.preposition == asked.preposition), None)
    if place is not None and (key.terms, asked.entity.terms) == (("x",), ("y",)):
        rest = tuple(other for other in constraint.places if other is not place)
        return {"x": replace(constraint, places=rest), "y": place.entity}
    if place is None or not _same(asked.entity, place.entity):
        return None
    if asked.entity.terms == ("x",):
        return {"x": place.entity} if not states else None
    return {
        "x": replace(
            constraint, places=tuple(other for other in constraint.places if other is not place)
        )
    }


def _bind_predicate(
    key: PredicateConstraint, constraint: PredicateConstraint
) -> dict[str, EntityConstraint] | None:
    if (
        key.verb != constraint.verb
        or key.phrasal != constraint.phrasal
        or constraint.negated
        or (key.patient is None) != (constraint.patient is None)
    ):
        return None
    for asked, given in ((key.agent, constraint.agent), (key.patient, constraint.patient)):
        if (
            asked is not None
            and asked.terms not in (("x",), ("y",))
            and (given is None or asked.terms != given.terms)
        ):
            return None
    places = {place.preposition: place.entity for place in constraint.places}
    aim = key.places[0].preposition if key.places else ""
    if key.places and (aim not in places or not _same(key.places[0].entity, places[aim], "y")):
        return None
    target = (
        constraint.patient
        if key.patient is not None and key.patient.terms == ("y",)
        else places.get(aim)
    )
    pairs = (("x", constraint.agent or constraint.patient), ("y", target))
    return {name: entity for name, entity in pairs if entity is not None}


def _bind_state(
    key: EntityConstraint, constraint: PredicateConstraint
) -> dict[str, EntityConstraint] | None:
    """ "window broken" is read as a predicate, and means what "broken window" means."""
    only = constraint.agent or constraint.patient
    same = bool(key.states) and key.states[0].verb == constraint.verb and constraint.either_role
    return {"x": only} if same and only is not None and _same(key, only) else None


def _same(key: EntityConstraint, constraint: EntityConstraint, variable: str = "x") -> bool:
    return key.terms in ((variable,), constraint.terms)


def substitute(constraint: Constraint, bound: dict[str, EntityConstraint]) -> Constraint:
    if isinstance(constraint, PredicateConstraint):
        return replace(
            constraint,
            agent=_bound(constraint.agent, bound),
            patient=_bound(constraint.patient, bound),
            places=tuple(
                replace(p, entity=_bound(p.entity, bound) or p.entity) for p in constraint.places
            ),
        )
    return _bound(constraint, bound) or constraint


def _bound(
    entity: EntityConstraint | None, bound: dict[str, EntityConstraint]
) -> EntityConstraint | None:
    if entity is None:
        return None
    places = tuple(
        replace(place, entity=_bound(place.entity, bound) or place.entity)
        for place in entity.places
    )
    given = bound.get(entity.terms[0])
    if given is None:
        return replace(entity, places=places)
    return replace(
        given,
        places=(*given.places, *places),
        states=(*given.states, *entity.states),
        plural=False,
        modifiers=(*given.modifiers, *entity.modifiers),
    )
