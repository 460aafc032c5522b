"""Records carry pixels without printing or comparing them."""

import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveil.records import THUMBNAIL_PX, Luma, Region, Severity, fit
from tests.fakes import ArrayPicture, flat_picture, make_frame


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


class CountedPicture(ArrayPicture):
    """Counts its thumbnails; the first takes until it is let go."""

    def __init__(self) -> None:
        super().__init__(np.full((54, 96, 3), 7, dtype=np.uint8))
        self.made = 0
        self.began = threading.Event()
        self.may_end = threading.Event()

    def luma(self, width_px: int, height_px: int) -> Luma:
        self.made += 1
        self.began.set()
        self.may_end.wait(5.0)
        return super().luma(width_px, height_px)


def test_a_thumbnail_is_made_once_whichever_thread_asks_first() -> None:
    picture = CountedPicture()
    frame = make_frame(picture=picture)
    found: list[Luma] = []
    askers = [threading.Thread(target=lambda: found.append(frame.thumbnail())) for _ in range(4)]
    for asker in askers:
        asker.start()
    assert picture.began.wait(5.0)
    picture.may_end.set()
    for asker in askers:
        asker.join(5.0)
    assert len(found) == 4
    assert all(thumbnail is found[0] for thumbnail in found)
    assert picture.made == 1
    assert found[0].shape == THUMBNAIL_PX[::-1]


def test_a_frame_made_of_another_has_a_thumbnail_of_its_own() -> None:
    frame = make_frame(picture=flat_picture(10))
    assert frame.thumbnail().max() == 10
    assert replace(frame, picture=flat_picture(90)).thumbnail().min() == 90


def test_a_region_shows_its_part_and_has_a_thumbnail_of_its_own() -> None:
    pixels = np.full((40, 80, 3), 10, dtype=np.uint8)
    pixels[:, 40:] = 200
    frame = make_frame(picture=ArrayPicture(pixels))
    assert frame.thumbnail().min() == 10
    part = Region("right", 0.5, 0.0, 1.0, 0.5).cut(frame)
    assert (part.region_id, part.width_px, part.height_px) == ("right", 40, 20)
    assert part.thumbnail().min() == 200
    assert frame.thumbnail().min() == 10


def test_a_region_is_never_empty() -> None:
    frame = make_frame(picture=flat_picture(width_px=2, height_px=2))
    cut = Region("r", 0.99, 0.99, 1, 1).cut(frame)
    assert (cut.width_px, cut.height_px) == (1, 1)
