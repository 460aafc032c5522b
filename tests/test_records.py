"""Records carry pixels without printing or comparing them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveil.records import Severity, fit
from tests.fakes import ArrayPicture, make_frame


def test_repr_of_a_frame_prints_no_pixels() -> None:
    assert "picture" not in repr(make_frame())


def test_frames_compare_by_identity() -> None:
    frame = make_frame()
    same = frame
    assert frame == same
    assert frame != make_frame()


def test_rgb_is_scaled_and_not_writeable() -> None:
    frame = make_frame(picture=ArrayPicture(np.zeros((60, 100, 3), dtype=np.uint8)))
    pixels = frame.rgb(50)
    assert pixels.shape == (30, 50, 3)
    with pytest.raises(ValueError, match="read-only"):
        pixels[0, 0, 0] = 1


@given(st.integers(1, 8192), st.integers(1, 8192), st.none() | st.integers(1, 9000))
def test_fit_never_enlarges_and_keeps_the_longer_side_within(
    width: int, height: int, most: int | None
) -> None:
    fitted = fit(width, height, most)
    assert fitted[0] <= width
    assert fitted[1] <= height
    assert min(fitted) >= 1
    assert most is None or max(fitted) <= most


def test_severity_orders_by_rank() -> None:
    assert sorted(Severity, key=lambda s: s.rank) == [
        Severity.INFO,
        Severity.WARNING,
        Severity.CRITICAL,
    ]
