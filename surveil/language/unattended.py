"""Whether a bag or parcel is left alone: what "suspicious package" and "unattended bag" mean.

Nobody holds, wears, moves or minds it, and something says so: it was left or forgotten, it is by itself, or it rests in
a place where things are not kept while nobody is near.
"""

from __future__ import annotations

from surveil.language import roles
from surveil.language.lexicon import NEAR
from surveil.language.sentence import Doing, Sentence, Thing
from surveil.language.wordset import word_set

_STATES = ("unattended", "abandoned", "alone", "suspicious")
_LEAVING = ("leave", "abandon", "forget", "dump", "drop", "discard", "ditch", "desert")
_RESTING = ("sit", "lie", "stand", "rest", "remain", "lay", "stay", "lean")
_HANDLING = (
    "carry",
    "hold",
    "wear",
    "push",
    "pull",
    "drag",
    "take",
    "lift",
    "open",
    "load",
    "unload",
    "deliver",
    "move",
    "search",
    "give",
    "pack",
    "sell",
    "buy",
    "ride",
    "check",
    "sit",
    "inspect",
    "steal",
    "throw",
    "pick up",
    "wrap",
    "kick",
    "sort",
    "put",
)
_OPEN_PLACES = word_set(
    """
    ground floor road street sidewalk bench platform pillar station entrance doorstep door porch
    corridor hallway tracks stairs field bridge square plaza lobby escalator elevator atm mailbox gate
    car trash bin fence corner parking lot airport train bus step doorway pavement curb grass park alley
    wall seat lawn yard building
    """
) | {
    "parking lot",
    "trash can",
    "train station",
    "bus station",
    "bus stop",
    "waiting room",
    "subway car",
}
_HOMELY = word_set(
    """
    table counter desk shelf kitchen bed bedroom closet couch sofa rack store hook tree belt conveyor
    truck van cart pallet warehouse trunk room
    """
)
_PUTTING = frozenset({"put", "place", "set", "lay", "leave", "drop", "deposit", "hide", "stash"})
"""After one of these going away is leaving the thing behind."""


def sole_evidence(thing: Thing, sentence: Sentence) -> int | None:
    """The token that says that the thing is left alone; None when nothing does or somebody has it."""
    gone = _put_and_gone(thing, sentence)
    if gone is not None:
        return gone
    if _minded(thing, sentence):
        return None
    stated = _stated(thing, sentence)
    if stated is not None:
        return stated
    if _people_near(sentence):
        return None
    return _rests(thing, sentence)


def _minded(thing: Thing, sentence: Sentence) -> bool:
    left = any(_is(doing, _LEAVING) and thing in _things(doing) for doing in sentence.doings)
    for doing in sentence.doings:
        if doing.negated or doing.unreal or left:
            continue
        handled = thing in roles.patients(doing) and _is(doing, _HANDLING)
        if (
            handled
            and any(roles.is_living(agent) for agent in doing.subjects)
            and not roles.is_watching(doing)
        ):
            return True
    held = any(
        place.thing is thing and place.preposition in ("with", "in") and roles.is_living(other)
        for other in sentence.things
        for place in other.places
    )
    return held or any(
        "body part" in place.thing.terms
        and place.preposition in ("on", "in", "over", "across", "under", "around")
        for place in thing.places
    )


def _stated(thing: Thing, sentence: Sentence) -> int | None:
    for state in thing.states:
        if sentence.tokens[state.token].text in ("empty", "vacant"):
            continue
        if not state.negated and any(
            term in state.terms for term in (*_STATES, *(v + "-ed" for v in _LEAVING))
        ):
            return state.token
    for doing in sentence.doings:
        if doing.negated or doing.unreal or thing not in _things(doing) or doing.lemma == "pour":
            continue
        if _is(doing, _LEAVING) and not _dropped_off(doing) and not _entrusted(thing, doing):
            return doing.head
    return None


def _entrusted(thing: Thing, doing: Doing) -> bool:
    """Left with the receptionist."""
    places = [*doing.places, *thing.places]
    return any(place.preposition == "with" and roles.is_person(place.thing) for place in places)


def _is(doing: Doing, verbs: tuple[str, ...]) -> bool:
    """WordNet's remote kinship does not count here: unloading is no dropping."""
    return any(doing.terms.get(verb, 0.0) >= NEAR for verb in verbs)


def _dropped_off(doing: Doing) -> bool:
    return "off" in doing.adverbs or doing.terms.get("drop off", 0.0) == 1.0


def _things(doing: Doing) -> list[Thing]:
    if doing.lemma == "leave":  # left with two boxes: they went along
        return [*doing.objects, *(doing.subjects if doing.open_voice or doing.passive else ())]
    return [*roles.patients(doing), *(doing.subjects if doing.open_voice or doing.passive else ())]


def _put_and_gone(thing: Thing, sentence: Sentence) -> int | None:
    """Puts a bag down and walks away."""
    put = next((d for d in sentence.doings if d.lemma in _PUTTING and thing in d.objects), None)
    if put is None or {"away", "back"} & put.adverbs or put.phrase in ("put away", "put back"):
        return None
    if {"away", "back"} & {token.text for token in sentence.tokens[thing.end : thing.end + 1]}:
        return None
    places = [*put.places, *thing.places]
    if any({*_HOMELY, "body part"} & place.thing.terms.keys() for place in places):
        return None
    return next(
        (d.head for d in sentence.doings if d is not put and {"leave", "flee"} & d.terms.keys()),
        None,
    )


def _people_near(sentence: Sentence) -> bool:
    return any(roles.is_person(thing) and not thing.unreal for thing in sentence.things)


def _rests(thing: Thing, sentence: Sentence) -> int | None:
    if any(place.preposition == "of" for place in thing.places) or thing.owner is not None:
        return None
    places, rests = list(thing.places), False
    for doing in sentence.doings:
        if thing in doing.subjects:
            rests = rests or _is(doing, _RESTING)
            if not any(verb in doing.terms for verb in (*_RESTING, "be", "place", "put")):
                return None
            places += doing.places
    homely = any(_HOMELY & place.thing.terms.keys() for place in places)
    public = next(
        (place for place in places if rests or _OPEN_PLACES & place.thing.terms.keys()), None
    )
    return public.token if public is not None and not homely else None
