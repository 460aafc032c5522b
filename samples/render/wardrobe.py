"""Colours and people to choose from. All draws come from the caller's `random.Random`."""

from random import Random

from samples.render.canvas import Colour, shade
from samples.render.people import Scheduler
from samples.render.places import Place

_TOPS: tuple[Colour, ...] = (
    (178, 40, 40), (40, 82, 170), (34, 120, 66), (212, 172, 40), (226, 226, 222), (46, 46, 52),
    (216, 108, 34), (128, 62, 140), (96, 132, 160), (120, 86, 60),
)  # fmt: skip
_BOTTOMS: tuple[Colour, ...] = (
    (32, 42, 74), (30, 30, 34), (86, 74, 56), (74, 82, 92), (112, 44, 52), (44, 70, 52),
)  # fmt: skip
_SKINS: tuple[Colour, ...] = ((236, 196, 166), (214, 166, 130), (164, 114, 82), (110, 74, 54))
_HAIR: tuple[Colour, ...] = ((34, 26, 22), (84, 54, 32), (176, 134, 70), (120, 60, 34))
CAR_COLOURS: dict[str, Colour] = {
    "red": (176, 30, 32),
    "blue": (34, 72, 160),
    "white": (232, 232, 228),
    "black": (36, 36, 40),
}
HYDRANT_COLOURS: dict[str, Colour] = {"red": (196, 34, 30), "yellow": (226, 186, 30)}
FENCE_COLOURS: dict[str, Colour] = {
    "metal": (52, 56, 60),
    "wooden": (146, 108, 70),
    "wire": (196, 200, 204),
    "brick": (150, 78, 60),
}
_GROUNDS: dict[str, tuple[Colour, ...]] = {
    "yard": ((92, 132, 66), (112, 142, 78), (84, 112, 62), (128, 138, 84)),
    "street": ((96, 96, 98), (78, 80, 84), (112, 110, 108)),
    "square": ((176, 166, 150), (158, 154, 150), (190, 176, 156)),
    "parking lot": ((82, 84, 88), (98, 98, 100), (70, 72, 76)),
    "porch": ((150, 140, 128), (134, 104, 78), (164, 158, 152)),
    "workshop": ((132, 132, 130), (112, 114, 116), (146, 140, 130)),
    "brick wall": ((148, 76, 58), (160, 92, 70), (128, 66, 54)),
    "white wall": ((226, 224, 218), (210, 208, 204), (232, 226, 210)),
    "wooden wall": ((142, 104, 70), (120, 88, 62), (160, 124, 86)),
}
_SKIES: tuple[Colour, ...] = ((168, 198, 226), (196, 206, 214), (142, 182, 222), (212, 214, 212))


def pick_looks(rng: Random, *, is_woman: bool | None = None) -> Scheduler:
    """A person with clothes; man or woman at random unless told."""
    return Scheduler(
        is_woman=rng.random() < 0.5 if is_woman is None else is_woman,
        top=_vary(rng, rng.choice(_TOPS)),
        bottom=_vary(rng, rng.choice(_BOTTOMS)),
        skin=rng.choice(_SKINS),
        hair=rng.choice(_HAIR),
    )


def pick_place(rng: Random, kind: str) -> Place:
    """A background of this kind with its own colours and texture."""
    low, high = {"porch": (0.62, 0.72), "workshop": (0.48, 0.6)}.get(kind, (0.26, 0.46))
    return Place(
        kind=kind,
        ground=_vary(rng, rng.choice(_GROUNDS[kind])),
        sky=rng.choice(_SKIES),
        horizon=rng.uniform(low, high),
        seed=rng.randrange(1 << 30),
    )


def name_people(*looks: Scheduler) -> str:
    """How a caption calls one or two people."""
    women = sum(look.is_woman for look in looks)
    if len(looks) == 1:
        return "a woman" if women else "a man"
    return ("two men", "two people", "two women")[women]


def _vary(rng: Random, colour: Colour) -> Colour:
    return shade(colour, rng.uniform(0.85, 1.15))
