"""Drawn scenes as the model will meet them: at a video's size first, then squeezed to the square.

Which seeds are for what:

- training draws seeds 0 .. TRAINING_SEEDS - 1;
- evaluation starts at TRAINING_SEEDS or above;
- clips have seeds of their own and are never sampled.
"""

from dataclasses import dataclass
from random import Random

import cv2
import numpy as np
from numpy.typing import NDArray

from samples.architecture import IMAGE_PX, PATCH_PX
from samples.render.camera import to_square
from samples.render.canvas import Pixels
from samples.render.extent import label_map
from samples.render.sampler import sample
from samples.render.scene import Scene, draw
from samples.render.wording import CLASSES

TRAINING_SEEDS = 100_000_000  # the range [0, this) belongs to training
GRID = IMAGE_PX // PATCH_PX
# The scaler inside a decoder, Pillow's bicubic and a plain area mean all occur at run time.
_METHODS = ("area", "linear", "bicubic")


def view(scene: Scene, seed: int) -> Pixels:
    """The scene, RGB (IMAGE_PX, IMAGE_PX, 3), by way of a picture of random size."""
    height_px, width_px = _size_px(seed)
    picture = draw(scene, width_px=width_px, height_px=height_px)
    return to_square(picture, IMAGE_PX, method=_METHODS[seed % len(_METHODS)])


def _size_px(seed: int) -> tuple[int, int]:
    rng = Random(seed ^ 0x5EED)
    height_px = rng.choice((108, 126, 144, 180, 216, 270))
    return height_px, height_px * 4 // 3 if rng.random() < 0.1 else height_px * 16 // 9


@dataclass(frozen=True, slots=True)
class Views:
    """Drawn scenes; the arrays' first axis is the scene."""

    pictures: Pixels  # (count, IMAGE_PX, IMAGE_PX, 3)
    captions: list[str]  # as taught
    classes: NDArray[np.int64]  # (count,) class numbers
    labels: NDArray[np.int64]  # (count, GRID, GRID) class numbers, patch by patch


def draw_range(first: int, count: int) -> Views:
    """Views of a range of seeds.

    Runs in a process of its own beside the training, hence OpenCV's single thread.
    """
    cv2.setNumThreads(1)
    pictures = np.empty((count, IMAGE_PX, IMAGE_PX, 3), np.uint8)
    captions, classes = [], np.empty(count, np.int64)
    labels = np.empty((count, GRID, GRID), np.int64)
    for index in range(count):
        scene = sample(first + index)
        height_px, width_px = _size_px(first + index)
        pictures[index] = view(scene, first + index)
        labels[index] = label_map(scene, aspect=width_px / height_px, cells=GRID)
        captions.append(scene.captions[0])
        classes[index] = CLASSES.index(scene.class_name)
    return Views(pictures, captions, classes, labels)
