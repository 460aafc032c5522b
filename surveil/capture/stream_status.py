"""What is known of one camera: written by its capture thread, read by everyone; and whether its picture shows anything.

Covering, blinding or replaying a camera is what a burglar does first, so it is told as a status, not left to captions.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import Protocol

import numpy as np

from surveil.clock import NS_PER_MS, NS_PER_S, Clock, ns
from surveil.records import CameraState, CameraStatus, Rgb

logger = logging.getLogger(__name__)

FPS_OVER = 50
"""Packets over which the rate is averaged."""


class StreamStatus:
    """Any thread. Outlives connections, and threads that had to be abandoned. A change of state is one log line."""

    def __init__(self, camera_id: str, clock: Clock) -> None:
        self.camera_id = camera_id
        self._clock = clock
        self._lock = threading.Lock()
        self._state = CameraState.CONNECTING
        self._reason: str | None = None
        self._since_unix_ms = clock.unix_ms()
        self._last_error: str | None = None
        self._connections = 0
        self._frames = 0
        self._arrivals_ns: deque[int] = deque(maxlen=FPS_OVER)
        self._last_ns: int | None = None
        self._size: tuple[int, int] | None = None

    def arrived(self, mono_ns: int) -> None:
        """A frame came in, decoded or not."""
        with self._lock:
            self._frames += 1
            self._last_ns = mono_ns
            self._arrivals_ns.append(mono_ns)

    def connected(self) -> None:
        """A new connection has given its first picture."""
        with self._lock:
            self._connections += 1
            self._arrivals_ns.clear()
        self.set_state(CameraState.ONLINE)

    def sized(self, width_px: int, height_px: int) -> None:
        """Pictures are of this size now."""
        with self._lock:
            self._size = (width_px, height_px)

    def failed(self, reason: str) -> None:
        """There is no connection; another attempt follows."""
        with self._lock:
            self._last_error = reason
            self._arrivals_ns.clear()
        self.set_state(CameraState.OFFLINE, reason)

    def hung(self, reason: str) -> None:
        """The thread does not come back from native code."""
        with self._lock:
            self._last_error = reason
        self.set_state(CameraState.STUCK, reason)

    def set_state(self, state: CameraState, reason: str | None = None) -> None:
        with self._lock:
            if (state, reason) == (self._state, self._reason):
                return
            before, self._reason = self._state, reason
            if state is not self._state:
                self._state, self._since_unix_ms = state, self._clock.unix_ms()
        self._tell(before, state, reason)

    @property
    def state(self) -> CameraState:
        with self._lock:
            return self._state

    def status(self, *, dropped_total: int) -> CameraStatus:
        """`dropped_total` is the buffer's to tell."""
        with self._lock:
            age_ns = None if self._last_ns is None else self._clock.monotonic_ns() - self._last_ns
            return CameraStatus(
                camera_id=self.camera_id,
                state=self._state,
                reason=self._reason,
                since_unix_ms=self._since_unix_ms,
                last_frame_age_ms=None if age_ns is None else max(0, age_ns // NS_PER_MS),
                fps=self._fps(),
                width_px=self._size[0] if self._size else None,
                height_px=self._size[1] if self._size else None,
                frames_total=self._frames,
                dropped_total=dropped_total,
                reconnects_total=max(0, self._connections - 1),
                last_error=self._last_error,
            )

    def _fps(self) -> float | None:
        if len(self._arrivals_ns) < 2:
            return None
        spread_s = (self._arrivals_ns[-1] - self._arrivals_ns[0]) / NS_PER_S
        return round((len(self._arrivals_ns) - 1) / spread_s, 2) if spread_s > 0 else None

    def _tell(self, before: CameraState, state: CameraState, reason: str | None) -> None:
        level = logging.INFO if state is CameraState.ONLINE else logging.WARNING
        text = f": {reason}" if reason else ""
        logger.log(level, "camera %s is %s%s (was %s)", self.camera_id, state, text, before)


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
