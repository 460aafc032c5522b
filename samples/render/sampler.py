"""Random scenes: `sample(seed)` is the one way training and evaluation get a scene to draw.

Each class has a small builder that chooses what is in the picture within the ranges the clips use too.
A seed always gives the same scene; ranges of seeds are what keeps training and evaluation apart.
"""

from collections.abc import Callable
from random import Random

from samples.render import wardrobe
from samples.render.camera import LIGHTS, Camera
from samples.render.people import Person, Scheduler
from samples.render.places import OUTDOOR, WALLS, Place
from samples.render.props import Prop
from samples.render.scene import Scene
from samples.render.wording import CLASSES, Facts

Layers = tuple[Prop | Person, ...]

# What is told apart by small things (a stride, a lean, a second pair of legs) is drawn oftener than
# what fills the picture.
_WEIGHTS = {
    "empty": 1.2,
    "walking": 3.2,
    "running": 2.0,
    "climbing": 1.2,
    "fighting": 1.3,
    "lying": 1.4,
    "package": 1.2,
    "window": 0.3,
    "broken window": 0.4,
    "car": 0.5,
    "hydrant": 0.6,
}
_WIDTH = 16 / 9  # the builders' picture width in units; other shapes of picture crop or extend it


def sample(seed: int, class_name: str | None = None) -> Scene:
    """The scene of this seed, of a given class or of one chosen by the seed."""
    rng = Random(seed)
    chosen = rng.choices(CLASSES, [_WEIGHTS.get(name, 1.0) for name in CLASSES])[0]
    name = class_name or chosen
    light = rng.choices(LIGHTS, (0.55, 0.2, 0.25))[0]
    place, layers, facts = _BUILDERS[name](rng, light)
    return Scene(place, layers, _camera(rng, light), facts)


def _camera(rng: Random, light: str) -> Camera:
    tilted = rng.random() < 0.3
    return Camera(
        light=light,
        gain=rng.uniform(0.8, 1.2),
        roll_deg=rng.uniform(-3, 3) if tilted else 0.0,
        zoom=rng.uniform(1.0, 1.12) if tilted else 1.0,
        shift_x=rng.uniform(-0.05, 0.05) if tilted else 0.0,
        shift_y=rng.uniform(-0.03, 0.03) if tilted else 0.0,
        noise_sigma=rng.uniform(1, 6) * (1.5 if light == "night" else 1),
        blur_sigma=rng.uniform(0, 4) if rng.random() < 0.5 else 0.0,
        jpeg_quality=rng.randint(30, 80) if rng.random() < 0.25 else 0,
        clock=_clock(rng) if rng.random() < 0.5 else "",
        clock_at_top=rng.random() < 0.7,
        noise_seed=rng.randrange(1 << 20),
    )


def _clock(rng: Random) -> str:
    day = f"2026-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
    return f"{day} {rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}:{rng.randint(0, 59):02d}"


def _ground_spot(rng: Random, margin: float = 0.25) -> tuple[float, float]:
    return rng.uniform(margin, _WIDTH - margin), rng.uniform(0.72, 0.96)


def _person(rng: Random, looks: Scheduler, action: str, **fixed: float) -> Person:
    x, y = _ground_spot(rng)
    yaw = {"walking": 40, "running": 20}.get(action, 0)
    return Person(
        looks,
        action,
        x=fixed.get("x", x),
        y=fixed.get("y", y),
        height=fixed.get("height", rng.uniform(0.42, 0.72)),
        phase=rng.random(),
        facing=rng.choice((-1, 1)),
        yaw_deg=rng.uniform(0, yaw),
        squash=rng.uniform(0.92, 1.0),
        tilt_deg=rng.uniform(-28, 28),
    )


def _scenery(rng: Random, place: Place, *, tall: float = 0.0) -> list[Prop]:
    """Things in the background that the caption does not mention: a fence, sometimes.

    With probability `tall` it is a fence as high and as near as those that are climbed.
    """
    style = rng.choice(tuple(wardrobe.FENCE_COLOURS))
    if rng.random() < tall:
        return [_fence(rng, style, rng.uniform(0.68, 0.9), rng.uniform(0.3, 0.52))]
    fenced = {"yard": 0.6, "street": 0.2, "square": 0.15, "parking lot": 0.3}.get(place.kind, 0.0)
    if rng.random() < fenced:
        y = place.horizon + rng.uniform(0.02, 0.2)
        return [_fence(rng, style, y, rng.uniform(0.16, 0.42))]
    return []


