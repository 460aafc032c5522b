"""A camera's deadlines, made to agree: what contradicts is clamped, so that the camera is watched all the same."""

from __future__ import annotations

from typing import NamedTuple

from surveil.config.cameras import Camera, Sampling
from surveil.scalars import format_duration


class Deadlines(NamedTuple):
    """What the camera is watched by."""

    read_timeout_s: float
    stall_timeout_s: float
    clamped: dict[str, str]
    """Key of the configuration -> what became of it, and why. A default gives way without a word."""


def deadlines_of(camera: Camera, sampling: Sampling) -> Deadlines:
    """The deadlines of `camera`, whose interval is that of `sampling`."""
    read_s, stall_s = camera.read_timeout_s, camera.stall_timeout_s
    clamped: dict[str, str] = {}
    if camera.kind == "still":
        period_s = camera.poll_s or sampling.interval_s
        if stall_s < period_s:
            if "stall_timeout_s" in camera.model_fields_set:
                clamped["stall_timeout"] = (
                    f"{format_duration(stall_s)} is shorter than the time between two pictures, "
                    f"{format_duration(period_s)}, which is used instead"
                )
            stall_s = period_s
    elif camera.kind != "file" and read_s > stall_s:
        if "read_timeout_s" in camera.model_fields_set:
            clamped["read_timeout"] = (
                f"{format_duration(read_s)} is longer than stall_timeout, "
                f"{format_duration(stall_s)}, which is used instead"
            )
        read_s = stall_s
    return Deadlines(read_s, stall_s, clamped)
