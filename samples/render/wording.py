"""The language of the captions, and how a caption is judged.

Every class has one wording for day, dusk and infrared night, filled with what can be seen: who, where,
which fence, which colour. So a caption follows from the picture, which keeps a greedy decoder's
confidence meaningful, while rules still meet several ways to say the same thing.
"""

import re
from dataclasses import dataclass

CLASSES = (
    "empty",
    "walking",
    "running",
    "climbing",
    "fighting",
    "lying",
    "fire",
    "package",
    "window",
    "broken window",
    "car",
    "hydrant",
)

RULES = {
    "climbing": "person-climbing",
    "running": "person-running",
    "fighting": "person-fighting",
    "lying": "person-lying",
    "fire": "fire",
    "package": "suspicious-package",
    "broken window": "broken-window",
}

PROMPTS = ("a picture of", "a photo of", "there is", "there are", "this is")

_WORDINGS = {  # class: (by day, at dusk, at night); " at night" is added to the last
    "empty": ("an empty {place}", "there is nobody {inside}", "an empty {place}"),
    "walking": ("{who} walking {across}", "{who} {walks} {across}", "{who} walking {across}"),
    "running": ("{who} running {across}", "{who} jogging {across}", "{who} {runs} {across}"),
    "climbing": ("{who} climbs over a {fence}", "{who} climbing a {fence}",
                 "{who} is climbing over a {fence}"),
    "fighting": ("{who} fighting {inside}", "{who} punching each other {inside}",
                 "{who} are fighting {inside}"),
    "lying": ("{who} lying {floor}", "{who} is lying {floor}", "{who} lying on the ground"),
    "fire": ("a fire burning {inside}", "flames and smoke {inside}", "a fire is burning {inside}"),
    "fire in a barrel": ("flames rising from a barrel {inside}", "a burning barrel {inside}",
                         "a barrel is burning {inside}"),
    "fire in a car": ("a car on fire {inside}", "a burning car {inside}", "a car is on fire {inside}"),
    "package": ("a {item} left alone {inside}", "an abandoned {item} {inside}", "a {item} left {inside}"),
    "window": ("a window in a {wall}", "there is a window in a {wall}", "a closed window in a {wall}"),
    "broken window": ("there is a broken window in a {wall}", "a window with broken glass in a {wall}",
                      "a smashed window in a {wall}"),
    "car": ("a {colour} car parked {inside}", "a parked {colour} car {inside}", "a car parked {inside}"),
    "hydrant": ("a {colour} fire hydrant {beside}", "there is a fire hydrant {beside}",
                "a fire hydrant {beside}"),
}  # fmt: skip

_PLACES = {  # inside, across, floor, beside
    "yard": ("in a yard", "across a yard", "on the grass", "on a lawn"),
    "street": ("on a street", "along a street", "on the road", "beside a road"),
    "square": ("in a square", "across a square", "on the pavement", "on the pavement"),
    "parking lot": (
        "in a parking lot",
        "across a parking lot",
        "on the asphalt",
        "in a parking lot",
    ),
    "porch": ("at a front door", "past a front door", "on the ground", "at a front door"),
    "workshop": ("in a workshop", "through a workshop", "on the floor", "in a workshop"),
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is to be seen in a scene, in the words of a caption."""

    wording: str  # a key of the wordings: the class, or one of its special cases
    light: str
    place: str
    who: str = ""
    past: str = ""  # a thing somebody walks past: "a parked car"
    fence: str = ""
    item: str = ""
    wall: str = ""
    colour: str = ""

    @property
    def class_name(self) -> str:
        """The class, special cases folded in."""
        return "fire" if self.wording.startswith("fire in") else self.wording


def captions(facts: Facts) -> tuple[str, ...]:
    """Every wording allowed for these facts; the first is the one that is taught."""
    if facts.light == "night":
        return (_fill(facts, 2) + " at night",)
    taught = 0 if facts.light == "day" else 1
    return _fill(facts, taught), _fill(facts, 1 - taught)


def every_wording() -> list[str]:
    """All templates and fillings, so that a vocabulary can be counted over them."""
    fragments = [wording for wordings in _WORDINGS.values() for wording in wordings]
    fragments += [words for place in _PLACES.values() for words in place]
    fragments += [*PROMPTS, *_PLACES, "past a parked car past a fire hydrant at night"]
    fragments += ["a man a woman two men two women two people walk walks run runs"]
    fragments += ["metal wooden wire fence brick wall white wall package suitcase backpack"]
    fragments += ["red blue white black yellow"]
    return fragments


def judge(caption: str) -> str:
    """The class a caption speaks of, judged by its words alone; "unclear" when it says two alarms.

    An alarm word always counts, wherever it stands. A walker counts before a thing he walks past,
    and "fire hydrant" is not a fire.
    """
    text = caption.replace("fire hydrant", "hydrant")
    alarms = [name for name, words in _ALARM_WORDS.items() if re.search(words, text)]
    if alarms:
        return alarms[0] if len(alarms) == 1 else "unclear"
    for name, words in _QUIET_WORDS.items():
        if re.search(words, text):
            return name
    return "unclear"


_ALARM_WORDS = {
    "climbing": r"\bclimb(s|ing)?\b",
    "running": r"\b(runs?|running|jogging)\b",
    "fighting": r"\b(fighting|punching)\b",
    "lying": r"\blying\b",
    "fire": r"\b(fire|flames|burning)\b",
    "package": r"\b(left|abandoned|package|suitcase|backpack)\b",
    "broken window": r"\b(broken|smashed)\b",
}
_QUIET_WORDS = {
    "walking": r"\bwalk(s|ing)?\b",
    "hydrant": r"\bhydrant\b",
    "car": r"\bcar\b",
    "window": r"\bwindow\b",
    "empty": r"\b(empty|nobody)\b",
}


def _fill(facts: Facts, which: int) -> str:
    inside, across, floor, beside = _PLACES.get(facts.place, ("", "", "", ""))
    several = facts.who.startswith("two")
    return _WORDINGS[facts.wording][which].format(
        place=facts.place,
        inside=inside,
        across=f"past {facts.past}" if facts.past else across,
        floor=floor,
        beside=beside,
        who=facts.who,
        walks="walk" if several else "walks",
        runs="run" if several else "runs",
        fence=facts.fence,
        item=facts.item,
        wall=facts.wall,
        colour=facts.colour,
    )
