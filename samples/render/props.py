"""Things that stand about: fences, cars, hydrants, packages, doors, windows and fire.

All coordinates are picture units (see `canvas`); `x`, `y` is where a thing touches the ground.
Irregular shapes come from a `random.Random` built from a seed, so a thing keeps its shape from frame
to frame of a clip.
"""

from dataclasses import dataclass
from math import cos, pi, sin
from random import Random

from samples.render.canvas import Canvas, Colour, Point, shade


@dataclass(frozen=True, slots=True)
class Prop:
    """One thing in a scene. `size` is its height; `t_s` moves what moves (flames)."""

    kind: (
        str  # fence, car, hydrant, package, suitcase, backpack, window, broken window, fire, barrel
    )
    x: float
    y: float
    size: float
    colour: Colour
    style: str = ""  # fence: metal, wooden, wire, brick
    seed: int = 0
    t_s: float = 0.0
    facing: int = 1


def draw_prop(canvas: Canvas, prop: Prop, ground: Colour) -> None:
    """Paints the thing; `ground` is the colour its contact shadow darkens."""
    if prop.kind in {"car", "hydrant", "package", "suitcase", "backpack", "barrel"}:
        half = prop.size * {"car": 1.55, "hydrant": 0.36, "barrel": 0.5}.get(prop.kind, 0.75)
        centre = (prop.x + 0.02, prop.y)
        canvas.oval(centre, (half, prop.size * 0.1), shade(ground, 0.65))
    _PAINTERS[prop.kind](canvas, prop)


def _fence(canvas: Canvas, prop: Prop) -> None:
    top, bottom, dark = prop.y - prop.size, prop.y, shade(prop.colour, 0.7)
    width = canvas.aspect
    if prop.style == "brick":
        draw_bricks(canvas, (0, top, width, bottom), prop.colour)
        canvas.box(0, top - 0.015, width, top + 0.01, shade(prop.colour, 1.25))
        return
    if prop.style == "wooden":
        step = prop.size * 0.16
        for index in range(int(width / step) + 1):
            x = index * step
            tone = shade(prop.colour, 0.9 + 0.2 * ((index * 7 + prop.seed) % 5) / 5)
            canvas.box(x + step * 0.05, top, x + step * 0.93, bottom, tone)
        for y in (top + prop.size * 0.18, bottom - prop.size * 0.2):
            canvas.line((0, y), (width, y), prop.size * 0.05, dark)
        return
    if prop.style == "wire":
        step = prop.size * 0.17
        for index in range(int((width + prop.size) / step) + 1):
            x = index * step
            canvas.line((x, top), (x - prop.size, bottom), 0.004, prop.colour)
            canvas.line((x - prop.size, top), (x, bottom), 0.004, prop.colour)
        posts, thick = prop.size * 1.1, 0.022
    else:
        step = prop.size * 0.13
        for index in range(int(width / step) + 1):
            canvas.line((index * step, top), (index * step, bottom), 0.010, prop.colour)
        posts, thick = prop.size * 1.4, 0.026
        canvas.line((0, bottom - 0.03), (width, bottom - 0.03), 0.014, dark)
    canvas.line((0, top + 0.01), (width, top + 0.01), 0.016, dark)
    for index in range(int(width / posts) + 2):
        x = index * posts - posts * (prop.seed % 10) / 20
        canvas.line((x, top - 0.02), (x, bottom), thick, dark)


def draw_bricks(canvas: Canvas, area: tuple[float, float, float, float], colour: Colour) -> None:
    """Fills `area` (x0, y0, x1, y1) with rows of bricks."""
    x0, y0, x1, y1 = area
    canvas.box(x0, y0, x1, y1, colour)
    mortar, row, long = shade(colour, 1.35), 0.055, 0.13
    for index in range(int((y1 - y0) / row) + 1):
        y = y0 + index * row
        canvas.line((x0, y), (x1, y), 0.005, mortar)
        shift = long / 2 * (index % 2)
        for step in range(int((x1 - x0) / long) + 1):
            x = x0 + shift + step * long
            if x < x1:
                canvas.line((x, y), (x, min(y1, y + row)), 0.005, mortar)


