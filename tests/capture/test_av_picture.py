"""Pictures: right colours, right places, one conversion."""

from __future__ import annotations

import threading

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from surveil.capture.av_picture import AvPicture, Mask
from tests.support.clips import numbered_picture, read_number

BT709, BT601 = (0.2126, 0.0722, 1), (0.299, 0.114, 5)


def yuv_frame(
    rgb: tuple[int, int, int],
    *,
    matrix: tuple[float, float, int] = BT601,
    full: bool = False,
    tagged: bool = True,
    size: tuple[int, int] = (64, 48),
    pixels: str = "yuv420p",
) -> av.VideoFrame:
    """One colour, computed from the definition of the matrix (ITU-R BT.601/709), not by FFmpeg."""
    kr, kb, tag = matrix
    red, green, blue = (level / 255 for level in rgb)
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    cb, cr = (blue - luma) / (2 * (1 - kb)), (red - luma) / (2 * (1 - kr))
    levels = (
        (luma * 255, cb * 255 + 128, cr * 255 + 128)
        if full
        else (16 + 219 * luma, 128 + 224 * cb, 128 + 224 * cr)
    )
    frame = av.VideoFrame(*size, pixels)
    for plane, level in zip(frame.planes, levels, strict=True):
        plane.update(bytes([min(255, max(0, round(level)))]) * plane.buffer_size)
    if tagged:
        frame.colorspace, frame.color_range = tag, 2 if full else 1
    return frame


def frame_of(pixels: NDArray[np.uint8], layout: str = "yuv420p") -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=layout)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", [BT601, BT709])
@pytest.mark.parametrize("rgb", [(250, 10, 10), (10, 200, 50), (30, 60, 220), (128, 128, 128)])
def test_colours_come_out_as_the_stream_says(
    rgb: tuple[int, int, int], matrix: tuple[float, float, int], full: bool
) -> None:
    pixels = AvPicture(yuv_frame(rgb, matrix=matrix, full=full)).rgb(16, 12)
    assert pixels.shape == (12, 16, 3)
    assert np.abs(pixels.astype(int) - rgb).max() <= 5


@pytest.mark.parametrize(("height_px", "matrix"), [(480, BT601), (720, BT709)])
def test_without_a_tag_the_size_tells_the_matrix(
    height_px: int, matrix: tuple[float, float, int]
) -> None:
    frame = yuv_frame((10, 200, 50), matrix=matrix, tagged=False, size=(64, height_px))
    assert np.abs(AvPicture(frame).rgb(16, 12).astype(int) - (10, 200, 50)).max() <= 5


@pytest.mark.parametrize("full", [False, True])
def test_brightness_is_0_to_255_whatever_the_range(full: bool) -> None:
    for level in (0, 128, 255):
        frame = yuv_frame((level, level, level), full=full)
        assert np.abs(AvPicture(frame).luma(8, 8).astype(int) - level).max() <= 2


def test_neither_pixels_nor_brightness_can_be_written() -> None:
    picture = AvPicture(yuv_frame((1, 2, 3)))
    for pixels in (picture.rgb(8, 8), picture.luma(8, 8), picture.rgb(64, 48)):
        with pytest.raises(ValueError, match="read-only"):
            pixels[0, 0] = 0


def test_memory_held_is_that_of_the_planes() -> None:
    assert AvPicture(av.VideoFrame(1920, 1080, "yuv420p")).nbytes >= 1920 * 1080 * 3 // 2


def quadrants() -> NDArray[np.uint8]:
    """Red, green / blue, white."""
    pixels = np.zeros((80, 120, 3), dtype=np.uint8)
    pixels[:40, :60], pixels[:40, 60:] = (250, 0, 0), (0, 250, 0)
    pixels[40:, :60], pixels[40:, 60:] = (0, 0, 250), (250, 250, 250)
    return pixels


