"""`alerts:`, `snapshots:` and `journal:`: what is kept on disk, and for how long."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from surveil.fields import (
    CameraId,
    Contradiction,
    Duration,
    Level,
    OrSwitch,
    RelativePath,
    Section,
    Size,
    Switch,
    Whole,
    refuse,
    seconds,
    size,
)


def off_or_section(value: Any) -> Any:
    """`snapshots: off` is a section that is not enabled."""
    words = {"on": True, "yes": True, "off": False, "no": False}
    if isinstance(value, str):
        if value not in words:
            raise refuse("")
        return {"enabled": words[value]}
    return {"enabled": value} if isinstance(value, bool) else value


class AgeLimits(Section):
    """How long something is kept; the camera's own limit wins over the severity's, and both over the general one."""

    max_age_s: Duration = seconds("max_age", "30d", "Older ones are deleted.", ge="1m", le="3650d")
    by_severity: dict[Level, Duration] = Field(
        default_factory=dict,
        description="Other ages for some severities.",
        examples=[{"critical": "90d", "info": "7d"}],
    )
    by_camera: dict[CameraId, Duration] = Field(
        default_factory=dict, description="Other ages for some cameras.", examples=[{"lobby": "3d"}]
    )

    def age_s(self, *, camera_id: str, severity: Any) -> float:
        """Seconds that something of this camera and severity is kept."""
        return self.by_camera.get(camera_id, self.by_severity.get(severity, self.max_age_s))


class DiskLimits(AgeLimits):
    """Ages, and what the disk allows; the oldest of the lowest severity leave first."""

    max_bytes: Size = size("max_bytes", "10GB", "All of them together.", ge="1MB", le="100TB")
    min_free_bytes: Size = size(
        "min_free", "1GB", "Space that is left free on their disk.", ge="0B", le="100TB"
    )


class Alerts(Section):
    """Alerts are committed to disk before they leave, and wait there for their destinations."""

    expire_after_s: Duration = seconds(
        "expire_after",
        "7d",
        "An alert that could not be delivered for this long is given up, and a gap is told.",
        ge="1m",
        le="365d",
    )
    max_waiting: Annotated[Whole, Field(ge=10, le=1_000_000)] = Field(
        default=10_000,
        description="Deliveries that may wait; beyond it the oldest of the lowest severity are given up.",
    )
    reserve_bytes: Size = size(
        "reserve",
        "16MiB",
        "Space held back, to write alerts when the disk is full.",
        ge="0B",
        le="1GiB",
    )
    retention: AgeLimits = Field(
        default=AgeLimits(),
        description="How long delivered alerts are kept for replay and search.",
    )


def _off_or_clip(value: Any) -> Any:
    return None if value is False or value in ("off", "no") else value


class Evidence(Section):
    """A clip around the moment, taken from the camera's own packets."""

    before_s: Duration = seconds("before", "3s", "Length before the moment.", ge="0s", le="1m")
    after_s: Duration = seconds("after", "3s", "Length after the moment.", ge="0s", le="5m")

    def contradictions(self) -> Iterator[Contradiction]:
        if self.before_s + self.after_s == 0:
            yield Contradiction((), "is no clip: before and after are both 0s; write evidence: off")


class Snapshots(Section):
    """The pictures of alerts. `snapshots: off` keeps words and no pictures."""

    enabled: Switch = Field(default=True, description="`off`: no picture is ever written.")
    folder: RelativePath | None = Field(
        default=None,
        description="By default `snapshots` in the state folder.",
        examples=["/srv/surveil/snapshots"],
    )
    quality: Annotated[Whole, Field(ge=20, le=100)] = Field(default=90, description="JPEG quality.")
    burn_in: Switch = Field(
        default=False,
        description="Whether camera, time, rule and caption are drawn into the picture.",
    )
    evidence: Annotated[Evidence | None, BeforeValidator(_off_or_clip), OrSwitch()] = Field(
        default=None,
        description="An MP4 clip beside the picture, not re-encoded; by default none.",
        examples=[{"before": "3s", "after": "3s"}],
    )
    retention: DiskLimits = Field(
        default=DiskLimits(), description="How long pictures and clips are kept."
    )


class JournalLimits(Section):
    """How long captions are kept."""

    max_age_s: Duration = seconds(
        "max_age", "30d", "Older captions are deleted.", ge="1m", le="3650d"
    )
    max_bytes: Size = size("max_bytes", "2GB", "Size of the database.", ge="1MB", le="10TB")


class Journal(Section):
    """Every caption, searchable with `surveil search`. `journal: off` keeps none."""

    enabled: Switch = Field(default=True, description="`off`: captions are not kept.")
    retention: JournalLimits = Field(
        default=JournalLimits(), description="How long captions are kept."
    )
