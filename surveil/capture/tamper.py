"""A camera that sends pictures and yet sees nothing: frozen, grey, green, black. Pure.

Covering, blinding or replaying a camera is what a burglar does first, so it is told as a status, not left to captions.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from surveil.clock import NS_PER_S, ns
from surveil.records import Rgb

CHECK_EVERY_S = 1.0
BLANK_AFTER_S = 5.0
"""A passing lorry fills the picture for a moment; a decoder that starts badly shows grey for one."""
FLAT_LEVELS = 1.5
"""Standard deviation, of 255 levels, of a 32x18 thumbnail, which averages sensor noise away. Measured: a covered lens
with strong noise 0.2 to 0.5, one distant lamp in the dark 2.8, recorded scenes 9 and more."""
TAMPER_PX = (32, 18)


class Viewable(Protocol):
    """What is checked; an `AvPicture` in life."""

    def rgb(self, width_px: int, height_px: int) -> Rgb: ...
    def fingerprint(self) -> int:
        """Same pixels, same number; a single bit of sensor noise makes another."""
        ...


class TamperCheck:
    """Asked with pictures in the order of capture; answers with what is wrong. Checks once a second."""

    def __init__(self, frozen_after_s: float | None) -> None:
        self._frozen_after_s = frozen_after_s
        self._next_ns: int | None = None
        self._fingerprint: int | None = None
        self._changed_ns = 0
        self._blank: str | None = None
        self._blank_since_ns = 0
        self._verdict: str | None = None

    def verdict(self, picture: Viewable, mono_ns: int) -> str | None:
        """None while the picture is sound; else a reason that stays the same as long as it lasts."""
        if self._next_ns is None or mono_ns >= self._next_ns:
            self._next_ns = mono_ns + ns(CHECK_EVERY_S)
            self._verdict = self._blankness(picture, mono_ns) or self._frozenness(picture, mono_ns)
        return self._verdict

    def _blankness(self, picture: Viewable, mono_ns: int) -> str | None:
        colour = flat_colour(picture.rgb(*TAMPER_PX))
        if colour != self._blank:
            self._blank, self._blank_since_ns = colour, mono_ns
        if colour is None or mono_ns - self._blank_since_ns < ns(BLANK_AFTER_S):
            return None
        return (
            f"{colour} picture: there is nothing in it; is the lens covered, or the camera faulty?"
        )

    def _frozenness(self, picture: Viewable, mono_ns: int) -> str | None:
        if self._frozen_after_s is None:
            return None
        fingerprint = picture.fingerprint()
        if fingerprint != self._fingerprint:
            self._fingerprint, self._changed_ns = fingerprint, mono_ns
        if (mono_ns - self._changed_ns) / NS_PER_S < self._frozen_after_s:
            return None
        return f"frozen picture: not one pixel has changed for {self._frozen_after_s:g} s"


def flat_colour(thumbnail: Rgb) -> str | None:
    """`black`, `white`, `grey`, `green` ... when the whole picture is of one colour, else None."""
    if float(thumbnail.std(axis=(0, 1)).max()) > FLAT_LEVELS:
        return None
    red, green, blue = (float(level) for level in np.median(thumbnail, axis=(0, 1)))
    if green > red + 40 and green > blue + 40:  # YUV of all zeros, as decoders leave lost parts
        return "green"
    if max(red, green, blue) - min(red, green, blue) > 40:
        return "one-coloured"
    return "black" if green < 24 else "white" if green > 231 else "grey"
