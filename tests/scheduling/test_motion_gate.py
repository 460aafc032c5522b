"""The gates let through what changed and hold back what did not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveil.records import THUMBNAIL_PX, Luma
from surveil.scheduling.motion_gate import MIN_STEP, NOISE_FACTOR, Gates, changed_area
from tests.fakes import flat_picture, make_frame

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
    assert not Gates().closed(now, previous=empty, last_captioned=empty)


@pytest.mark.parametrize("noise", [0, 2, 4])
def test_noise_alone_keeps_them_closed(noise: float) -> None:
    assert Gates().closed(
        scene(noise=noise, seed=1),
        previous=scene(noise=noise, seed=2),
        last_captioned=scene(noise=noise, seed=3),
    )


def test_exposure_shift_of_the_whole_picture_is_no_change() -> None:
    assert changed_area(scene(level=130), scene(level=100)) == 0


def test_something_left_behind_since_the_last_caption_opens_though_nothing_moves_now() -> None:
    empty, left = scene(), with_person(scene())
    assert not Gates().closed(left, previous=left, last_captioned=empty)


def test_first_frame_is_never_held_back() -> None:
    assert not Gates().closed(scene(), previous=None, last_captioned=None)


def test_gates_switched_off_hold_nothing_back() -> None:
    off = Gates(motion_area=None, duplicate_area=None)
    assert not off.closed(scene(), previous=scene(), last_captioned=scene())


def test_one_gate_alone_decides_when_the_other_is_off() -> None:
    empty, left = scene(), with_person(scene())
    motion_only = Gates(duplicate_area=None)
    assert motion_only.closed(left, previous=left, last_captioned=empty)
    duplicate_only = Gates(motion_area=None)
    assert duplicate_only.closed(left, previous=empty, last_captioned=left)


@given(st.integers(0, 255), st.integers(0, 255))
def test_area_is_a_fraction_and_flat_pictures_are_alike(one: int, other: int) -> None:
    frames = [make_frame(picture=flat_picture(level)) for level in (one, other)]
    area = changed_area(*(frame.thumbnail() for frame in frames))
    assert area == 0


@given(
    st.integers(0, 1 << 30), st.sampled_from([0, 3, 30, 90]), st.sampled_from([(54, 96), (3, 5)])
)
def test_area_is_what_its_definition_says(seed: int, spread: int, shape: tuple[int, int]) -> None:
    """The medians are those of the differences themselves, pixel by pixel."""
    chance = np.random.default_rng(seed)
    before = chance.integers(0, 256, shape).astype(np.uint8)
    now = (before + chance.normal(chance.integers(-40, 40), spread, shape)).clip(0, 255)
    now = now.astype(np.uint8)
    difference = now.astype(float) - before
    magnitude = np.abs(difference - np.median(difference))
    changed = magnitude > max(MIN_STEP, NOISE_FACTOR * np.median(magnitude))
    assert changed_area(now, before) == changed.mean()
