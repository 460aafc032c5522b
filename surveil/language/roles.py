"""Who does and who undergoes: the roles in a predicate."""

from __future__ import annotations

from surveil.language.sentence import Entity, Place, Predicate
from surveil.language.wordset import word_set

_WATCHING = ("look", "watch", "see", "photograph", "film", "point")
_REACHING = word_set(
    """
    at over with onto into against on up down through out to across past around inside after toward towards from by
    along off behind
    """
) | {"out of", "next to", "away from"}
PUTTING = word_set(
    """
    put place set lay throw drop leave hang load stack push pull drag toss fling dump deposit pile pour spill tip insert
    stick stuff shove slide pack store knock
    """
)
"""What is done with these goes where the phrase says; who does it does not."""
PUT_TO = word_set(
    "on in into onto upon inside atop under over out to at against toward towards"
) | {"out of"}
_SIGHT = frozenset(
    {"at", "over", "out of", "through", "across", "toward", "towards", "into", "up", "down"}
)
DIRECTIONS = word_set(
    """
    across along through toward towards past around up down
    """
)
"""Of going, not of being: what is carried across a floor is not on it."""
_HAPPENING = word_set(
    """
    break shatter crack smash open close shut burn park stop crash overturn flip move tear melt damage
    burst collapse flood spill leak explode roll turn swing slam catch ignite split sink hang lie stand
    stick light bend bang fall collapse escape sink faint
    """
)

"""What a thing can do that is also done to things: a window breaks."""
_MEANS = {
    "with": word_set(
        """
        carry hold wear have push pull use ride aim lead drag wave shoot swing walk play lift open bring take
        """
    ),
    "wearing": word_set("wear"),
    "in": word_set("wear, enter, drive, ride, cross, climb into"),
    "on": word_set("ride, cross, climb, climb on, mount, operate, drive, block, occupy, board"),
    "at": word_set("approach reach enter knock"),
    "near": word_set("approach pass"),
    "into": word_set("enter climb board"),
    "over": word_set("cross climb jump"),
    "across": word_set("cross"),
    "through": word_set("enter cross"),
    "out of": word_set("leave exit"),
    "from": word_set("leave exit"),
    "behind": word_set("follow chase"),
}
"""Preposition -> what one does to a thing to be so placed to it: on a bicycle by riding it."""
MEANINGFUL_PARTICLES = word_set(
    """
    up down over off out in into through away
    """
)
_OWN_COURSE = word_set(
    """
    race marathon mile lap course field road street track path trail distance way sprint stair stairs
    hurdle block corridor relay errand alley lane sidewalk hallway
    """
)


def agents(predicate: Predicate) -> list[Entity]:
    """Those who do it."""
    by = [
        place.entity
        for place in predicate.places
        if place.preposition == "by" and place.quality == 1.0
    ]
    if predicate.passive:
        return by
    if predicate.open_voice and by:
        return by
    return predicate.subjects


def patients(predicate: Predicate) -> list[Entity]:
    """Those to whom it is done, what follows a preposition of aim included (climbing over a fence)."""
    if predicate.passive:
        return predicate.subjects
    found = list(predicate.objects)
    if not found and predicate.lemma != "wave":
        found += [
            place.entity
            for place in predicate.places
            if place.quality == 1.0
            and (
                place.preposition in _REACHING
                or place.preposition == predicate.phrase.rpartition(" ")[2]
            )
        ]
    if predicate.open_voice:
        found += predicate.subjects
    return found


def may_happen_to_subject(predicate: Predicate) -> bool:
    return not predicate.objects and (predicate.open_voice or predicate.lemma in _HAPPENING)


def happens(predicate: Predicate) -> bool:
    """Whether it can befall a thing as well as be done to it: to burn, to break."""
    return predicate.lemma in _HAPPENING


def is_watching(predicate: Predicate) -> bool:
    return any(verb in predicate.terms for verb in _WATCHING)


def is_elsewhere(place: Place, predicate: Predicate) -> bool:
    """Where a thing is put, or a glance goes, is not where the doer is."""
    if is_watching(predicate):
        return place.preposition in _SIGHT
    put = bool(predicate.objects) and predicate.lemma in PUTTING
    return put and place.preposition in PUT_TO


def verb_means(predicate: Predicate, preposition: str) -> bool:
    """Whether doing this to a thing puts one with, in or on it."""
    return any(verb in predicate.terms for verb in _MEANS.get(preposition, ()))


def is_person(entity: Entity) -> bool:
    return "person" in entity.terms and not entity.negated


def is_living(entity: Entity) -> bool:
    return "person" in entity.terms or "animal" in entity.terms


_OTHERWISE = {
    ("fall", "slip"),
    ("fall", "drop"),
    ("fall", "trip"),
    ("fall", "tip"),
    ("fall", "roll"),
    ("fall", "knock"),
    ("fall", "topple"),
    ("jump", "skip"),
    ("jump", "bounce"),
    ("walk", "pace"),
    ("enter", "move"),
    ("leave", "drop"),
    ("stand", "park"),
    ("climb", "mount"),
    ("sit", "perch"),
    ("swim", "paddle"),
    ("crash", "drop"),
    ("slip", "slip"),
}
"""What the second says only where it has no object: a man slips, but he slips a note into a bag."""
_HELD_UP = frozenset({"person", "store", "bank", "building", "vehicle"})
"""Who holds up a chair robs nobody."""
_GOODS = frozenset({"package", "bag", "food", "mail", "letter", "newspaper"})
"""What is delivered when it is left."""
_MOVING = frozenset({"pull", "move", "get", "take", "set", "go", "drive", "walk", "run"})


def object_forbids(verb: str, predicate: Predicate) -> bool:
    """Running a shop or a tap is not running; pulling out a note is not leaving."""
    if verb == "leave" and predicate.lemma in _MOVING and (predicate.objects or predicate.passive):
        return True
    if predicate.objects and (verb, predicate.lemma) in _OTHERWISE:
        return True
    if predicate.phrase == "run over" and not (predicate.objects or predicate.passive):
        return verb != "run"  # ran over from the other side
    if verb == "run" and predicate.passive:
        return True  # being charged
    if verb in ("steal", "rob", "threaten") and predicate.lemma == "hold":
        return not any(_HELD_UP & entity.terms.keys() for entity in predicate.objects)
    if (verb, predicate.lemma) == ("deliver", "leave"):
        return not any(_GOODS & entity.terms.keys() for entity in predicate.objects)
    if verb == "hide" and predicate.objects and "self" not in predicate.objects[0].terms:
        return not any(map(is_living, predicate.objects))
    if verb != "run" or predicate.lemma != "run":
        return False
    if predicate.passive:
        return True
    return (
        any(
            not is_living(entity) and entity.lemma not in _OWN_COURSE
            for entity in predicate.objects
        )
        and not any(place.entity in predicate.objects for place in predicate.places)
        and bool(predicate.objects)
    )
