"""What an operator asked for, as plain values."""

from __future__ import annotations

from dataclasses import dataclass

from surveil.records import Severity
from surveil.rules.schedule import Schedule


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
    """Instead of `confirm`: every look must have matched for this long."""
    cooldown_s: float = 60.0
    """An incident ends when nothing has matched for this long."""
    enabled: bool = True

    def watches(self, camera_id: str) -> bool:
        return self.enabled and (not self.cameras or camera_id in self.cameras)

    def armed(self, unix_ms: int) -> bool:
        return not self.schedule or any(window.covers(unix_ms) for window in self.schedule)
