"""A camera that sends pictures and yet sees nothing."""

from __future__ import annotations

import numpy as np
import pytest

from surveil.capture.stream_status import TamperCheck, flat_colour
from surveil.clock import ns
from surveil.records import Rgb
from tests.support.clips import numbered_picture


class Sight:
    """A picture of the given pixels."""

    def __init__(self, pixels: Rgb) -> None:
        self._pixels = pixels

    def rgb(self, width_px: int, height_px: int) -> Rgb:
        rows = np.arange(height_px) * self._pixels.shape[0] // height_px
        columns = np.arange(width_px) * self._pixels.shape[1] // width_px
        small: Rgb = self._pixels[rows][:, columns]
        return small

    def fingerprint(self) -> int:
        return hash(self._pixels.tobytes())


def one_colour(red: int, green: int, blue: int) -> Sight:
    return Sight(np.full((36, 64, 3), (red, green, blue), dtype=np.uint8))


def scene(number: int) -> Sight:
    return Sight(numbered_picture(number))


def test_a_live_picture_is_sound() -> None:
    tamper_check = TamperCheck(10.0)
    assert {tamper_check.verdict(scene(second), ns(second)) for second in range(60)} == {None}


def test_a_frozen_picture_is_told_until_it_moves() -> None:
    """Given a picture that stays the same to the last bit, after 10 s it is told, and no longer once it changes."""
    tamper_check = TamperCheck(10.0)
    verdicts = [tamper_check.verdict(scene(1), ns(second)) for second in range(20)]
    assert verdicts[:10] == [None] * 10
    assert set(verdicts[10:]) == {"frozen picture: not one pixel has changed for 10 s"}
    assert tamper_check.verdict(scene(2), ns(21)) is None


def test_frozen_is_never_told_when_switched_off() -> None:
    tamper_check = TamperCheck(None)
    assert {tamper_check.verdict(scene(1), ns(second)) for second in range(0, 9_000, 100)} == {None}


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((0, 135, 0), "green"),
        ((128, 128, 128), "grey"),
        ((0, 0, 0), "black"),
        ((250, 250, 250), "white"),
        ((20, 30, 200), "one-coloured"),
    ],
)
def test_an_empty_picture_is_told_after_a_moment(rgb: tuple[int, int, int], name: str) -> None:
    tamper_check = TamperCheck(None)
    verdicts = [tamper_check.verdict(one_colour(*rgb), ns(second)) for second in range(8)]
    assert verdicts[:5] == [None] * 5
    assert all(v and v.startswith(f"{name} picture") for v in verdicts[5:])
    assert tamper_check.verdict(scene(3), ns(9)) is None


def test_a_dark_noisy_night_is_a_picture() -> None:
    dark = np.random.default_rng(7).normal(12, 5, (36, 64, 1)).clip(0, 255).astype(np.uint8)
    assert flat_colour(np.repeat(dark, 3, axis=2)) is None


def test_pictures_in_quick_succession_are_checked_once_a_second() -> None:
    """So that 25 frames a second cost no more than one."""
    asked = 0

    class Counted(Sight):
        def fingerprint(self) -> int:
            nonlocal asked
            asked += 1
            return asked

    tamper_check = TamperCheck(10.0)
    for seq in range(100):
        tamper_check.verdict(Counted(numbered_picture(seq)), ns(seq / 25))
    assert asked == 4