def _car(canvas: Canvas, prop: Prop) -> None:
    s, f = prop.size, prop.facing

    def at(x: float, y: float) -> Point:
        return prop.x + f * x * s, prop.y - y * s

    outline = [(-1.5, 0.2), (-1.5, 0.55), (-1.05, 0.62), (-0.7, 1.0), (0.35, 1.0), (0.8, 0.62)]
    outline += [(1.4, 0.52), (1.5, 0.2)]
    canvas.polygon([at(x, y) for x, y in outline], prop.colour)
    canvas.polygon(
        [at(x, 0.2 + 0.1 * (abs(x) < 1.4)) for x in (-1.5, 1.5)] + [at(1.5, 0.2)],
        shade(prop.colour, 0.6),
    )
    glass = (70, 85, 95)
    canvas.polygon([at(-0.92, 0.63), at(-0.64, 0.93), at(-0.2, 0.93), at(-0.2, 0.63)], glass)
    canvas.polygon([at(-0.12, 0.63), at(-0.12, 0.93), at(0.3, 0.93), at(0.66, 0.63)], glass)
    for x in (-0.9, 0.9):
        canvas.disc(at(x, 0.2), 0.24 * s, (22, 22, 24))
        canvas.disc(at(x, 0.2), 0.12 * s, (150, 150, 155))
    canvas.disc(at(1.42, 0.45), 0.06 * s, (250, 245, 210))
    canvas.disc(at(-1.45, 0.48), 0.05 * s, (200, 30, 30))


def _hydrant(canvas: Canvas, prop: Prop) -> None:
    s, x, y, colour = prop.size, prop.x, prop.y, prop.colour
    dark = shade(colour, 0.65)
    canvas.box(x - 0.26 * s, y - 0.09 * s, x + 0.26 * s, y, dark)
    canvas.box(x - 0.17 * s, y - 0.72 * s, x + 0.17 * s, y - 0.05 * s, colour)
    canvas.box(x + 0.07 * s, y - 0.72 * s, x + 0.17 * s, y - 0.05 * s, shade(colour, 0.8))
    canvas.box(x - 0.34 * s, y - 0.60 * s, x + 0.34 * s, y - 0.42 * s, dark)
    canvas.disc((x, y - 0.48 * s), 0.13 * s, shade(colour, 1.25))
    canvas.box(x - 0.23 * s, y - 0.78 * s, x + 0.23 * s, y - 0.70 * s, dark)
    canvas.oval((x, y - 0.78 * s), (0.18 * s, 0.15 * s), colour)
    canvas.box(x - 0.05 * s, y - 1.0 * s, x + 0.05 * s, y - 0.9 * s, dark)


def _package(canvas: Canvas, prop: Prop) -> None:
    s, x, y, colour = prop.size, prop.x, prop.y, prop.colour
    top, side = shade(colour, 1.2), shade(colour, 0.72)
    canvas.box(x - 0.6 * s, y - 0.8 * s, x + 0.35 * s, y, colour)
    canvas.polygon(
        [
            (x + 0.35 * s, y - 0.8 * s),
            (x + 0.7 * s, y - s),
            (x + 0.7 * s, y - 0.22 * s),
            (x + 0.35 * s, y),
        ],
        side,
    )
    canvas.polygon(
        [
            (x - 0.6 * s, y - 0.8 * s),
            (x - 0.25 * s, y - s),
            (x + 0.7 * s, y - s),
            (x + 0.35 * s, y - 0.8 * s),
        ],
        top,
    )
    canvas.box(x - 0.2 * s, y - 0.8 * s, x - 0.05 * s, y, shade(colour, 1.35))