def _near_fence(rng: Random, place: Place, person: Person) -> Layers:
    """The person with scenery, sometimes right before or behind a fence without climbing it."""
    roll = rng.random() if place.kind in OUTDOOR else 1.0
    if roll < 0.3:
        style = rng.choice(tuple(wardrobe.FENCE_COLOURS))
        y = person.y - rng.uniform(0.02, 0.14)
        return _fence(rng, style, y, rng.uniform(0.3, 0.54)), person
    if roll < 0.45:
        style, y = rng.choice(("metal", "wire")), person.y + rng.uniform(0.01, 0.08)
        return person, _fence(rng, style, y, rng.uniform(0.3, 0.54))
    return *_scenery(rng, place), person


def _fence(rng: Random, style: str, y: float, size: float) -> Prop:
    colour = wardrobe.FENCE_COLOURS[style]
    return Prop("fence", 0, y, size, colour, style=style, seed=rng.randrange(100))


def _car(rng: Random, *, far: bool = False) -> tuple[Prop, str]:
    name = rng.choice(tuple(wardrobe.CAR_COLOURS))
    y = rng.uniform(0.52, 0.62) if far else rng.uniform(0.66, 0.92)
    size = rng.uniform(0.17, 0.24) if far else rng.uniform(0.24, 0.38)
    x = rng.uniform(0.45, _WIDTH - 0.45)
    colour = wardrobe.CAR_COLOURS[name]
    return Prop("car", x, y, size, colour, facing=rng.choice((-1, 1))), name


def _hydrant(rng: Random, *, far: bool = False) -> tuple[Prop, str]:
    name = rng.choice(tuple(wardrobe.HYDRANT_COLOURS))
    x, y = _ground_spot(rng)
    size = rng.uniform(0.22, 0.3) if far else rng.uniform(0.3, 0.55)
    return Prop("hydrant", x, y, size, wardrobe.HYDRANT_COLOURS[name]), name


def _empty(rng: Random, light: str) -> tuple[Place, Layers, Facts]:
    place = wardrobe.pick_place(rng, rng.choice((*OUTDOOR, "yard", "porch", "workshop")))
    tall = 0.6 if place.kind in OUTDOOR else 0.0
    return place, tuple(_scenery(rng, place, tall=tall)), Facts("empty", light, place.kind)


def _walking(rng: Random, light: str) -> tuple[Place, Layers, Facts]:
    place = wardrobe.pick_place(rng, rng.choice((*OUTDOOR, "yard", "porch", "workshop")))
    looks, past, roll = [wardrobe.pick_looks(rng)], "", rng.random()
    first = _person(rng, looks[0], "walking", x=rng.uniform(0.08, _WIDTH - 0.08))
    # Fences stand near walkers as often as near runners: once they did not, and a fence alone made
    # the model say "running".
    layers = list(_near_fence(rng, place, first))
    if place.kind in OUTDOOR and roll < 0.14:
        layers, past = [*_scenery(rng, place), _car(rng, far=True)[0], first], "a parked car"
    elif place.kind in OUTDOOR and roll < 0.24:
        layers, past = [*_scenery(rng, place), _hydrant(rng, far=True)[0], first], "a fire hydrant"
    elif roll < 0.36:
        # With somebody beside it a bag is not left alone: the walker is what matters.
        layers.insert(layers.index(first), _item(rng)[0])
    elif roll > 0.78:
        looks.append(wardrobe.pick_looks(rng))
        layers.insert(layers.index(first), _companion(rng, first, looks[1]))
    facts = Facts("walking", light, place.kind, who=wardrobe.name_people(*looks), past=past)
    return place, tuple(layers), facts


