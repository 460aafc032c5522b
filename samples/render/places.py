"""Where scenes happen: yard, street, square, parking lot, porch, workshop, and a wall close up."""

from dataclasses import dataclass
from random import Random

import cv2
import numpy as np

from samples.render.canvas import Canvas, Colour, shade
from samples.render.props import Prop, draw_bricks, draw_prop

OUTDOOR = ("yard", "street", "square", "parking lot")
WALLS = ("brick wall", "white wall", "wooden wall")


@dataclass(frozen=True, slots=True)
class Place:
    """An empty background. `horizon` is where the ground begins, in units from the top."""

    kind: str  # one of OUTDOOR, "porch", "workshop", or one of WALLS
    ground: Colour
    sky: Colour
    horizon: float
    seed: int  # textures, trees, houses and where they stand


def draw_place(canvas: Canvas, place: Place) -> None:
    """Paints the background, texture included."""
    rng = Random(place.seed)
    if place.kind in WALLS:
        _wall(canvas, place)
    else:
        canvas.box(0, 0, canvas.aspect, place.horizon + 0.01, place.sky)
        _BACKDROPS[place.kind](canvas, place, rng)
    _speckle(canvas, place)


def _yard(canvas: Canvas, place: Place, rng: Random) -> None:
    _skyline(canvas, place, rng, trees=rng.randint(2, 5), houses=rng.randint(0, 2))
    canvas.box(0, place.horizon, canvas.aspect, 1, place.ground)
    for _ in range(26):
        x, y = rng.uniform(0, canvas.aspect), rng.uniform(place.horizon, 1)
        tall = 0.01 + 0.03 * (y - place.horizon)
        canvas.line(
            (x, y), (x + 0.006, y - tall), 0.004, shade(place.ground, rng.uniform(0.7, 1.3))
        )


def _street(canvas: Canvas, place: Place, rng: Random) -> None:
    _skyline(canvas, place, rng, trees=rng.randint(0, 2), houses=rng.randint(2, 4))
    kerb = place.horizon + 0.12 * (1 - place.horizon) / 0.6
    canvas.box(0, place.horizon, canvas.aspect, kerb, (150, 146, 140))
    canvas.box(0, kerb, canvas.aspect, kerb + 0.014, (188, 186, 182))
    canvas.box(0, kerb + 0.014, canvas.aspect, 1, place.ground)
    mark = kerb + (1 - kerb) * rng.uniform(0.45, 0.62)
    start = rng.uniform(-0.3, 0)
    for index in range(7):
        x = start + index * 0.42
        canvas.polygon(
            [(x, mark), (x + 0.22, mark), (x + 0.20, mark + 0.025), (x - 0.02, mark + 0.025)],
            (222, 220, 210),
        )


def _square(canvas: Canvas, place: Place, rng: Random) -> None:
    facade = shade((190, 170, 145), rng.uniform(0.75, 1.15))
    canvas.box(0, 0, canvas.aspect, place.horizon, facade)
    step = rng.uniform(0.26, 0.4)
    for index in range(int(canvas.aspect / step) + 1):
        x = index * step + step * 0.3
        canvas.box(x, place.horizon * 0.15, x + step * 0.36, place.horizon * 0.62, (84, 92, 104))
    canvas.box(0, place.horizon - 0.03, canvas.aspect, place.horizon, shade(facade, 0.7))
    canvas.box(0, place.horizon, canvas.aspect, 1, place.ground)
    joint, centre = shade(place.ground, 0.82), canvas.aspect * rng.uniform(0.3, 0.7)
    for index in range(8):
        y = place.horizon + (1 - place.horizon) * ((index + 1) / 8) ** 1.7
        canvas.line((0, y), (canvas.aspect, y), 0.005, joint)
    for index in range(-9, 10):
        end = (centre + index * 0.42, 1.0)
        canvas.line((centre + index * 0.16, place.horizon), end, 0.005, joint)


def _parking_lot(canvas: Canvas, place: Place, rng: Random) -> None:
    _skyline(canvas, place, rng, trees=rng.randint(0, 3), houses=rng.randint(0, 3))
    canvas.box(0, place.horizon, canvas.aspect, 1, place.ground)
    near = place.horizon + (1 - place.horizon) * 0.1
    far_x = rng.uniform(-0.2, 0.1)
    for index in range(7):
        x = far_x + index * 0.34
        lean = (x - canvas.aspect / 2) * 0.5
        canvas.polygon(
            [(x, near), (x + 0.018, near), (x + 0.03 + lean, 0.93), (x + lean, 0.93)],
            (226, 224, 214),
        )


