"""The map of labels lies where the things were painted, whatever the camera does."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from samples.render.extent import label_map
from samples.render.people import Person
from samples.render.sampler import sample
from samples.render.scene import Scene, draw
from samples.render.wording import CLASSES

CELLS = 24


def _painted(scene: Scene) -> np.ndarray:
    """Cells (CELLS, CELLS) in which the last layer changed the picture."""
    still = replace(scene.camera, noise_sigma=0, jpeg_quality=0, clock="")
    subject = scene.layers[-1]
    rest = tuple(layer for layer in scene.layers if layer is not subject)
    pictures = [
        draw(replace(scene, layers=layers, camera=still), width_px=256, height_px=144).astype(int)
        for layers in (rest, (*rest, subject))
    ]
    changed = (np.abs(pictures[0] - pictures[1]).max(2) > 24).astype(np.uint8)
    share = cv2.resize(changed * 255, (CELLS, CELLS), interpolation=cv2.INTER_AREA)
    return np.asarray(share > 40)


@pytest.mark.parametrize("class_name", ["car", "hydrant", "package", "lying", "window"])
def test_labels_cover_what_was_painted(class_name: str) -> None:
    """A thing and its label overlap; its shadow and a window's frame may stick out."""
    overlaps = []
    for seed in range(12):
        scene = sample(seed, class_name)
        labels = label_map(scene, aspect=16 / 9, cells=CELLS) == CLASSES.index(class_name)
        painted = _painted(scene)
        if painted.sum() > 4:
            overlaps.append((labels & painted).sum() / (labels | painted).sum())

    assert np.mean(overlaps) > 0.5


def test_an_empty_scene_has_no_labels_and_a_nearer_thing_hides_a_farther_one() -> None:
    assert not label_map(sample(3, "empty"), aspect=16 / 9, cells=8).any()

    scene = sample(3, "running")
    runner = next(layer for layer in scene.layers if isinstance(layer, Person))
    hidden = replace(scene, layers=(replace(runner, action="walking"), runner))
    labels = label_map(hidden, aspect=16 / 9, cells=CELLS)
    own = label_map(replace(scene, layers=(runner,)), aspect=16 / 9, cells=CELLS)
    assert (labels[own > 0] == CLASSES.index("running")).all()


def test_a_thing_outside_the_picture_has_no_label() -> None:
    scene = sample(3, "car")
    car = scene.layers[-1]
    gone = replace(scene, layers=(replace(car, x=-5.0),))

    assert not label_map(gone, aspect=16 / 9, cells=8).any()