def _companion(rng: Random, first: Person, looks: Scheduler) -> Person:
    """A second walker, clearly apart from the first."""
    gap = first.height * rng.uniform(0.6, 1.3) * rng.choice((-1, 1))
    x = first.x + gap
    if not 0.15 < x < _WIDTH - 0.15:
        x = first.x - gap
    y = min(0.97, max(0.7, first.y + rng.uniform(-0.05, 0.05)))
    return _person(rng, looks, "walking", x=x, y=y, height=first.height * rng.uniform(0.92, 1.08))


def _running(rng: Random, light: str) -> tuple[Place, Layers, Facts]:
    place = wardrobe.pick_place(rng, rng.choice(OUTDOOR))
    looks = wardrobe.pick_looks(rng)
    runner = _person(rng, looks, "running", x=rng.uniform(0.12, _WIDTH - 0.12))
    layers = _near_fence(rng, place, runner)
    return place, layers, Facts("running", light, place.kind, who=wardrobe.name_people(looks))


def _climbing(rng: Random, light: str) -> tuple[Place, Layers, Facts]:
    place = wardrobe.pick_place(rng, rng.choice((*OUTDOOR, "yard")))
    looks, style = wardrobe.pick_looks(rng), rng.choice(tuple(wardrobe.FENCE_COLOURS))
    height, y = rng.uniform(0.4, 0.56), rng.uniform(0.78, 0.95)
    ratio = min(rng.uniform(0.95, 1.2), (y - 0.12) / height - 0.45)
    fence = _fence(rng, style, y, ratio * height)
    # Behind planks or bricks nothing is left to see of somebody on the way down.
    progress = rng.uniform(0.1, 0.66 if style in {"wooden", "brick"} else 0.92)
    climber = Person(
        looks,
        "climbing",
        x=rng.uniform(0.25, _WIDTH - 0.25),
        y=y,
        height=height,
        phase=progress,
        facing=rng.choice((-1, 1)),
        fence_height=ratio,
    )
    layers: Layers = (climber, fence) if progress > 0.6 else (fence, climber)
    words = "brick wall" if style == "brick" else f"{style} fence"
    who = wardrobe.name_people(looks)
    return place, layers, Facts("climbing", light, place.kind, who=who, fence=words)


def _fighting(rng: Random, light: str) -> tuple[Place, Layers, Facts]:
    place = wardrobe.pick_place(rng, rng.choice(OUTDOOR))
    pair = (wardrobe.pick_looks(rng), wardrobe.pick_looks(rng))
    x, y, height = rng.uniform(0.4, _WIDTH - 0.4), rng.uniform(0.74, 0.96), rng.uniform(0.45, 0.7)
    half = height * rng.uniform(0.16, 0.24)
    fighters = tuple(
        Person(looks, "fighting", x=x - side * half, y=y + rng.uniform(-0.01, 0.01), height=height,
               phase=rng.random(), facing=side)
        for looks, side in zip(pair, (1, -1), strict=True)
    )  # fmt: skip
    facts = Facts("fighting", light, place.kind, who=wardrobe.name_people(*pair))
    return place, (*_scenery(rng, place), *fighters), facts


def _lying(rng: Random, light: str) -> tuple[Place, Layers, Facts]:
    place = wardrobe.pick_place(rng, rng.choice((*OUTDOOR, "workshop")))
    looks = wardrobe.pick_looks(rng)
    x = rng.uniform(0.4, _WIDTH - 0.4)
    down = _person(rng, looks, "lying", x=x, height=rng.uniform(0.46, 0.72))
    layers: list[Prop | Person] = list(_near_fence(rng, place, down))
    if rng.random() < 0.3:
        action = rng.choice(("walking", "walking", "running"))
        aside = x + rng.choice((-1, 1)) * rng.uniform(0.35, 0.9)
        helper = _person(
            rng, wardrobe.pick_looks(rng), action, x=aside, y=down.y, height=down.height
        )
        layers.insert(layers.index(down), helper)
    facts = Facts("lying", light, place.kind, who=wardrobe.name_people(looks))
    return place, tuple(layers), facts


