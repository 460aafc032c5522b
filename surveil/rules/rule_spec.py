"""What an operator asked for, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from surveil.errors import ConfigError
from surveil.records import Severity


@dataclass(frozen=True, slots=True)
class Confirm:
    """Opens an incident only when `hits` of the last `of` captions matched; 1 <= hits <= of."""

    hits: int = 1
    of: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.hits <= self.of:
            raise ValueError(f"confirm: hits must be 1..of, found {self.hits} of {self.of}")


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """One rule. A caption matches when any of `patterns` or `regex` does (where there are any), every one of
    `all_of` does, and none of `unless` does."""

    rule_id: str
    patterns: tuple[str, ...] = ()
    all_of: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    regex: tuple[str, ...] = ()
    """Searched in the raw caption, ignoring case."""
    cameras: tuple[str, ...] = ()
    """Empty: every camera."""
    severity: Severity = Severity.WARNING
    event_type: str = ""
    """Slug that subscribers see."""
    schedule: tuple[Schedule, ...] = ()
    """Armed while any covers the moment; empty: always."""
    min_confidence: float | None = None
    """0..1; a caption without confidence never reaches it."""
    confirm: Confirm = Confirm()
    for_s: float | None = None
    """Instead of `confirm`: every sample must have matched for this long."""
    cooldown_s: float = 60.0
    """An incident ends when nothing has matched for this long."""
    enabled: bool = True

    def watches(self, camera_id: str) -> bool:
        return self.enabled and (not self.cameras or camera_id in self.cameras)

    def armed(self, unix_ms: int) -> bool:
        return not self.schedule or any(window.covers(unix_ms) for window in self.schedule)


DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MIDNIGHT = time(0, 0)


@dataclass(frozen=True, slots=True)
class Schedule:
    """One window that returns on the days named. Raises ConfigError for a day or time zone that does not exist."""

    start: time = MIDNIGHT
    end: time = MIDNIGHT
    """Excluded. An end at or before the start belongs to the next day, so equal ones mean 24 hours."""
    days: tuple[str, ...] = DAYS
    """Days on which the window *starts*: friday 22:00 to 06:00 covers saturday's early hours."""
    time_zone: str = "UTC"
    """IANA name."""

    def __post_init__(self) -> None:
        for day in self.days:
            if day not in DAYS:
                raise ConfigError(f"schedule: {day!r} is no day; allowed are {', '.join(DAYS)}")
        zone_of(self.time_zone)

    def covers(self, unix_ms: int) -> bool:
        """Whether the rule is armed at this moment."""
        local = datetime.fromtimestamp(unix_ms / 1000, zone_of(self.time_zone))
        clock = local.time()
        if self.start < self.end:
            return self.start <= clock < self.end and self._starts_on(local)
        if clock >= self.start:
            return self._starts_on(local)
        return clock < self.end and self._starts_on(local - timedelta(days=1))

    def _starts_on(self, local: datetime) -> bool:
        return DAYS[local.weekday()] in self.days


@lru_cache(maxsize=64)
def zone_of(name: str) -> ZoneInfo:
    """The zone's rules, from the system or the tzdata package. Raises ConfigError for an unknown name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(
            f"schedule: {name!r} is no time zone; use an IANA name such as Europe/Berlin"
        ) from error
