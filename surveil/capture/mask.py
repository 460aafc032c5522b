"""Polygons that nobody may look into. Drawn into pixels at the size they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from surveil.capture.spec import Polygon


@dataclass(frozen=True, slots=True)
class Mask:
    """Polygons in fractions of the picture; parts outside 0..1 lie outside the picture."""

    polygons: tuple[Polygon, ...] = ()

    def within(self, left: float, top: float, right: float, bottom: float) -> Mask:
        """The same mask as seen in a part of the picture, given in fractions."""
        if not self.polygons:
            return self
        return Mask(
            tuple(
                tuple(((x - left) / (right - left), (y - top) / (bottom - top)) for x, y in polygon)
                for polygon in self.polygons
            )
        )

    def black_out(self, pixels: NDArray[np.uint8]) -> None:
        """Sets every pixel that the mask touches to 0, in place. `pixels` is (height, width) or (height, width, 3)."""
        if self.polygons:
            height_px, width_px = pixels.shape[:2]
            pixels[_touched(self.polygons, width_px, height_px)] = 0


NO_MASK = Mask()


@lru_cache(maxsize=32)
def _touched(polygons: Sequence[Polygon], width_px: int, height_px: int) -> NDArray[np.bool_]:
    """Pixels that a polygon touches, and one more around them: scaling smears by as much."""
    from PIL import Image, ImageDraw, ImageFilter

    canvas = Image.new("L", (width_px, height_px))
    draw = ImageDraw.Draw(canvas)
    for polygon in polygons:
        draw.polygon([(x * width_px - 0.5, y * height_px - 0.5) for x, y in polygon], 255, 255)
    return np.asarray(canvas.filter(ImageFilter.MaxFilter(3))) > 0