def _porch(canvas: Canvas, place: Place, rng: Random) -> None:
    wall = shade((205, 198, 180), rng.uniform(0.75, 1.15))
    canvas.box(0, 0, canvas.aspect, place.horizon, wall)
    for index in range(int(place.horizon / 0.06)):
        canvas.line((0, index * 0.06), (canvas.aspect, index * 0.06), 0.004, shade(wall, 0.88))
    door = rng.choice([(120, 40, 36), (40, 70, 110), (60, 92, 62), (110, 76, 44)])
    x, top = canvas.aspect * rng.uniform(0.3, 0.62), place.horizon - rng.uniform(0.5, 0.6)
    canvas.box(x - 0.03, top - 0.03, x + 0.31, place.horizon, (238, 236, 230))
    canvas.box(x, top, x + 0.28, place.horizon, door)
    for level in (0.12, 0.55):
        y = top + (place.horizon - top) * level
        canvas.box(x + 0.05, y, x + 0.23, y + 0.15, shade(door, 0.75))
    canvas.disc((x + 0.25, place.horizon - 0.24), 0.013, (220, 200, 120))
    side = x - 0.42 if x > canvas.aspect * 0.46 else x + 0.62
    glass = Prop("window", side, place.horizon - 0.2, 0.26, (240, 240, 236), seed=place.seed)
    draw_prop(canvas, glass, wall)
    canvas.box(0, place.horizon, canvas.aspect, 1, place.ground)
    for index in range(6):
        y = place.horizon + (1 - place.horizon) * ((index + 1) / 6) ** 1.5
        canvas.line((0, y), (canvas.aspect, y), 0.005, shade(place.ground, 0.8))
    canvas.polygon(
        [
            (x - 0.03, place.horizon + 0.03),
            (x + 0.31, place.horizon + 0.03),
            (x + 0.36, place.horizon + 0.10),
            (x - 0.08, place.horizon + 0.10),
        ],
        (92, 84, 72),
    )


def _workshop(canvas: Canvas, place: Place, rng: Random) -> None:
    wall = shade((158, 164, 166), rng.uniform(0.75, 1.1))
    canvas.box(0, 0, canvas.aspect, place.horizon, wall)
    canvas.box(0, 0, canvas.aspect, 0.05, shade(wall, 0.6))
    for x in (canvas.aspect * 0.25, canvas.aspect * 0.7):
        canvas.box(x, 0.05, x + 0.22, 0.075, (245, 245, 235))
    buffer = rng.uniform(0.04, canvas.aspect * 0.55)
    for level in (0.35, 0.6, 0.85):
        y = place.horizon * level
        canvas.box(buffer, y, buffer + 0.5, y + 0.015, (96, 84, 70))
        for slot in range(4):
            x = buffer + 0.03 + slot * 0.12
            tone = rng.choice([(150, 60, 50), (60, 80, 120), (120, 120, 60), (80, 80, 80)])
            canvas.box(x, y - rng.uniform(0.04, 0.09), x + 0.07, y, tone)
    gate = buffer + 0.7 if buffer < canvas.aspect * 0.35 else buffer - 0.62
    canvas.box(gate, place.horizon * 0.3, gate + 0.5, place.horizon, (120, 126, 132))
    for index in range(6):
        y = place.horizon * (0.3 + 0.7 * index / 6)
        canvas.line((gate, y), (gate + 0.5, y), 0.006, (96, 100, 106))
    canvas.box(0, place.horizon, canvas.aspect, 1, place.ground)
    canvas.box(0, place.horizon, canvas.aspect, place.horizon + 0.02, shade(place.ground, 0.7))


def _wall(canvas: Canvas, place: Place) -> None:
    if place.kind == "brick wall":
        draw_bricks(canvas, (0, 0, canvas.aspect, 1), place.ground)
        return
    canvas.box(0, 0, canvas.aspect, 1, place.ground)
    if place.kind == "wooden wall":
        for index in range(int(canvas.aspect / 0.12) + 1):
            x = index * 0.12
            tone = shade(place.ground, 0.88 + 0.24 * ((index * 5 + place.seed) % 7) / 7)
            canvas.box(x + 0.006, 0, x + 0.12, 1, tone)


def _skyline(canvas: Canvas, place: Place, rng: Random, *, trees: int, houses: int) -> None:
    for _ in range(houses):
        x, wide = rng.uniform(-0.1, canvas.aspect), rng.uniform(0.25, 0.55)
        tall = place.horizon * rng.uniform(0.4, 0.95)
        tone = shade((176, 160, 146), rng.uniform(0.6, 1.2))
        canvas.box(x, place.horizon - tall, x + wide, place.horizon, tone)
        for slot in range(3):
            left = x + wide * (0.12 + 0.3 * slot)
            y = place.horizon - tall * 0.75
            canvas.box(left, y, left + wide * 0.16, y + tall * 0.3, (80, 90, 102))
    for _ in range(trees):
        x, tall = rng.uniform(0, canvas.aspect), place.horizon * rng.uniform(0.4, 0.9)
        leaf = shade((62, 104, 52), rng.uniform(0.6, 1.2))
        canvas.box(x - 0.012, place.horizon - tall * 0.6, x + 0.012, place.horizon, (84, 64, 48))
        canvas.oval((x, place.horizon - tall * 0.7), (tall * 0.4, tall * 0.36), leaf)


def _speckle(canvas: Canvas, place: Place) -> None:
    """Uneven ground and plaster: coarse brightness noise, the same in every frame of a clip."""
    coarse = np.random.default_rng(place.seed).normal(0, 5, (18, 32)).astype(np.float32)
    height_px, width_px = canvas.pixels.shape[:2]
    fine = np.rint(cv2.resize(coarse, (width_px, height_px))).astype(np.int16)
    cv2.add(canvas.pixels, cv2.merge([fine, fine, fine]), dst=canvas.pixels, dtype=cv2.CV_8U)


_BACKDROPS = {
    "yard": _yard,
    "street": _street,
    "square": _square,
    "parking lot": _parking_lot,
    "porch": _porch,
    "workshop": _workshop,
}
