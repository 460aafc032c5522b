"""What is known of one camera: written by its capture thread, read by everyone."""

from __future__ import annotations

import logging
import threading
from collections import deque

from surveil.clock import NS_PER_MS, NS_PER_S, Clock
from surveil.records import CameraState, CameraStatus

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
