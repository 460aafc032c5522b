"""Who does and who undergoes: the roles in a doing."""

from __future__ import annotations

from surveil.rules.sentence import Doing, Thing

_WATCHING = ("look", "watch", "see", "photograph", "film", "point", "paint", "draw")
_REACHING = frozenset(
    [
        "at",
        "over",
        "with",
        "onto",
        "into",
        "against",
        "on",
        "up",
        "down",
        "through",
        "out",
        "to",
        "across",
        "past",
        "around",
        "inside",
        "after",
        "toward",
        "towards",
        "from",
    ]
)
_HAPPENING = frozenset(
    [
        "break",
        "shatter",
        "crack",
        "smash",
        "open",
        "close",
        "shut",
        "burn",
        "park",
        "stop",
        "crash",
        "overturn",
        "flip",
        "move",
        "tear",
        "melt",
        "damage",
        "burst",
        "collapse",
        "flood",
        "spill",
        "leak",
        "explode",
        "roll",
        "turn",
        "swing",
        "slam",
        "catch",
        "ignite",
        "split",
        "sink",
        "hang",
        "lie",
        "stand",
        "stick",
        "light",
        "bend",
        "bang",
    ]
)
"""What a thing can do that is also done to things: a window breaks."""
_MEANS = {
    "with": (
        "carry",
        "hold",
        "wear",
        "have",
        "push",
        "pull",
        "use",
        "ride",
        "aim",
        "lead",
        "drag",
        "wave",
        "shoot",
        "swing",
        "walk",
        "play",
        "lift",
        "open",
        "bring",
        "take",
    ),
    "in": ("wear", "enter", "drive", "ride", "cross", "climb into"),
    "on": ("ride", "cross", "climb", "climb on", "mount"),
    "at": ("approach", "reach", "enter", "knock"),
    "near": ("approach", "pass"),
    "into": ("enter",),
    "over": ("cross", "climb", "jump"),
    "across": ("cross",),
    "through": ("enter", "cross"),
    "out of": ("leave", "exit"),
    "from": ("leave", "exit"),
    "behind": ("follow", "chase"),
}
MEANINGFUL_PARTICLES = frozenset(
    ["up", "down", "over", "off", "out", "in", "into", "through", "away"]
)
_OWN_COURSE = frozenset(
    [
        "race",
        "marathon",
        "mile",
        "lap",
        "course",
        "field",
        "road",
        "street",
        "track",
        "path",
        "trail",
        "distance",
        "way",
        "sprint",
        "stair",
        "stairs",
        "hurdle",
        "block",
        "corridor",
        "relay",
        "race.",
        "errand",
        "each",
        "other",
        "street.",
        "alley",
        "lane",
        "sidewalk",
        "hallway",
    ]
)


def agents(doing: Doing) -> list[Thing]:
    """Those who do it."""
    by = [
        place.thing for place in doing.places if place.preposition == "by" and place.quality == 1.0
    ]
    if doing.passive:
        return by
    if doing.open_voice and by:
        return by
    return doing.subjects


def patients(doing: Doing) -> list[Thing]:
    """Those to whom it is done, what follows a preposition of aim included (climbing over a fence)."""
    if doing.passive:
        return doing.subjects
    found = list(doing.objects)
    if not found:
        found += [
            place.thing
            for place in doing.places
            if place.preposition in _REACHING and place.quality == 1.0
        ]
    if doing.open_voice:
        found += doing.subjects
    return found


def may_happen_to_subject(doing: Doing) -> bool:
    return not doing.objects and (doing.open_voice or doing.lemma in _HAPPENING)


def happens(doing: Doing) -> bool:
    """Whether it can befall a thing as well as be done to it: to burn, to break."""
    return doing.lemma in _HAPPENING


def is_watching(doing: Doing) -> bool:
    return any(verb in doing.terms for verb in _WATCHING)


def verb_means(doing: Doing, preposition: str) -> bool:
    """Whether doing this to a thing puts one with, in or on it."""
    return any(verb in doing.terms for verb in _MEANS.get(preposition, ()))


def reaches(doing: Doing) -> bool:
    return any(
        verb in doing.terms for verb in ("cross", "climb", "enter", "leave", "approach", "jump")
    )


def number(thing: Thing) -> int:
    """2 for any number above one."""
    return max(thing.count, 1 + len(thing.partners)) if thing.count or thing.partners else 2


def is_person(thing: Thing) -> bool:
    return "person" in thing.terms and not thing.negated


def is_living(thing: Thing) -> bool:
    return "person" in thing.terms or "animal" in thing.terms


def object_forbids(verb: str, doing: Doing) -> bool:
    """Running a shop or a tap is not running; carrying on is not carrying."""
    if verb != "run" or doing.lemma != "run":
        return False
    if doing.passive:
        return True
    return (
        any(not is_living(thing) and thing.lemma not in _OWN_COURSE for thing in doing.objects)
        and not any(place.thing in doing.objects for place in doing.places)
        and bool(doing.objects)
    )
