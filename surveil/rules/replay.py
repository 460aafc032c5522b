"""Rules over captions of the past: the alerts that they would have given.

Recorded time stands in for every clock, so confirmation, cooldown and schedules count as they would have.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from surveil.clock import NS_PER_MS
from surveil.records import Caption, Frame, Luma, Picture, Rgb
from surveil.rules.incidents import ChangeKind, Incident, IncidentChange
from surveil.rules.rule_engine import RuleEngine


class Recorded(Protocol):
    """One caption of the past; the journal's hits are such."""

    @property
    def camera_id(self) -> str: ...
    @property
    def region_id(self) -> str | None: ...
    @property
    def captured_unix_ms(self) -> int: ...
    @property
    def text(self) -> str: ...
    @property
    def confidence(self) -> float | None: ...


@dataclass(frozen=True, slots=True)
class PastCaption:
    """A Recorded of plain values."""

    camera_id: str
    captured_unix_ms: int
    text: str
    confidence: float | None = None
    region_id: str | None = None


@dataclass(frozen=True, slots=True)
class PastAlert:
    """One alert that would have gone out."""

    rule_id: str
    camera_id: str
    started_unix_ms: int
    ended_unix_ms: int
    """When it had been quiet for the rule's cooldown."""
    hits: int
    caption: str
    """The caption that raised it."""


def replay(engine: RuleEngine, captions: Iterable[Recorded]) -> Iterator[PastAlert]:
    """Alerts in the order in which their incidents ended. `captions` must be in order of time."""
    raised: dict[str, str] = {}
    now_ms = 0
    for recorded in captions:
        now_ms = max(now_ms, recorded.captured_unix_ms)
        changes = engine.tick(now_ms * NS_PER_MS)
        changes += engine.observe(_caption(recorded, now_ms), now_ms)
        yield from _ended(changes, raised)
    for rule_cooldown_ms in _cooldowns_ms(engine):
        later_ms = now_ms + rule_cooldown_ms
        yield from _ended(engine.tick(later_ms * NS_PER_MS), raised)


def _ended(changes: list[IncidentChange], raised: dict[str, str]) -> Iterator[PastAlert]:
    for change in changes:
        incident = change.incident
        if change.kind is ChangeKind.OPENED and incident.caption is not None:
            raised[incident.incident_id] = incident.caption.text
        elif change.kind is ChangeKind.ENDED:
            yield _alert(incident, raised.pop(incident.incident_id, ""))


def _alert(incident: Incident, caption: str) -> PastAlert:
    quiet_from_ms = incident.last_hit_mono_ns // NS_PER_MS
    return PastAlert(
        rule_id=incident.rule.rule_id,
        camera_id=incident.camera_id,
        started_unix_ms=incident.started_unix_ms,
        ended_unix_ms=quiet_from_ms + round(incident.rule.cooldown_s * 1000),
        hits=incident.hits,
        caption=caption,
    )


def _cooldowns_ms(engine: RuleEngine) -> list[int]:
    return sorted({round(rule.cooldown_s * 1000) + 1 for rule in engine.rules})


def _caption(recorded: Recorded, now_ms: int) -> Caption:
    frame = Frame(
        camera_id=recorded.camera_id,
        run_id="replay",
        seq=0,
        captured_mono_ns=now_ms * NS_PER_MS,
        captured_unix_ms=now_ms,
        pts_s=None,
        is_key=False,
        picture=_NoPicture(),
        region_id=recorded.region_id,
    )
    return Caption(
        frame, recorded.text, recorded.confidence, "replay", 1, 0, 0, frame.captured_mono_ns
    )


class _NoPicture:
    """Of the past only the words are left."""

    width_px = height_px = nbytes = 0

    def rgb(self, width_px: int, height_px: int) -> Rgb:
        raise NotImplementedError("a replayed caption has no picture")

    def luma(self, width_px: int, height_px: int) -> Luma:
        raise NotImplementedError("a replayed caption has no picture")

    def crop(self, left_px: int, top_px: int, right_px: int, bottom_px: int) -> Picture:
        return self