def _suitcase(canvas: Canvas, prop: Prop) -> None:
    s, x, y, colour = prop.size, prop.x, prop.y, prop.colour
    canvas.box(x - 0.12 * s, y - 1.25 * s, x - 0.07 * s, y - 0.9 * s, (60, 60, 62))
    canvas.box(x + 0.07 * s, y - 1.25 * s, x + 0.12 * s, y - 0.9 * s, (60, 60, 62))
    canvas.box(x - 0.14 * s, y - 1.28 * s, x + 0.14 * s, y - 1.2 * s, (40, 40, 42))
    canvas.box(x - 0.36 * s, y - s, x + 0.36 * s, y - 0.06 * s, colour)
    for offset in (-0.2, 0.0, 0.2):
        canvas.box(
            x + (offset - 0.03) * s,
            y - 0.95 * s,
            x + (offset + 0.03) * s,
            y - 0.1 * s,
            shade(colour, 0.7),
        )
    for offset in (-0.26, 0.26):
        canvas.disc((x + offset * s, y - 0.03 * s), 0.06 * s, (20, 20, 20))


def _backpack(canvas: Canvas, prop: Prop) -> None:
    s, x, y, colour = prop.size, prop.x, prop.y, prop.colour
    canvas.oval((x, y - 0.95 * s), (0.14 * s, 0.12 * s), shade(colour, 0.5))
    canvas.box(x - 0.42 * s, y - 0.7 * s, x + 0.42 * s, y, colour)
    canvas.oval((x, y - 0.68 * s), (0.42 * s, 0.3 * s), colour)
    canvas.box(x - 0.28 * s, y - 0.45 * s, x + 0.28 * s, y - 0.08 * s, shade(colour, 0.7))
    canvas.line(
        (x - 0.28 * s, y - 0.38 * s), (x + 0.28 * s, y - 0.38 * s), 0.01, shade(colour, 1.5)
    )


def _barrel(canvas: Canvas, prop: Prop) -> None:
    s, x, y = prop.size, prop.x, prop.y
    canvas.box(x - 0.36 * s, y - s, x + 0.36 * s, y, prop.colour)
    for level in (0.08, 0.5, 0.95):
        canvas.box(
            x - 0.39 * s,
            y - (level + 0.05) * s,
            x + 0.39 * s,
            y - level * s,
            shade(prop.colour, 0.6),
        )


def _window(canvas: Canvas, prop: Prop) -> None:
    """A sash window of two by two panes, hung on a wall: `y` is its sill."""
    rng, s = Random(prop.seed), prop.size
    half, top = s * 0.42, prop.y - s
    canvas.box(prop.x - half - 0.03, top - 0.03, prop.x + half + 0.03, prop.y + 0.02, prop.colour)
    glass = rng.choice([(120, 150, 175), (88, 112, 132), (60, 74, 88), (150, 170, 180)])
    canvas.box(prop.x - half, top, prop.x + half, prop.y, glass)
    if rng.random() < 0.4:
        cloth = rng.choice([(215, 205, 190), (180, 140, 120), (170, 180, 200)])
        canvas.polygon(
            [
                (prop.x - half, top),
                (prop.x - half * 0.3, top),
                (prop.x - half * 0.75, prop.y),
                (prop.x - half, prop.y),
            ],
            cloth,
        )
        canvas.polygon(
            [
                (prop.x + half, top),
                (prop.x + half * 0.3, top),
                (prop.x + half * 0.75, prop.y),
                (prop.x + half, prop.y),
            ],
            cloth,
        )
    shine = rng.uniform(-0.5, 0.3) * half
    canvas.polygon(
        [
            (prop.x + shine, top),
            (prop.x + shine + half * 0.35, top),
            (prop.x + shine - half * 0.2, prop.y),
            (prop.x + shine - half * 0.5, prop.y),
        ],
        shade(glass, 1.22),
    )
    if prop.kind == "broken window":
        _hole(canvas, prop, rng)
    canvas.line((prop.x, top), (prop.x, prop.y), s * 0.035, prop.colour)
    canvas.line(
        (prop.x - half, prop.y - s / 2), (prop.x + half, prop.y - s / 2), s * 0.035, prop.colour
    )
    canvas.box(
        prop.x - half - 0.05, prop.y, prop.x + half + 0.05, prop.y + 0.03, shade(prop.colour, 0.85)
    )


