"""The paraphrases of meanings.txt: `broken X = hole in X`, and what X and Y stand for in a want."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib import resources

from surveil.language.constraints import Want, WantDoing, WantThing
from surveil.language.lexicon import Lexicon
from surveil.language.query import wants_of
from surveil.language.reader import read


@cache
def meanings() -> tuple[tuple[str, str], ...]:
    text = resources.files("surveil.language.words").joinpath("meanings.txt").read_text("utf-8")
    pairs = (line.partition("=") for line in text.splitlines() if line and not line.startswith("#"))
    return tuple((left.strip(), right.strip()) for left, _, right in pairs)


_KEYS: dict[str, Want | None] = {}


def key_of(pattern: str, lexicon: Lexicon) -> Want | None:
    if pattern not in _KEYS:
        _KEYS[pattern] = next(wants_of(read(pattern, lexicon), lexicon), None)
    return _KEYS[pattern]


def bind(key: Want, want: Want) -> dict[str, WantThing] | None:
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


def substitute(want: Want, bound: dict[str, WantThing]) -> Want:
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
