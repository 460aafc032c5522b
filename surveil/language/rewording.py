"""Other ways to say what a pattern asks for: paraphrases, and what English lets one say instead."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from surveil.language import nominal
from surveil.language.appearance import appearance_reworded
from surveil.language.constraints import (
    Constraint,
    EntityConstraint,
    PlaceConstraint,
    PredicateConstraint,
)
from surveil.language.lexicon import Lexicon
from surveil.language.meanings import bind, key_of, meanings, substitute
from surveil.language.query import constraints_of
from surveil.language.reader import read

_Wording = tuple[str, tuple[Constraint, ...]]
"""As a person would say it, and what it asks for."""


def reworded(
    constraints: tuple[Constraint, ...], lexicon: Lexicon
) -> Iterator[tuple[tuple[Constraint, ...], str]]:
    for position, constraint in enumerate(constraints):
        for wording, changed in _rewordings(constraint, lexicon):
            changed = _in_the_same_stance(constraint, changed)
            yield (*constraints[:position], *changed, *constraints[position + 1 :]), wording


def _in_the_same_stance(
    constraint: Constraint, changed: tuple[Constraint, ...]
) -> tuple[Constraint, ...]:
    """Sitting at a desk may be told as being at one, but not by one who stands."""
    if not isinstance(constraint, PredicateConstraint) or constraint.verb not in (
        "sit",
        "stand",
        "lie",
        "kneel",
    ):
        return changed
    return tuple(
        replace(other, stance=constraint.verb) if isinstance(other, EntityConstraint) else other
        for other in changed
    )


def _rewordings(constraint: Constraint, lexicon: Lexicon) -> Iterator[_Wording]:
    yield from _paraphrases(constraint, lexicon)
    if isinstance(constraint, PredicateConstraint):
        yield from _whole_phrase(constraint, lexicon)
        yield from _lacking(constraint)
        yield from _being_there(constraint)
    else:
        yield from _as_verb(constraint, lexicon)
        yield from appearance_reworded(constraint, lexicon)


def _paraphrases(constraint: Constraint, lexicon: Lexicon) -> Iterator[_Wording]:
    """Those of meanings.txt."""
    for pattern, wording in meanings():
        key = key_of(pattern, lexicon)
        bound = bind(key, constraint) if key is not None else None
        if key is None or bound is None or _says_less(pattern, wording, bound, lexicon):
            continue
        target = [
            substitute(other, bound) for other in constraints_of(read(wording, lexicon), lexicon)
        ]
        if isinstance(constraint, PredicateConstraint) and target:
            first = _with_the_rest(target[0], key, constraint)
            if first is None:
                continue
            target[0] = first
            if constraint.verb == "wear":
                target = [_worn(other) for other in target]
        yield wording, tuple(target)


def _says_less(
    pattern: str, wording: str, bound: dict[str, EntityConstraint], lexicon: Lexicon
) -> bool:
    """Nothing of an X that matters, or company where a thing at hand is meant."""
    if "X" in pattern and "X" not in wording and _is_special(bound["x"]):
        return True
    if not wording.endswith("X with Y"):
        return False
    # with a child is beside one, not carrying one
    return bool({"person", "animal"} & lexicon.noun(bound["y"].terms[0]).keys())


def _is_special(entity: EntityConstraint) -> bool:
    """More than "person": two, or one in red, of whom a wording without X would say nothing."""
    told = entity.exact or entity.states or entity.modifiers or entity.places
    return bool(told) or entity.terms != ("person",)


def _with_the_rest(
    target: Constraint, key: Constraint, constraint: PredicateConstraint
) -> Constraint | None:
    """The target with the places and manners of which the paraphrase does not speak; None where it cannot have them."""
    spent = {place.preposition for place in key.places}
    rest = tuple(place for place in constraint.places if place.preposition not in spent)
    if _twice_somewhere(target, rest):
        return None  # who sits on the ground is not in a chair
    target = replace(target, places=(*target.places, *rest))
    told = {state.word for state in key.states} if isinstance(key, PredicateConstraint) else set()
    left = tuple(state for state in constraint.states if state.word not in told)
    if not left:
        return target
    if not isinstance(target, PredicateConstraint):
        return None  # driving fast is more than driving
    return replace(target, states=(*target.states, *left))


def _twice_somewhere(constraint: Constraint, rest: tuple[PlaceConstraint, ...]) -> bool:
    told = [place.entity.terms for place in constraint.places if place.preposition in ("in", "on")]
    others = [place.entity.terms for place in rest if place.preposition in ("in", "on")]
    return bool(told and others) and told != others


def _worn(constraint: Constraint) -> Constraint:
    """In or with a hat means wearing it here, not holding it."""
    places = tuple(
        replace(place, preposition="wearing") if place.preposition in ("with", "in") else place
        for place in constraint.places
    )
    return replace(constraint, places=places)


def _whole_phrase(constraint: PredicateConstraint, lexicon: Lexicon) -> Iterator[_Wording]:
    """Breaking into a house: the house is what is broken into."""
    into = next(
        (p for p in constraint.places if constraint.phrase.endswith(" " + p.preposition)), None
    )
    if not constraint.phrase or constraint.patient is not None or into is None:
        return
    whole = replace(
        constraint,
        verb=constraint.phrase,
        patient=into.entity,
        places=tuple(place for place in constraint.places if place is not into),
        phrase="",
        kin=lexicon.verb_equals(constraint.phrase),
        either_role=False,
    )
    yield constraint.phrase, (whole,)


_POSSESSING = frozenset({"wear", "carry", "hold", "have", "use"})


def _lacking(constraint: PredicateConstraint) -> Iterator[_Wording]:
    """Not wearing a helmet: without one."""
    if constraint.negated and constraint.patient is not None and constraint.verb in _POSSESSING:
        agent = constraint.agent or EntityConstraint(("person",))
        lacking = replace(
            agent, places=(*agent.places, PlaceConstraint("without", constraint.patient))
        )
        yield f"without {constraint.patient.terms[0]}", (lacking,)


_STANCES = frozenset({"stand", "wait", "stay", "remain"})
"""What a caption leaves out: who is on a ladder stands on it."""


def _being_there(constraint: PredicateConstraint) -> Iterator[_Wording]:
    if constraint.verb in _STANCES and constraint.agent is not None and constraint.places:
        yield (
            "being there",
            (replace(constraint.agent, places=(*constraint.agent.places, *constraint.places)),),
        )


_USUAL_AGENTS = {"crash": ("vehicle",)}


def _as_verb(constraint: EntityConstraint, lexicon: Lexicon) -> Iterator[_Wording]:
    """A dog fight: dogs that fight."""
    if constraint.negated or constraint.terms[0].startswith("*"):
        return
    verb = nominal.verb_of(constraint.terms[0], lexicon)
    if verb is None:
        return
    words = (
        *constraint.modifiers[:1],
        *constraint.terms[0].split()[:-1],
        *_USUAL_AGENTS.get(verb, ()),
    )
    party = EntityConstraint((words[0],)) if words else None
    yield f"{verb} (as a verb)", (PredicateConstraint(verb, party, None, places=constraint.places),)
    if party is not None and verb not in _USUAL_AGENTS:
        yield (
            f"{verb} (as a verb)",
            (PredicateConstraint(verb, None, party, places=constraint.places),),
        )
