"""A drawing surface measured in picture heights instead of pixels.

Everything the renderer draws is placed in *units*: one unit is the height of the picture, x grows to
the right and y grows downwards from the upper left corner. The same scene therefore comes out at
144 or at 360 pixels without any other change.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]  # (height_px, width_px, 3), RGB
Point = tuple[float, float]
Colour = tuple[int, int, int]  # RGB, 0..255

_SUBPIXEL_BITS = (
    4  # OpenCV's fixed-point fraction: without it, slow movement jumps from pixel to pixel
)
_SUBPIXEL = 1 << _SUBPIXEL_BITS


class Canvas:
    """An RGB picture and the few shapes that scenes are made of. Not thread-safe."""

    def __init__(self, *, width_px: int, height_px: int) -> None:
        self.pixels: Pixels = np.zeros((height_px, width_px, 3), np.uint8)
        self.aspect = width_px / height_px
        self._scale_px = height_px

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        """Fills the polygon through `points` (units)."""
        fixed = np.array(points, np.float64) * (self._scale_px * _SUBPIXEL)
        cv2.fillPoly(
            self.pixels, [np.rint(fixed).astype(np.int32)], colour, cv2.LINE_AA, _SUBPIXEL_BITS
        )

    def box(self, x0: float, y0: float, x1: float, y1: float, colour: Colour) -> None:
        """Fills the upright rectangle between two corners (units)."""
        self.polygon([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], colour)

    def line(self, start: Point, end: Point, width: float, colour: Colour) -> None:
        """Draws a straight line `width` units thick, at least one pixel."""
        cv2.line(
            self.pixels,
            self._fixed(start),
            self._fixed(end),
            colour,
            max(1, round(width * self._scale_px)),
            cv2.LINE_AA,
            _SUBPIXEL_BITS,
        )

    def disc(self, centre: Point, radius: float, colour: Colour) -> None:
        """Fills a circle (units)."""
        radius_fixed = max(1, round(radius * self._scale_px * _SUBPIXEL))
        cv2.circle(
            self.pixels,
            self._fixed(centre),
            radius_fixed,
            colour,
            cv2.FILLED,
            cv2.LINE_AA,
            _SUBPIXEL_BITS,
        )

    def oval(self, centre: Point, axes: Point, colour: Colour) -> None:
        """Fills an upright ellipse with half-axes `axes` (units)."""
        cv2.ellipse(
            self.pixels,
            self._fixed(centre),
            self._fixed(axes),
            0,
            0,
            360,
            colour,
            cv2.FILLED,
            cv2.LINE_AA,
            _SUBPIXEL_BITS,
        )

    def limb(self, start: Point, end: Point, widths: Point, colour: Colour) -> None:
        """Draws a tapered stroke with round ends: `widths` are those at start and end (units).

        A polygon and two discs, because OpenCV rounds a line's thickness to whole pixels, which
        makes arms of a small figure twice as thick as those of a large one.
        """
        (x0, y0), (x1, y1) = start, end
        length = max(1e-6, float(np.hypot(x1 - x0, y1 - y0)))
        nx, ny = (y0 - y1) / length / 2, (x1 - x0) / length / 2
        w0, w1 = widths
        self.polygon(
            [
                (x0 + nx * w0, y0 + ny * w0),
                (x1 + nx * w1, y1 + ny * w1),
                (x1 - nx * w1, y1 - ny * w1),
                (x0 - nx * w0, y0 - ny * w0),
            ],
            colour,
        )
        self.disc(start, w0 / 2, colour)
        self.disc(end, w1 / 2, colour)

    def blend(self, top: "Canvas", opacity: float) -> None:
        """Lays `top` (same size) over this canvas, 0 = invisible, 1 = opaque."""
        cv2.addWeighted(top.pixels, opacity, self.pixels, 1 - opacity, 0, dst=self.pixels)

    def copy(self) -> "Canvas":
        """An independent canvas with the same content."""
        twin = Canvas.__new__(Canvas)
        twin.pixels = self.pixels.copy()
        twin.aspect = self.aspect
        twin._scale_px = self._scale_px
        return twin

    def _fixed(self, point: Point) -> tuple[int, int]:
        factor = self._scale_px * _SUBPIXEL
        return round(point[0] * factor), round(point[1] * factor)


def shade(colour: Colour, factor: float) -> Colour:
    """The colour made darker (factor < 1) or lighter (> 1)."""
    red, green, blue = (min(255, max(0, round(part * factor))) for part in colour)
    return red, green, blue
