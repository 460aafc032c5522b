"""Whether a bag or parcel is left alone: what "suspicious package" and "unattended bag" mean.

Nobody holds, wears, moves or minds it, and something says so: it was left or forgotten, it is by itself, or it rests in
a place where things are not kept while nobody is near.
"""

from __future__ import annotations

from surveil.language import roles
from surveil.language.lexicon import NEAR
from surveil.language.sentence import Entity, Predicate, Sentence
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


def sole_evidence(entity: Entity, sentence: Sentence) -> int | None:
    """The token that says that the thing is left alone; None when nothing does or somebody has it."""
    gone = _put_and_gone(entity, sentence)
    if gone is not None:
        return gone
    if _minded(entity, sentence):
        return None
    stated = _stated(entity, sentence)
    if stated is not None:
        return stated
    if _people_near(sentence):
        return None
    return _rests(entity, sentence)


def _minded(entity: Entity, sentence: Sentence) -> bool:
    left = any(
        _is(predicate, _LEAVING) and entity in _involved(predicate)
        for predicate in sentence.predicates
    )
    for predicate in sentence.predicates:
        if predicate.negated or predicate.unreal or left:
            continue
        handled = entity in roles.patients(predicate) and _is(predicate, _HANDLING)
        if (
            handled
            and any(roles.is_living(agent) for agent in predicate.subjects)
            and not roles.is_watching(predicate)
        ):
            return True
    held = any(
        place.entity is entity and place.preposition in ("with", "in") and roles.is_living(other)
        for other in sentence.entities
        for place in other.places
    )
    return held or any(
        "body part" in place.entity.terms
        and place.preposition in ("on", "in", "over", "across", "under", "around")
        for place in entity.places
    )


def _stated(entity: Entity, sentence: Sentence) -> int | None:
    for state in entity.states:
        if sentence.tokens[state.token].text in ("empty", "vacant"):
            continue
        if not state.negated and any(
            term in state.terms for term in (*_STATES, *(v + "-ed" for v in _LEAVING))
        ):
            return state.token
    for predicate in sentence.predicates:
        if (
            predicate.negated
            or predicate.unreal
            or entity not in _involved(predicate)
            or predicate.lemma == "pour"
        ):
            continue
        if (
            _is(predicate, _LEAVING)
            and not _dropped_off(predicate)
            and not _entrusted(entity, predicate)
        ):
            return predicate.head
    return None


def _entrusted(entity: Entity, predicate: Predicate) -> bool:
    """Left with the receptionist."""
    places = [*predicate.places, *entity.places]
    return any(place.preposition == "with" and roles.is_person(place.entity) for place in places)


def _is(predicate: Predicate, verbs: tuple[str, ...]) -> bool:
    """WordNet's remote kinship does not count here: unloading is no dropping."""
    return any(predicate.terms.get(verb, 0.0) >= NEAR for verb in verbs)


def _dropped_off(predicate: Predicate) -> bool:
    return "off" in predicate.adverbs or predicate.terms.get("drop off", 0.0) == 1.0


def _involved(predicate: Predicate) -> list[Entity]:
    if predicate.lemma == "leave":  # left with two boxes: they went along
        return [
            *predicate.objects,
            *(predicate.subjects if predicate.open_voice or predicate.passive else ()),
        ]
    return [
        *roles.patients(predicate),
        *(predicate.subjects if predicate.open_voice or predicate.passive else ()),
    ]


def _put_and_gone(entity: Entity, sentence: Sentence) -> int | None:
    """Puts a bag down and walks away."""
    put = next(
        (d for d in sentence.predicates if d.lemma in _PUTTING and entity in d.objects), None
    )
    if put is None or {"away", "back"} & put.adverbs or put.phrase in ("put away", "put back"):
        return None
    if {"away", "back"} & {token.text for token in sentence.tokens[entity.end : entity.end + 1]}:
        return None
    places = [*put.places, *entity.places]
    if any({*_HOMELY, "body part"} & place.entity.terms.keys() for place in places):
        return None
    return next(
        (
            d.head
            for d in sentence.predicates
            if d is not put and {"leave", "flee"} & d.terms.keys()
        ),
        None,
    )


def _people_near(sentence: Sentence) -> bool:
    return any(roles.is_person(entity) and not entity.unreal for entity in sentence.entities)


def _rests(entity: Entity, sentence: Sentence) -> int | None:
    if any(place.preposition == "of" for place in entity.places) or entity.owner is not None:
        return None
    places, rests = list(entity.places), False
    for predicate in sentence.predicates:
        if entity in predicate.subjects:
            rests = rests or _is(predicate, _RESTING)
            if not any(verb in predicate.terms for verb in (*_RESTING, "be", "place", "put")):
                return None
            places += predicate.places
    homely = any(_HOMELY & place.entity.terms.keys() for place in places)
    public = next(
        (place for place in places if rests or _OPEN_PLACES & place.entity.terms.keys()), None
    )
    return public.token if public is not None and not homely else None
