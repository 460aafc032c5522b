"""Other ways to say what a pattern asks for, out of meanings.txt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from importlib import resources

from surveil.rules import nominal
from surveil.rules.asking import wants_of
from surveil.rules.lexicon import Lexicon
from surveil.rules.reader import read
from surveil.rules.reading_base import WORN_STATES
from surveil.rules.wants import (
    Want,
    WantDoing,
    WantPlace,
    WantState,
    WantThing,
)

_USUAL_AGENTS = {"crash": ("vehicle",)}
_POSSESSING = frozenset({"wear", "carry", "hold", "have", "use"})
_STANCES = frozenset({"stand", "wait", "stay", "remain"})
"""What a caption leaves out: who is on a ladder stands on it."""


def reworded(wants: tuple[Want, ...], lexicon: Lexicon) -> Iterator[tuple[tuple[Want, ...], str]]:
    for position, want in enumerate(wants):
        for wording, changed in (
            *_rewordings(want, lexicon),
            *_weather(want, lexicon),
            *_wearing(want, lexicon),
            *_parts(want),
        ):
            others = (*wants[:position], *changed, *wants[position + 1 :])
            yield others, wording


def _rewordings(want: Want, lexicon: Lexicon) -> Iterator[tuple[str, tuple[Want, ...]]]:
    for pattern, wording in meanings():
        key = _key(pattern, lexicon)
        if key is None:
            continue
        bound = _bind(key, want)
        if bound is None:
            continue
        if "X" not in wording and "X" in pattern and _is_special(bound["x"]):
            continue
        if (
            wording.endswith("X with Y")
            and {"person", "animal"} & lexicon.noun(bound["y"].terms[0]).keys()
        ):
            continue  # with a child is beside one, not carrying one
        target = [_substitute(other, bound) for other in wants_of(read(wording, lexicon), lexicon)]
        if isinstance(want, WantDoing) and target:
            spent = {place.preposition for place in key.places}
            rest = tuple(place for place in want.places if place.preposition not in spent)
            if _twice_somewhere(target[0], rest):
                continue  # who sits on the ground is not in a chair
            target[0] = replace(target[0], places=(*target[0].places, *rest))
            told = {state.word for state in key.states} if isinstance(key, WantDoing) else set()
            left = tuple(state for state in want.states if state.word not in told)
            if left and not isinstance(target[0], WantDoing):
                continue  # driving fast is more than driving
            if left:
                target[0] = replace(target[0], states=(*target[0].states, *left))
            if want.verb == "wear":
                target = [_worn(other) for other in target]
        yield wording, tuple(target)
    if isinstance(want, WantDoing) and want.phrase and want.patient is None and want.places:
        into = next((p for p in want.places if want.phrase.endswith(" " + p.preposition)), None)
        if into is not None:
            rest = tuple(place for place in want.places if place is not into)
            whole = replace(
                want,
                verb=want.phrase,
                patient=into.thing,
                places=rest,
                phrase="",
                kin=lexicon.verb_equals(want.phrase),
            )
            yield want.phrase, (replace(whole, either_role=False),)
    if (
        isinstance(want, WantDoing)
        and want.negated
        and want.patient is not None
        and want.verb in _POSSESSING
    ):
        agent = want.agent or WantThing(("person",))
        lacking = replace(agent, places=(*agent.places, WantPlace("without", want.patient)))
        yield f"without {want.patient.terms[0]}", (lacking,)
    if (
        isinstance(want, WantDoing)
        and want.verb in _STANCES
        and want.agent is not None
        and want.places
    ):
        yield "being there", (replace(want.agent, places=(*want.agent.places, *want.places)),)
    if isinstance(want, WantThing) and not want.negated and want.terms[0][0] != "*":
        verb = nominal.verb_of(want.terms[0], lexicon)
        if verb is not None:
            words = (*want.modifiers[:1], *want.terms[0].split()[:-1], *_USUAL_AGENTS.get(verb, ()))
            party = WantThing((words[0],)) if words else None
            yield f"{verb} (as a verb)", (WantDoing(verb, party, None, places=want.places),)
            if party is not None and verb not in _USUAL_AGENTS:
                yield f"{verb} (as a verb)", (WantDoing(verb, None, party, places=want.places),)


def _is_special(thing: WantThing) -> bool:
    """More than "person": two, or one in red, of whom a wording without X would say nothing."""
    return bool(thing.exact or thing.states or thing.modifiers or thing.places) or thing.terms != (
        "person",
    )


def _twice_somewhere(want: Want, rest: tuple[WantPlace, ...]) -> bool:
    told = [place.thing.terms for place in want.places if place.preposition in ("in", "on")]
    others = [place.thing.terms for place in rest if place.preposition in ("in", "on")]
    return bool(told and others) and told != others


def _parts(want: Want) -> Iterator[tuple[str, tuple[Want, ...]]]:
    """A car with open doors: the doors of a car are open, somebody opens a car door."""
    if not isinstance(want, WantThing) or want.negated or want.states or len(want.places) != 1:
        return
    place = want.places[0]
    if place.preposition == "with" and place.thing.states and want.terms[0] != "person":
        part = replace(place.thing, modifiers=(*place.thing.modifiers, want.terms[0]))
        yield f"{place.thing.terms[0]} of {want.terms[0]}", (part,)


def _wearing(want: Want, lexicon: Lexicon) -> Iterator[tuple[str, tuple[Want, ...]]]:
    """Masked is wearing a mask, red-haired is with red hair."""
    if not isinstance(want, WantThing) or want.negated:
        return
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


def _weather(want: Want, lexicon: Lexicon) -> Iterator[tuple[str, tuple[Want, ...]]]:
    """A foggy street has fog in it, on it or over it: so with every adjective in -y that names a stuff."""
    if not isinstance(want, WantThing) or want.negated:
        return
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


_STUFFS = frozenset({"fog", "snow", "mud", "dust", "sand", "smoke", "ice", "rain", "mist", "haze"})


@cache
def meanings() -> tuple[tuple[str, str], ...]:
    text = resources.files("surveil.rules.words").joinpath("meanings.txt").read_text("utf-8")
    pairs = (line.partition("=") for line in text.splitlines() if line and not line.startswith("#"))
    return tuple((left.strip(), right.strip()) for left, _, right in pairs)


_KEYS: dict[str, Want | None] = {}


def _key(pattern: str, lexicon: Lexicon) -> Want | None:
    if pattern not in _KEYS:
        _KEYS[pattern] = next(wants_of(read(pattern, lexicon), lexicon), None)
    return _KEYS[pattern]


def _bind(key: Want, want: Want) -> dict[str, WantThing] | None:
    """What X and Y stand for if the want has the shape of the key; None if it has not."""
    if isinstance(key, WantDoing):
        return _bind_doing(key, want) if isinstance(want, WantDoing) else None
    if isinstance(want, WantDoing):
        return _bind_state(key, want)
    if want.negated or not _same(key, want) or not set(key.modifiers) <= set(want.modifiers):
        return None
    if key.terms != ("x",) and (
        want.modifiers != key.modifiers or len(want.places) != len(key.places)
    ):
        return None
    states = tuple(state for state in want.states if state.word not in {s.word for s in key.states})
    if len(want.states) - len(states) != len(key.states):
        return None
    if not key.places:
        whole = replace(want, states=states)
        return {"x": whole} if key.terms == ("x",) or not states else None
    asked = key.places[0]
    place = next((p for p in want.places if p.preposition == asked.preposition), None)
    if place is not None and (key.terms, asked.thing.terms) == (("x",), ("y",)):
        rest = tuple(other for other in want.places if other is not place)
        return {"x": replace(want, places=rest), "y": place.thing}
    if place is None or not _same(asked.thing, place.thing):
        return None
    if asked.thing.terms == ("x",):
        return {"x": place.thing} if not states else None
    return {"x": replace(want, places=tuple(other for other in want.places if other is not place))}


def _bind_doing(key: WantDoing, want: WantDoing) -> dict[str, WantThing] | None:
    if (
        key.verb != want.verb
        or key.phrasal != want.phrasal
        or want.negated
        or (key.patient is None) != (want.patient is None)
    ):
        return None
    for asked, given in ((key.agent, want.agent), (key.patient, want.patient)):
        if (
            asked is not None
            and asked.terms not in (("x",), ("y",))
            and (given is None or asked.terms != given.terms)
        ):
            return None
    places = {place.preposition: place.thing for place in want.places}
    aim = key.places[0].preposition if key.places else ""
    if key.places and (aim not in places or not _same(key.places[0].thing, places[aim], "y")):
        return None
    target = (
        want.patient if key.patient is not None and key.patient.terms == ("y",) else places.get(aim)
    )
    pairs = (("x", want.agent or want.patient), ("y", target))
    return {name: thing for name, thing in pairs if thing is not None}


def _bind_state(key: WantThing, want: WantDoing) -> dict[str, WantThing] | None:
    """ "window broken" is read as a doing, and means what "broken window" means."""
    only = want.agent or want.patient
    same = bool(key.states) and key.states[0].verb == want.verb and want.either_role
    return {"x": only} if same and only is not None and _same(key, only) else None


def _same(key: WantThing, want: WantThing, variable: str = "x") -> bool:
    return key.terms in ((variable,), want.terms)


def _worn(want: Want) -> Want:
    """In or with a hat means wearing it here, not holding it."""
    places = tuple(
        replace(place, preposition="wearing") if place.preposition in ("with", "in") else place
        for place in want.places
    )
    return replace(want, places=places)


def _substitute(want: Want, bound: dict[str, WantThing]) -> Want:
    if isinstance(want, WantDoing):
        return replace(
            want,
            agent=_bound(want.agent, bound),
            patient=_bound(want.patient, bound),
            places=tuple(replace(p, thing=_bound(p.thing, bound) or p.thing) for p in want.places),
        )
    return _bound(want, bound) or want


def _bound(thing: WantThing | None, bound: dict[str, WantThing]) -> WantThing | None:
    if thing is None:
        return None
    places = tuple(
        replace(place, thing=_bound(place.thing, bound) or place.thing) for place in thing.places
    )
    given = bound.get(thing.terms[0])
    if given is None:
        return replace(thing, places=places)
    return replace(
        given,
        places=(*given.places, *places),
        states=(*given.states, *thing.states),
        plural=False,
        modifiers=(*given.modifiers, *thing.modifiers),
    )
