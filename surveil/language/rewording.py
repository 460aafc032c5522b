"""Other ways to say what a pattern asks for: paraphrases, and what English lets one say instead."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from surveil.language import nominal
from surveil.language.appearance import looks_reworded
from surveil.language.constraints import Want, WantDoing, WantPlace, WantThing
from surveil.language.lexicon import Lexicon
from surveil.language.meanings import bind, key_of, meanings, substitute
from surveil.language.query import wants_of
from surveil.language.reader import read

_Wording = tuple[str, tuple[Want, ...]]
"""As a person would say it, and what it asks for."""


def reworded(wants: tuple[Want, ...], lexicon: Lexicon) -> Iterator[tuple[tuple[Want, ...], str]]:
    for position, want in enumerate(wants):
        for wording, changed in _rewordings(want, lexicon):
            changed = _in_the_same_stance(want, changed)
            yield (*wants[:position], *changed, *wants[position + 1 :]), wording


def _in_the_same_stance(want: Want, changed: tuple[Want, ...]) -> tuple[Want, ...]:
    """Sitting at a desk may be told as being at one, but not by one who stands."""
    if not isinstance(want, WantDoing) or want.verb not in ("sit", "stand", "lie", "kneel"):
        return changed
    return tuple(
        replace(other, stance=want.verb) if isinstance(other, WantThing) else other
        for other in changed
    )


def _rewordings(want: Want, lexicon: Lexicon) -> Iterator[_Wording]:
    yield from _paraphrases(want, lexicon)
    if isinstance(want, WantDoing):
        yield from _whole_phrase(want, lexicon)
        yield from _lacking(want)
        yield from _being_there(want)
    else:
        yield from _as_verb(want, lexicon)
        yield from looks_reworded(want, lexicon)


def _paraphrases(want: Want, lexicon: Lexicon) -> Iterator[_Wording]:
    """Those of meanings.txt."""
    for pattern, wording in meanings():
        key = key_of(pattern, lexicon)
        bound = bind(key, want) if key is not None else None
        if key is None or bound is None or _says_less(pattern, wording, bound, lexicon):
            continue
        target = [substitute(other, bound) for other in wants_of(read(wording, lexicon), lexicon)]
        if isinstance(want, WantDoing) and target:
            first = _with_the_rest(target[0], key, want)
            if first is None:
                continue
            target[0] = first
            if want.verb == "wear":
                target = [_worn(other) for other in target]
        yield wording, tuple(target)


def _says_less(pattern: str, wording: str, bound: dict[str, WantThing], lexicon: Lexicon) -> bool:
    """Nothing of an X that matters, or company where a thing at hand is meant."""
    if "X" in pattern and "X" not in wording and _is_special(bound["x"]):
        return True
    if not wording.endswith("X with Y"):
        return False
    # with a child is beside one, not carrying one
    return bool({"person", "animal"} & lexicon.noun(bound["y"].terms[0]).keys())


def _is_special(thing: WantThing) -> bool:
    """More than "person": two, or one in red, of whom a wording without X would say nothing."""
    told = thing.exact or thing.states or thing.modifiers or thing.places
    return bool(told) or thing.terms != ("person",)


def _with_the_rest(target: Want, key: Want, want: WantDoing) -> Want | None:
    """The target with the places and manners of which the paraphrase does not speak; None where it cannot have them."""
    spent = {place.preposition for place in key.places}
    rest = tuple(place for place in want.places if place.preposition not in spent)
    if _twice_somewhere(target, rest):
        return None  # who sits on the ground is not in a chair
    target = replace(target, places=(*target.places, *rest))
    told = {state.word for state in key.states} if isinstance(key, WantDoing) else set()
    left = tuple(state for state in want.states if state.word not in told)
    if not left:
        return target
    if not isinstance(target, WantDoing):
        return None  # driving fast is more than driving
    return replace(target, states=(*target.states, *left))


def _twice_somewhere(want: Want, rest: tuple[WantPlace, ...]) -> bool:
    told = [place.thing.terms for place in want.places if place.preposition in ("in", "on")]
    others = [place.thing.terms for place in rest if place.preposition in ("in", "on")]
    return bool(told and others) and told != others


def _worn(want: Want) -> Want:
    """In or with a hat means wearing it here, not holding it."""
    places = tuple(
        replace(place, preposition="wearing") if place.preposition in ("with", "in") else place
        for place in want.places
    )
    return replace(want, places=places)


def _whole_phrase(want: WantDoing, lexicon: Lexicon) -> Iterator[_Wording]:
    """Breaking into a house: the house is what is broken into."""
    into = next((p for p in want.places if want.phrase.endswith(" " + p.preposition)), None)
    if not want.phrase or want.patient is not None or into is None:
        return
    whole = replace(
        want,
        verb=want.phrase,
        patient=into.thing,
        places=tuple(place for place in want.places if place is not into),
        phrase="",
        kin=lexicon.verb_equals(want.phrase),
        either_role=False,
    )
    yield want.phrase, (whole,)


_POSSESSING = frozenset({"wear", "carry", "hold", "have", "use"})


def _lacking(want: WantDoing) -> Iterator[_Wording]:
    """Not wearing a helmet: without one."""
    if want.negated and want.patient is not None and want.verb in _POSSESSING:
        agent = want.agent or WantThing(("person",))
        lacking = replace(agent, places=(*agent.places, WantPlace("without", want.patient)))
        yield f"without {want.patient.terms[0]}", (lacking,)


_STANCES = frozenset({"stand", "wait", "stay", "remain"})
"""What a caption leaves out: who is on a ladder stands on it."""


def _being_there(want: WantDoing) -> Iterator[_Wording]:
    if want.verb in _STANCES and want.agent is not None and want.places:
        yield "being there", (replace(want.agent, places=(*want.agent.places, *want.places)),)


_USUAL_AGENTS = {"crash": ("vehicle",)}


def _as_verb(want: WantThing, lexicon: Lexicon) -> Iterator[_Wording]:
    """A dog fight: dogs that fight."""
    if want.negated or want.terms[0].startswith("*"):
        return
    verb = nominal.verb_of(want.terms[0], lexicon)
    if verb is None:
        return
    words = (*want.modifiers[:1], *want.terms[0].split()[:-1], *_USUAL_AGENTS.get(verb, ()))
    party = WantThing((words[0],)) if words else None
    yield f"{verb} (as a verb)", (WantDoing(verb, party, None, places=want.places),)
    if party is not None and verb not in _USUAL_AGENTS:
        yield f"{verb} (as a verb)", (WantDoing(verb, None, party, places=want.places),)
