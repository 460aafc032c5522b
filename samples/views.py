"""Drawn scenes as the model will meet them: at a video's size first, then squeezed to the square.

Which seeds are for what:

- training draws seeds 0 .. TRAINING_SEEDS - 1;
- evaluation starts at TRAINING_SEEDS or above;
- clips have seeds of their own and are never sampled.
"""

from random import Random

import cv2
import numpy as np

from samples.architecture import IMAGE_PX
from samples.render.camera import to_square
from samples.render.canvas import Pixels
from samples.render.sampler import sample
from samples.render.scene import Scene, draw
from samples.render.wording import CLASSES

TRAINING_SEEDS = 100_000_000  # the range [0, this) belongs to training
# The scaler inside a decoder, Pillow's bicubic and a plain area mean all occur at run time.
_METHODS = ("area", "linear", "bicubic")


def view(scene: Scene, seed: int) -> Pixels:
    """The scene, RGB (IMAGE_PX, IMAGE_PX, 3), by way of a picture of random size."""
    rng = Random(seed ^ 0x5EED)
    height_px = rng.choice((108, 126, 144, 180, 216, 270))
    width_px = height_px * 4 // 3 if rng.random() < 0.1 else height_px * 16 // 9
    picture = draw(scene, width_px=width_px, height_px=height_px)
    return to_square(picture, IMAGE_PX, method=rng.choice(_METHODS))


def draw_range(first: int, count: int) -> tuple[Pixels, list[str], list[int]]:
    """Views (count, IMAGE_PX, IMAGE_PX, 3), taught captions and class numbers of a range of seeds.

    Runs in a process of its own beside the training, hence OpenCV's single thread.
    """
    cv2.setNumThreads(1)
    pictures = np.empty((count, IMAGE_PX, IMAGE_PX, 3), np.uint8)
    captions, classes = [], []
    for index in range(count):
        scene = sample(first + index)
        pictures[index] = view(scene, first + index)
        captions.append(scene.captions[0])
        classes.append(CLASSES.index(scene.class_name))
    return pictures, captions, classes