def corners(pixels: NDArray[np.uint8]) -> str:
    """Names of the colours: top left, top right, bottom left, bottom right."""
    height_px, width_px = pixels.shape[:2]
    names = {(1, 0, 0): "r", (0, 1, 0): "g", (0, 0, 1): "b", (1, 1, 1): "w", (0, 0, 0): "0"}
    places = ((1, 1), (1, 3), (3, 1), (3, 3))
    levels = [pixels[y * height_px // 4, x * width_px // 4] > 128 for y, x in places]
    return "".join(names[tuple(int(on) for on in level)] for level in levels)  # type: ignore[index]


@pytest.mark.parametrize(
    ("rotate", "seen"), [(0, "rgbw"), (90, "brwg"), (180, "wbgr"), (270, "gwrb")]
)
def test_rotation_is_clockwise(rotate: int, seen: str) -> None:
    picture = AvPicture(frame_of(quadrants()), rotate=rotate)
    sides = (picture.width_px, picture.height_px)
    assert sides == ((80, 120) if rotate % 180 else (120, 80))
    assert picture.rgb(*sides).shape == (*reversed(sides), 3)
    assert corners(picture.rgb(*sides)) == seen


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
@pytest.mark.parametrize(
    "layout", ["yuv420p", "yuv422p", "yuv444p", "nv12", "gray", "yuyv422", "rgb24"]
)
def test_a_crop_is_what_slicing_the_whole_would_give(layout: str, rotate: int) -> None:
    picture = AvPicture(
        frame_of(numbered_picture(0b101100111000, width_px=240), layout), rotate=rotate
    )
    left, top, right, bottom = 31, 20, 95, 87
    part = picture.crop(left, top, right, bottom)
    assert (part.width_px, part.height_px) == (64, 67)
    whole = picture.luma(picture.width_px, picture.height_px).astype(int)[top:bottom, left:right]
    difference = np.abs(part.luma(64, 67).astype(int) - whole)
    assert difference.max() <= 3


@pytest.mark.parametrize("box", [(0, 0, 0, 5), (5, 5, 4, 9), (-1, 0, 5, 5), (0, 0, 65, 5)])
def test_a_box_that_is_no_part_is_refused(box: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="is not inside 64x48"):
        AvPicture(yuv_frame((1, 2, 3))).crop(*box)


LEFT_HALF = Mask((((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)),))


@pytest.mark.parametrize(("rotate", "seen"), [(0, "0g0w"), (90, "0r0g")])
def test_a_mask_is_told_in_the_picture_as_shown(rotate: int, seen: str) -> None:
    picture = AvPicture(frame_of(quadrants()), rotate=rotate, mask=LEFT_HALF)
    assert corners(picture.rgb(picture.width_px, picture.height_px)) == seen


def test_no_pixel_behind_a_mask_can_be_seen_at_any_size_or_crop() -> None:
    """Given white under the mask and black beside it, nothing bright comes out, not even by the smear of scaling."""
    pixels = np.zeros((90, 160, 3), dtype=np.uint8)
    pixels[:, :80] = 255
    picture = AvPicture(frame_of(pixels), mask=LEFT_HALF)
    for size in ((160, 90), (64, 36), (7, 5), (384, 216)):
        assert picture.rgb(*size).max() < 40, size
        assert picture.luma(*size).max() < 40, size
    for box in ((0, 0, 160, 90), (40, 10, 120, 60), (79, 0, 160, 90)):
        part = picture.crop(*box)
        assert part.rgb(part.width_px, part.height_px).max() < 40, box


def test_a_fingerprint_changes_with_one_level_of_noise() -> None:
    still = numbered_picture(7)
    noisy = still.copy()
    noisy[::8] ^= 3
    same, other = AvPicture(frame_of(still)), AvPicture(frame_of(noisy))
    assert same.fingerprint() == AvPicture(frame_of(still)).fingerprint()
    assert same.fingerprint() != other.fingerprint()


def test_many_threads_may_ask_at_once() -> None:
    """Given one picture and eight threads that ask for different sizes, everyone gets the right pixels."""
    picture = AvPicture(frame_of(numbered_picture(0b110010101110)))
    wrong: list[object] = []

    def ask(width_px: int) -> None:
        for _ in range(40):
            if read_number(picture.rgb(width_px, width_px // 2)) != 0b110010101110:
                wrong.append(width_px)
            if read_number(picture.luma(width_px, width_px // 2)) != 0b110010101110:
                wrong.append(-width_px)

    threads = [threading.Thread(target=ask, args=(160 + 20 * n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
