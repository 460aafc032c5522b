"""The gates let through what changed and hold back what did not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveil.records import Luma
from surveil.scheduling.motion_gate import THUMBNAIL_PX, Gates, changed_area, thumbnail
from tests.fakes import flat_picture

WIDTH_PX, HEIGHT_PX = THUMBNAIL_PX


def scene(*, level: int = 100, noise: float = 0, seed: int = 0) -> Luma:
    """A grey ramp with Gaussian noise."""
    ramp = np.linspace(level - 40, level + 40, WIDTH_PX)[None, :].repeat(HEIGHT_PX, axis=0)
    noisy = ramp + np.random.default_rng(seed).normal(0, noise, ramp.shape)
    return noisy.clip(0, 255).astype(np.uint8)


def with_person(picture: Luma, *, left_px: int = 40, level: int = 220) -> Luma:
    """The same with an upright figure of 5 x 14 thumbnail pixels, 1.4 % of the picture."""
    changed = picture.copy()
    changed[20:34, left_px : left_px + 5] = level
    return changed


@pytest.mark.parametrize("noise", [0, 2, 4])
def test_a_small_person_opens_the_gates(noise: float) -> None:
    empty, now = scene(noise=noise), with_person(scene(noise=noise, seed=1))
    assert not Gates().closed(now, last_look=empty, last_captioned=empty)


@pytest.mark.parametrize("noise", [0, 2, 4])
def test_noise_alone_keeps_them_closed(noise: float) -> None:
    assert Gates().closed(
        scene(noise=noise, seed=1),
        last_look=scene(noise=noise, seed=2),
        last_captioned=scene(noise=noise, seed=3),
    )


def test_exposure_shift_of_the_whole_picture_is_no_change() -> None:
    assert changed_area(scene(level=130), scene(level=100)) == 0


def test_something_left_behind_since_the_last_caption_opens_though_nothing_moves_now() -> None:
    empty, left = scene(), with_person(scene())
    assert not Gates().closed(left, last_look=left, last_captioned=empty)


def test_first_look_is_never_held_back() -> None:
    assert not Gates().closed(scene(), last_look=None, last_captioned=None)


def test_gates_switched_off_hold_nothing_back() -> None:
    off = Gates(motion_area=None, duplicate_area=None)
    assert not off.closed(scene(), last_look=scene(), last_captioned=scene())


def test_one_gate_alone_decides_when_the_other_is_off() -> None:
    empty, left = scene(), with_person(scene())
    motion_only = Gates(duplicate_area=None)
    assert motion_only.closed(left, last_look=left, last_captioned=empty)
    duplicate_only = Gates(motion_area=None)
    assert duplicate_only.closed(left, last_look=empty, last_captioned=left)


@given(st.integers(0, 255), st.integers(0, 255))
def test_area_is_a_fraction_and_flat_pictures_are_alike(one: int, other: int) -> None:
    area = changed_area(thumbnail(flat_picture(one)), thumbnail(flat_picture(other)))
    assert area == 0
