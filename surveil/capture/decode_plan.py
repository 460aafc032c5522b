"""How far apart a stream's keyframes are, and which packets are worth decoding because of it. Pure."""

from __future__ import annotations

from collections import deque

from surveil.capture.camera_spec import DecodeMode
from surveil.clock import NS_PER_S, ns

MEASURED = 3
"""Distances that are remembered; the longest counts."""
TOLERANCE = 1.25
"""A keyframe a second is often enough for a sample a second, though packets come a little unevenly."""
PICTURES_PER_INTERVAL = 6
"""Where every packet is a keyframe (MJPEG), this many an interval are decoded: a sample is at most a sixth of the
interval old, and a 25 fps camera sampled every 5 s costs one picture in 21."""

MAX_GAP_S = 2.0
"""However rare the samples, the picture that is there when one is asked for is no older than this, and a group."""


class GopMeter:
    """Distance of keyframes, measured on their times of arrival."""

    def __init__(self) -> None:
        self._gaps_ns: deque[int] = deque(maxlen=MEASURED)
        self._last_key_ns: int | None = None
        self._packets = 0
        self._gop_packets = 0

    def saw(self, mono_ns: int, *, is_key: bool) -> None:
        """Every packet in order of arrival."""
        self._packets += 1
        if not is_key:
            return
        if self._last_key_ns is not None:
            self._gaps_ns.append(mono_ns - self._last_key_ns)
            self._gop_packets = self._packets
        self._last_key_ns, self._packets = mono_ns, 0

    @property
    def gop_s(self) -> float | None:
        """The longest of the last three distances; None before the second keyframe."""
        return max(self._gaps_ns) / NS_PER_S if self._gaps_ns else None

    @property
    def gop_packets(self) -> int | None:
        """Packets from the last keyframe but one to the last; 1 where every packet is one."""
        return self._gop_packets or None

    def worst_s(self, mono_ns: int) -> float:
        """`gop_s`, or the time since the last keyframe if that is longer already; 0 before the first."""
        waited_ns = 0 if self._last_key_ns is None else mono_ns - self._last_key_ns
        return max(self.gop_s or 0.0, waited_ns / NS_PER_S)


class DecodePlan:
    """Decides for one connection which packets are decoded."""

    def __init__(self, mode: DecodeMode, interval_s: float) -> None:
        self.meter = GopMeter()
        self._mode = mode
        self._interval_s = interval_s
        self._min_gap_ns = ns(min(interval_s / PICTURES_PER_INTERVAL, MAX_GAP_S))
        self._last_key_ns: int | None = None

    def all_wanted(self, mono_ns: int, *, detail: bool) -> bool:
        """True when every frame is to be decoded: asked for, or because keyframes are too rare for the interval.

        A new stream is given the benefit of the doubt: sixty-four cameras that start together must not all be decoded
        in full until each is known.
        """
        if detail or self._mode == DecodeMode.ALL:
            return True
        if self._mode == DecodeMode.KEYFRAMES:
            return False
        return self.meter.worst_s(mono_ns) > TOLERANCE * self._interval_s

    def key_wanted(self, mono_ns: int) -> bool:
        """Whether this keyframe is to be decoded in keyframes mode; those in quick succession are not."""
        if self._last_key_ns is not None and mono_ns - self._last_key_ns < self._min_gap_ns:
            return False
        self._last_key_ns = mono_ns
        return True
