"""Motion and near-duplicates, seen on small brightness pictures.

Both ask the same question of two thumbnails: what part of the picture changed? The motion gate compares with the look
before, the near-duplicate gate with the picture captioned last. A look is passed over only when both say that nothing
happened, because a missed event costs more than a caption.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surveil.records import Luma, Picture

THUMBNAIL_PX = (96, 54)
"""Width, height. A person who fills 1 % of the picture covers about 50 of these pixels."""
MIN_STEP = 14.0
"""Grey levels of 255 that count as a change; what is left of sensor noise after scaling stays under 4."""
NOISE_FACTOR = 6.0
"""A change must also exceed this many median absolute differences, so that a noisy night is not all motion."""


@dataclass(frozen=True, slots=True)
class Gates:
    """Parts of the picture, 0..1, that must change before a look becomes a caption. None switches a gate off."""

    motion_area: float | None = 0.004
    duplicate_area: float | None = 0.004

    def closed(self, now: Luma, *, last_look: Luma | None, last_captioned: Luma | None) -> bool:
        """True when nothing worth a caption happened. Both gates off, or nothing to compare with: never."""
        if self.motion_area is None and self.duplicate_area is None:
            return False
        return not (
            _changed(now, last_look, self.motion_area)
            or _changed(now, last_captioned, self.duplicate_area)
        )


def thumbnail(picture: Picture) -> Luma:
    """uint8 (54, 96), brightness."""
    return picture.luma(*THUMBNAIL_PX)


def changed_area(now: Luma, before: Luma) -> float:
    """Part of the picture that differs, 0..1. A shift of the whole picture's brightness (exposure) is taken out."""
    difference: NDArray[np.float32] = now.astype(np.float32) - before.astype(np.float32)
    difference -= np.median(difference)
    magnitude = np.abs(difference)
    threshold = max(MIN_STEP, NOISE_FACTOR * float(np.median(magnitude)))
    return float(np.count_nonzero(magnitude > threshold)) / magnitude.size


def _changed(now: Luma, before: Luma | None, min_area: float | None) -> bool:
    if min_area is None:
        return False
    return before is None or changed_area(now, before) >= min_area