def _hole(canvas: Canvas, prop: Prop, rng: Random) -> None:
    """A dark jagged star in the glass, cracks running out of it, and shards on the sill."""
    half = prop.size * 0.42
    cx = prop.x + rng.uniform(-0.4, 0.4) * half
    cy = prop.y - prop.size * rng.uniform(0.35, 0.65)
    spikes = rng.randint(7, 11)
    star: list[Point] = []
    for index in range(2 * spikes):
        angle = pi * (index + rng.uniform(-0.25, 0.25)) / spikes
        reach = half * (rng.uniform(0.75, 1.15) if index % 2 else rng.uniform(0.35, 0.6))
        star.append(
            (
                _clip(cx + reach * cos(angle), prop.x - half, prop.x + half),
                _clip(cy + reach * sin(angle), prop.y - prop.size, prop.y),
            )
        )
        if index % 2:
            far = (
                _clip(cx + 1.9 * reach * cos(angle), prop.x - half, prop.x + half),
                _clip(cy + 1.9 * reach * sin(angle), prop.y - prop.size, prop.y),
            )
            canvas.line((cx, cy), far, 0.006, (235, 240, 245))
    canvas.polygon(star, (12, 12, 16))
    for _ in range(7):
        x = prop.x + rng.uniform(-1.1, 1.1) * half
        y = prop.y + rng.uniform(0.0, 0.09)
        r = rng.uniform(0.015, 0.035)
        canvas.polygon(
            [(x - r, y), (x + r * 0.4, y - r * 1.4), (x + r, y + r * 0.3)], (205, 222, 232)
        )


def _clip(value: float, low: float, high: float) -> float:
    return min(high, max(low, value))


def _fire(canvas: Canvas, prop: Prop) -> None:
    """Smoke first, then tongues of flame from dark red outside to pale yellow inside."""
    smoke = canvas.copy()
    rng = Random(prop.seed)
    for _ in range(9):
        age = (rng.random() + prop.t_s * rng.uniform(0.25, 0.4)) % 1
        x = prop.x + prop.size * (0.9 * age * prop.facing + rng.uniform(-0.15, 0.15))
        grey = round(70 + 60 * rng.random())
        centre = (x, prop.y - prop.size * (0.7 + 1.5 * age))
        smoke.disc(centre, prop.size * (0.18 + 0.35 * age), (grey, grey, grey))
    canvas.blend(smoke, 0.5)
    for scale, colour in ((1.0, (205, 50, 12)), (0.78, (250, 125, 15)), (0.5, (255, 225, 110))):
        tongues = Random(prop.seed + 1)
        for _ in range(6):
            offset = tongues.uniform(-0.42, 0.42)
            speed, start = tongues.uniform(1.2, 2.6), tongues.random()
            flicker = 0.75 + 0.25 * sin(2 * pi * (speed * prop.t_s + start))
            tall = prop.size * scale * flicker * (1.05 - abs(offset)) * tongues.uniform(0.8, 1.0)
            wide = prop.size * 0.17 * (0.4 + 0.6 * scale)
            x = prop.x + offset * prop.size
            sway = prop.size * 0.10 * sin(2 * pi * (speed * 0.7 * prop.t_s + start * 3))
            canvas.polygon(
                [
                    (x - wide, prop.y - tall * 0.1),
                    (x - wide * 0.9, prop.y - tall * 0.4),
                    (x + sway, prop.y - tall),
                    (x + wide * 0.9, prop.y - tall * 0.35),
                    (x + wide, prop.y - tall * 0.1),
                    (x, prop.y + 0.01),
                ],
                colour,
            )


_PAINTERS = {
    "fence": _fence,
    "car": _car,
    "hydrant": _hydrant,
    "package": _package,
    "suitcase": _suitcase,
    "backpack": _backpack,
    "barrel": _barrel,
    "window": _window,
    "broken window": _window,
    "fire": _fire,
}
