"""What is known of one camera: written by its capture thread, read by everyone; and whether its picture shows anything.

Covering, blinding or replaying a camera is what a burglar does first, so it is told as a status, not left to captions.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from enum import Enum
from typing import NamedTuple, Protocol

import numpy as np

from surveil.capture.camera_spec import CameraSpec, SourceKind
from surveil.capture.ffmpeg_errors import KNOCK_S
from surveil.clock import NS_PER_MS, NS_PER_S, Clock, ns
from surveil.records import CameraState, CameraStatus, Problem, Rgb

logger = logging.getLogger(__name__)

FPS_OVER = 50
"""Packets over which the rate is averaged."""
CAMERA = "camera:"
"""Begins the component of problems that are a camera's own, not the node's."""
MAIN = "#main"
"""Ends the buffer's name for the packets of a camera's big stream; no camera id may hold a `#`."""
POLLED = {SourceKind.FILE, SourceKind.STILL}
"""Sources that Surveil asks, rather than being sent: their silence is no stall."""
SLOW_OPENING_S = 25.0
"""However long a camera is given to open, it is not called `connecting` for longer."""
REMEDIES = {
    "camera_offline": "check the camera's power, network and address; `surveil probe` says what it finds",
    "camera_stuck": "reconnect or restart the device; restart surveil if it stays",
    "camera_blind": "set the camera to plain H.264 with a keyframe every second or two; try `transport: tcp`",
    "camera_tampered": "look at the camera's lens, lamp and mount; `detect_frozen: off` where stillness is meant",
}


class _Phase(Enum):
    """How far the present attempt has come."""

    IDLE = "idle"
    OPENING = "opening"
    OPEN = "open"


class _Judgement(NamedTuple):
    """What the facts come to."""

    state: CameraState
    reason: str | None = None
    code: str | None = None
    """Of the problem that it is; None when it is none."""


class StreamStatus:
    """Any thread. Outlives connections, and threads that had to be abandoned.

    Others tell facts; what they come to is judged here and nowhere else, at every fact and whenever somebody asks, so
    that it can neither be forgotten nor contradict itself. Only a picture makes a camera online. A change of state is
    one log line.
    """

    def __init__(self, spec: CameraSpec, clock: Clock) -> None:
        self.camera_id = spec.camera_id
        self._spec = spec
        self._clock = clock
        self._lock = threading.Lock()
        self._judgement = _Judgement(CameraState.CONNECTING)
        self._since_unix_ms = self._problem_since_unix_ms = clock.unix_ms()
        self._last_error: str | None = None
        self._connections = 0
        self._frames = 0
        self._arrivals_ns: deque[int] = deque(maxlen=FPS_OVER)
        self._last_ns: int | None = None
        self._size: tuple[int, int] | None = None
        self._phase = _Phase.IDLE
        self._phase_ns = self._packet_ns = clock.monotonic_ns()
        self._has_packets = False
        self._shown_ns: int | None = None
        """When this connection last gave a picture."""
        self._is_barren = False
        """Something was decoded since, and nothing came of it."""
        self._wrong: str | None = None
        self._failure: str | None = None
        """Why the last connection ended, until the next picture."""
        self._failed_blind = False
        self._hung: str | None = None

    def adopt(self, spec: CameraSpec) -> None:
        """The operator's wishes have changed, and the connection stays."""
        with self._lock:
            self._spec = spec
        self._settle()

    def opening(self) -> None:
        """An attempt to connect begins."""
        self._enter(_Phase.OPENING)

    def opened(self) -> None:
        """There is a connection; nothing has come of it yet."""
        with self._lock:
            self._has_packets = self._is_barren = False
            self._shown_ns = self._wrong = self._hung = None
            self._packet_ns = self._clock.monotonic_ns()
        self._enter(_Phase.OPEN)

    def arrived(self, mono_ns: int) -> None:
        """A packet came in, decoded or not."""
        with self._lock:
            self._frames += 1
            self._last_ns = mono_ns
            self._arrivals_ns.append(mono_ns)
            self._packet_ns, self._has_packets = self._clock.monotonic_ns(), True
            self._hung = None
        self._settle()

    def tried(self) -> None:
        """A packet was given to the decoder."""
        self._is_barren = True

    def shown(self, size: tuple[int, int] | None = None, *, wrong: str | None = None) -> None:
        """A picture came of it, of so many pixels (width, height); `wrong`: why there is nothing to be seen in it."""
        with self._lock:
            if self._shown_ns is None:
                self._connections += 1
                self._arrivals_ns.clear()
            self._shown_ns = self._clock.monotonic_ns()
            self._is_barren = False
            self._size = size or self._size
            self._wrong, self._failure, self._hung = wrong, None, None
        self._settle()

    def failed(self, reason: str, *, blind: bool = False) -> None:
        """There is no connection; another attempt follows. `blind`: there was one, but no picture came of it."""
        with self._lock:
            self._last_error = self._failure = reason
            self._failed_blind = blind
            self._hung = None
            self._arrivals_ns.clear()
        self._enter(_Phase.IDLE)

    def hung(self, reason: str) -> None:
        """The thread does not come back from native code."""
        with self._lock:
            self._last_error = self._hung = reason
        self._settle()

    @property
    def state(self) -> CameraState:
        return self._settle().state

    def problem(self) -> Problem | None:
        """What keeps this stream from being seen, if anything does."""
        judgement = self._settle()
        if judgement.code is None:
            return None
        camera_id = self.camera_id.removesuffix(MAIN)
        return Problem(
            code=judgement.code,
            text=f"camera {camera_id} is {judgement.state}: {judgement.reason}",
            since_unix_ms=self._problem_since_unix_ms,
            component=CAMERA + camera_id,
            remedy=REMEDIES[judgement.code],
        )

    def status(self, *, dropped_total: int) -> CameraStatus:
        """`dropped_total` is the buffer's to tell."""
        judgement = self._settle()
        with self._lock:
            age_ns = None if self._last_ns is None else self._clock.monotonic_ns() - self._last_ns
            return CameraStatus(
                camera_id=self.camera_id,
                state=judgement.state,
                reason=judgement.reason,
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

    def _enter(self, phase: _Phase) -> None:
        with self._lock:
            self._phase, self._phase_ns = phase, self._clock.monotonic_ns()
        self._settle()

    def _settle(self) -> _Judgement:
        """The one place where the state is set."""
        with self._lock:
            before, now = self._judgement, self._judged(self._clock.monotonic_ns())
            if now == before:
                return now
            self._judgement = now
            unix_ms = self._clock.unix_ms()
            if now.state is not before.state:
                self._since_unix_ms = unix_ms
            if now.code != before.code:
                self._problem_since_unix_ms = unix_ms
        self._tell(before.state, now)
        return now

    def _judged(self, now_ns: int) -> _Judgement:
        if self._hung:
            return _Judgement(CameraState.STUCK, self._hung, "camera_stuck")
        if self._phase is _Phase.OPEN:
            found = self._judged_open(now_ns)
            if found:
                return found
        if self._failure:
            state = CameraState.DEGRADED if self._failed_blind else CameraState.OFFLINE
            code = "camera_blind" if self._failed_blind else "camera_offline"
            return _Judgement(state, self._failure, code)
        limit_s = min(2 * self._spec.open_timeout_s + KNOCK_S, SLOW_OPENING_S)
        if self._phase is _Phase.OPENING and now_ns - self._phase_ns > ns(limit_s):
            reason = (
                f"not open after {limit_s:g} s; does the name server of this machine, or the device, "
                "answer at all?"
            )
            return _Judgement(CameraState.OFFLINE, reason, "camera_offline")
        return _Judgement(CameraState.CONNECTING)

    def _judged_open(self, now_ns: int) -> _Judgement | None:
        """Of a connection that stands; None while it is too young to be judged."""
        stall_s = self._spec.stall_timeout_s
        if self._spec.kind not in POLLED and now_ns - self._packet_ns > ns(stall_s):
            reason = f"stalled: no frame for {stall_s:g} s"
            return _Judgement(CameraState.OFFLINE, reason, "camera_offline")
        since_ns = self._phase_ns if self._shown_ns is None else self._shown_ns
        is_waiting = self._is_barren or (self._shown_ns is None and self._has_packets)
        if is_waiting and now_ns - since_ns > ns(stall_s):
            reason = f"blind: packets come, but no picture could be decoded for {stall_s:g} s"
            if self._failure and self._failed_blind:
                reason = self._failure
            return _Judgement(CameraState.DEGRADED, reason, "camera_blind")
        if self._shown_ns is None:
            return None
        if self._wrong:
            return _Judgement(CameraState.DEGRADED, self._wrong, "camera_tampered")
        return _Judgement(CameraState.ONLINE)

    def _fps(self) -> float | None:
        if len(self._arrivals_ns) < 2:
            return None
        spread_s = (self._arrivals_ns[-1] - self._arrivals_ns[0]) / NS_PER_S
        return round((len(self._arrivals_ns) - 1) / spread_s, 2) if spread_s > 0 else None

    def _tell(self, before: CameraState, now: _Judgement) -> None:
        level = logging.INFO if now.state is CameraState.ONLINE else logging.WARNING
        text = f": {now.reason}" if now.reason else ""
        logger.log(level, "camera %s is %s%s (was %s)", self.camera_id, now.state, text, before)


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
