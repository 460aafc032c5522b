"""When a rule is armed: days and hours on the wall clock of a place.

A schedule speaks of local time, as people do. On the night the clocks go back, an hour that comes twice is armed
twice; on the night they go forward, an hour that never comes is never armed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from surveil.errors import ConfigError

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
