"""What the operator wants of one camera, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from surveil.records import Frame
from surveil.scheduling.motion_gate import Gates


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the picture that is captioned as a picture of its own; fractions 0..1 of width and height."""

    region_id: str
    left: float
    top: float
    right: float
    bottom: float

    def cut(self, frame: Frame) -> Frame:
        """The frame's part inside the region, at least one pixel."""
        left_px = min(int(self.left * frame.width_px), frame.width_px - 1)
        top_px = min(int(self.top * frame.height_px), frame.height_px - 1)
        right_px = max(left_px + 1, round(self.right * frame.width_px))
        bottom_px = max(top_px + 1, round(self.bottom * frame.height_px))
        picture = frame.picture.crop(left_px, top_px, right_px, bottom_px)
        return replace(frame, picture=picture, region_id=self.region_id)


@dataclass(frozen=True, slots=True)
class CameraPlan:
    """How often to look at a camera, and what may be passed over."""

    camera_id: str
    interval_s: float
    """A look is due this long after the last."""
    max_interval_s: float
    """A caption is made at least this often, whatever the gates say."""
    gates: Gates = field(default_factory=Gates)
    regions: tuple[Region, ...] = ()
    """Empty: the whole picture."""