def _fire(rng: Random, light: str) -> tuple[Place, Layers, Facts]:
    source = rng.choice(("fire", "fire", "fire in a barrel", "fire in a car"))
    kinds = (*OUTDOOR, "yard") if source == "fire in a car" else (*OUTDOOR, "workshop", "workshop")
    place = wardrobe.pick_place(rng, rng.choice(kinds))
    x, y = _ground_spot(rng)
    size, base = rng.uniform(0.2, 0.5), y
    layers: list[Prop | Person] = list(_scenery(rng, place))
    if source == "fire in a car":
        car, _ = _car(rng)
        layers.append(car)
        x, base, size = (
            car.x + rng.uniform(-0.2, 0.2),
            car.y - car.size * 0.7,
            rng.uniform(0.22, 0.4),
        )
    elif source == "fire in a barrel":
        tall = rng.uniform(0.2, 0.32)
        rust = rng.choice(((118, 70, 44), (62, 84, 110), (70, 70, 72)))
        layers.append(Prop("barrel", x, y, tall, rust))
        base, size = y - tall * 0.95, tall * rng.uniform(0.8, 1.2)
    seed, t_s = rng.randrange(1 << 20), rng.uniform(0, 60)
    wind = rng.choice((-1, 1))
    layers.append(Prop("fire", x, base, size, (0, 0, 0), seed=seed, t_s=t_s, facing=wind))
    return place, tuple(layers), Facts(source, light, place.kind)


def _item(rng: Random) -> tuple[Prop, str]:
    kind = rng.choice(("package", "suitcase", "backpack"))
    colours = {
        "package": ((176, 134, 84), (190, 150, 100)),
        "suitcase": ((40, 44, 54), (150, 36, 44), (36, 70, 128)),
        "backpack": ((36, 40, 46), (44, 86, 60), (170, 60, 36), (44, 62, 122)),
    }
    x, y = _ground_spot(rng)
    size = rng.uniform(0.17, 0.32)
    return Prop(kind, x, y, size, rng.choice(colours[kind])), kind


def _package(rng: Random, light: str) -> tuple[Place, Layers, Facts]:
    place = wardrobe.pick_place(rng, rng.choice((*OUTDOOR, "porch", "porch", "workshop")))
    item, word = _item(rng)
    layers = (*_scenery(rng, place), item)
    return place, layers, Facts("package", light, place.kind, item=word)


def _window(rng: Random, light: str) -> tuple[Place, Layers, Facts]:
    return _window_in(rng, light, "window")


def _broken_window(rng: Random, light: str) -> tuple[Place, Layers, Facts]:
    return _window_in(rng, light, "broken window")


def _window_in(rng: Random, light: str, kind: str) -> tuple[Place, Layers, Facts]:
    place = wardrobe.pick_place(rng, rng.choice(WALLS))
    size = rng.uniform(0.45, 0.78)
    x, y = rng.uniform(0.45, _WIDTH - 0.45), rng.uniform(size + 0.08, 0.94)
    frame = rng.choice(((240, 240, 236), (96, 66, 46), (60, 72, 84), (200, 196, 180)))
    pane = Prop(kind, x, y, size, frame, seed=rng.randrange(1 << 20))
    return place, (pane,), Facts(kind, light, place.kind, wall=place.kind)


def _parked_car(rng: Random, light: str) -> tuple[Place, Layers, Facts]:
    place = wardrobe.pick_place(rng, rng.choice(OUTDOOR))
    car, colour = _car(rng, far=rng.random() < 0.3)
    layers = (*_scenery(rng, place), car)
    return place, layers, Facts("car", light, place.kind, colour=colour)


def _street_hydrant(rng: Random, light: str) -> tuple[Place, Layers, Facts]:
    place = wardrobe.pick_place(rng, rng.choice(OUTDOOR))
    hydrant, colour = _hydrant(rng)
    layers = (*_scenery(rng, place), hydrant)
    return place, layers, Facts("hydrant", light, place.kind, colour=colour)


_BUILDERS: dict[str, Callable[[Random, str], tuple[Place, Layers, Facts]]] = {
    "empty": _empty,
    "walking": _walking,
    "running": _running,
    "climbing": _climbing,
    "fighting": _fighting,
    "lying": _lying,
    "fire": _fire,
    "package": _package,
    "window": _window,
    "broken window": _broken_window,
    "car": _parked_car,
    "hydrant": _street_hydrant,
}
