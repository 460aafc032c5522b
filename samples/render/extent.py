"""Where things are in the picture: boxes, and from them a coarse map of labels for training."""

from itertools import chain
from math import cos, floor, radians, sin

import numpy as np
from numpy.typing import NDArray

from samples.render.camera import Camera
from samples.render.canvas import Point
from samples.render.people import Person, joints
from samples.render.props import Prop
from samples.render.scene import Scene
from samples.render.wording import CLASSES

Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in units

# Left, up and right of the foot, in sizes of the thing. Fences and barrels are background.
_REACH = {
    "car": (1.5, 1.0, 1.5),
    "hydrant": (0.34, 1.0, 0.34),
    "package": (0.6, 1.0, 0.7),
    "suitcase": (0.36, 1.25, 0.36),
    "backpack": (0.42, 1.05, 0.42),
    "window": (0.42, 1.0, 0.42),
    "broken window": (0.42, 1.0, 0.42),
    "fire": (0.5, 0.95, 0.5),
}
_CLASS_OF_PROP = {"suitcase": "package", "backpack": "package"}


def label_map(scene: Scene, *, aspect: float, cells: int) -> NDArray[np.int64]:
    """Class numbers (cells, cells) of the square picture: what stands in each cell, 0 for nothing.

    Nearer things overwrite farther ones. Number 0 is "empty", as in `CLASSES`.
    """
    labels = np.zeros((cells, cells), np.int64)
    for layer in scene.layers:
        found = _box(layer)
        if found is None:
            continue
        name, box = found
        x0, y0, x1, y1 = _seen(box, scene.camera, aspect)
        columns = _cells(x0 / aspect * cells, x1 / aspect * cells, cells)
        rows = _cells(y0 * cells, y1 * cells, cells)
        labels[rows, columns] = CLASSES.index(name)
    return labels


def _box(layer: Prop | Person) -> tuple[str, Box] | None:
    if isinstance(layer, Person):
        points = joints(layer)
        xs, ys = [x for x, _ in points], [y for _, y in points]
        return layer.action, (min(xs), min(ys) - 0.06 * layer.height, max(xs), max(ys))
    if layer.kind not in _REACH:
        return None
    left, up, right = (reach * layer.size for reach in _REACH[layer.kind])
    if layer.kind == "car" and layer.facing < 0:
        left, right = right, left
    name = _CLASS_OF_PROP.get(layer.kind, layer.kind)
    return name, (layer.x - left, layer.y - up, layer.x + right, layer.y)


def _seen(box: Box, camera: Camera, aspect: float) -> Box:
    """The box after the camera's roll, zoom and shift, made upright again."""
    turn, (cx, cy) = radians(-camera.roll_deg), (aspect / 2, 0.5)

    def moved(point: Point) -> Point:
        dx, dy = (point[0] - cx) * camera.zoom, (point[1] - cy) * camera.zoom
        return (
            cx + dx * cos(turn) - dy * sin(turn) + camera.shift_x,
            cy + dx * sin(turn) + dy * cos(turn) + camera.shift_y,
        )

    x0, y0, x1, y1 = box
    corners = [moved(corner) for corner in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))]
    values = list(chain.from_iterable(corners))
    return min(values[::2]), min(values[1::2]), max(values[::2]), max(values[1::2])


def _cells(low: float, high: float, cells: int) -> slice:
    """Cells whose middle lies between, at least one, none outside the picture."""
    first, last = round(low), round(high)
    if first >= last:
        first = floor((low + high) / 2)
        last = first + 1
    return slice(min(max(first, 0), cells), min(max(last, 0), cells))
