"""What an operator asked for, as plain values, and the rules at work: captions in, changes of incidents out.

Pure and single-threaded: whoever calls it passes the time in. One caption is analysed once for all rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import regex

from surveil.clock import NS_PER_MS, ns
from surveil.errors import ConfigError
from surveil.language import Lexicon, Matcher
from surveil.records import Caption, Match, Severity, Unchanged
from surveil.rules.incidents import (
    ChangeKind,
    Incident,
    IncidentChange,
    Track,
    restored,
    saved,
)


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


STALE_AFTER_S = 3600.0
"""A saved incident older than this plus its cooldown, by the wall clock, is over: the box was off, not restarted."""

REGEX_S = 0.1
"""For one search of one expression. `re` would hold the whole process while it tries the ways of a badly nested one."""

TrackKey = tuple[str, str, str | None]
"""rule_id, camera_id, region_id."""


class RuleEngine:
    """Rules over the captions of all cameras. Call from one thread; never blocks."""

    def __init__(self, rules: Sequence[RuleSpec], lexicon: Lexicon) -> None:
        self._tracks: dict[TrackKey, Track] = {}
        self._set_rules(rules, lexicon)

    @property
    def slow_regexes(self) -> frozenset[str]:
        """Expressions whose search was given up, since these rules were taken. Any thread."""
        return self._slow_regexes

    @property
    def rules(self) -> tuple[RuleSpec, ...]:
        return self._rules

    def observe(self, caption: Caption, wall_unix_ms: int) -> list[IncidentChange]:
        """Judge one caption; `wall_unix_ms` decides whether a schedule is armed, the frame's capture time all else."""
        frame = caption.frame
        changes: list[IncidentChange | None] = []
        for rule in self._rules_for(frame.camera_id):
            match = self._judge(rule, caption) if rule.armed(wall_unix_ms) else None
            track = self._track(rule, frame.camera_id, frame.region_id)
            changes.append(track.expired(frame.captured_mono_ns))
            if match is None:
                track.missed()
            else:
                changes.append(track.matched(caption, match))
        return [change for change in changes if change is not None]

    def unchanged(self, unchanged: Unchanged) -> list[IncidentChange]:
        """A sample that shows what the last caption said: renews the incidents that it matched."""
        frame = unchanged.frame
        changes = [
            track.renewed(frame)
            for track in self._tracks_of(frame.camera_id, frame.region_id)
            if track.rule.armed(frame.captured_unix_ms)
        ]
        return [change for change in changes if change is not None]

    def tick(self, now_mono_ns: int) -> list[IncidentChange]:
        """Ends incidents that were quiet for their rule's cooldown; call it about once a second.

        Quiet is measured on the monotonic clock alone."""
        changes = [track.expired(now_mono_ns) for track in self._tracks.values()]
        return [change for change in changes if change is not None]

    def reload(self, rules: Sequence[RuleSpec], lexicon: Lexicon) -> list[IncidentChange]:
        """Take new rules; state of those that are equal stays, incidents of the others end here."""
        kept = {rule.rule_id: rule for rule in rules}
        gone = [key for key, track in self._tracks.items() if kept.get(key[0]) != track.rule]
        changes = [self._tracks.pop(key).end() for key in gone]
        self._set_rules(rules, lexicon)
        return [change for change in changes if change is not None]

    def forget_camera(self, camera_id: str) -> list[IncidentChange]:
        """A camera left the configuration or was switched off: its incidents end."""
        gone = [key for key in self._tracks if key[1] == camera_id]
        changes = [self._tracks.pop(key).end() for key in gone]
        return [change for change in changes if change is not None]

    def bypass_gates(self, camera_id: str, region_id: str | None) -> bool:
        """Whether an incident is open or half confirmed, so that every sample should be captioned."""
        return any(track.in_progress for track in self._tracks_of(camera_id, region_id))

    def cameras(self) -> frozenset[str]:
        """Cameras that have a track: an open incident, or votes for one."""
        return frozenset(track.camera_id for track in self._tracks.values())

    def rules_matching(self, text: str) -> tuple[str, ...]:
        """Ids of the enabled rules whose words the text satisfies; cameras, schedules and confidence aside."""
        return tuple(
            rule.rule_id
            for rule in self._rules
            if rule.enabled
            and judge(rule, text, matcher=self._matcher, regexes=self._regexes) is not None
        )

    def active(self, camera_id: str) -> tuple[Incident, ...]:
        """Open incidents of the camera, all regions, oldest first."""
        incidents = [
            track.incident
            for track in self._tracks.values()
            if track.camera_id == camera_id and track.incident is not None
        ]
        return tuple(sorted(incidents, key=lambda incident: incident.started_mono_ns))

    def open_incidents(self, *, now_mono_ns: int, wall_unix_ms: int) -> list[dict[str, Any]]:
        """Every open incident as a JSON-able dict, for `restore` after a restart."""
        return [
            saved(track.incident, now_mono_ns=now_mono_ns, wall_unix_ms=wall_unix_ms)
            for track in self._tracks.values()
            if track.incident is not None
        ]

    def restore(
        self, entries: Iterable[Mapping[str, Any]], *, now_mono_ns: int, wall_unix_ms: int
    ) -> list[IncidentChange]:
        """Take up incidents saved before a restart; returns those that are over (rule gone, or box off for long)."""
        by_id = {rule.rule_id: rule for rule in self._rules}
        over: list[IncidentChange] = []
        for entry in entries:
            rule = by_id.get(entry["rule"], RuleSpec(entry["rule"], enabled=False))
            incident = restored(entry, rule, now_mono_ns=now_mono_ns)
            if not rule.watches(incident.camera_id) or _stale(entry, rule, wall_unix_ms):
                over.append(IncidentChange(ChangeKind.ENDED, incident))
                continue
            track = self._track(rule, incident.camera_id, incident.region_id)
            track.incident = incident
            track.evidence.extend(incident.evidence)
        return over

    def _set_rules(self, rules: Sequence[RuleSpec], lexicon: Lexicon) -> None:
        self._rules = tuple(rules)
        self._matcher = Matcher(lexicon)
        self._regexes = {
            text: regex.compile(text, regex.I) for rule in rules for text in rule.regex
        }
        self._slow_regexes: frozenset[str] = frozenset()
        self._by_camera: dict[str, tuple[RuleSpec, ...]] = {}
        for rule in rules:
            for pattern in (*rule.patterns, *rule.all_of, *rule.unless):
                self._matcher.compile(pattern)

    def _rules_for(self, camera_id: str) -> tuple[RuleSpec, ...]:
        if camera_id not in self._by_camera:
            watching = tuple(rule for rule in self._rules if rule.watches(camera_id))
            self._by_camera[camera_id] = watching
        return self._by_camera[camera_id]

    def _track(self, rule: RuleSpec, camera_id: str, region_id: str | None) -> Track:
        key = (rule.rule_id, camera_id, region_id)
        if key not in self._tracks:
            self._tracks[key] = Track(rule, camera_id, region_id)
        return self._tracks[key]

    def _tracks_of(self, camera_id: str, region_id: str | None) -> list[Track]:
        return [
            track
            for track in self._tracks.values()
            if track.camera_id == camera_id and track.region_id == region_id
        ]

    def _judge(self, rule: RuleSpec, caption: Caption) -> Match | None:
        if rule.min_confidence is not None and (caption.confidence or 0.0) < rule.min_confidence:
            return None
        return judge(
            rule,
            caption.text,
            matcher=self._matcher,
            regexes=self._regexes,
            on_slow=self._note_slow,
        )

    def _note_slow(self, expression: str) -> None:
        self._slow_regexes |= {expression}


def judge(
    rule: RuleSpec,
    text: str,
    *,
    matcher: Matcher,
    regexes: Mapping[str, regex.Pattern[str]],
    on_slow: Callable[[str], None] = lambda expression: None,
) -> Match | None:
    """Whether a caption's words satisfy the rule; the best of its matches, confidence and schedule aside.

    `on_slow` hears of an expression that took too long; it counts as one that does not match.
    """
    if any(matcher.match(phrase, text) for phrase in rule.unless):
        return None
    needed = [_phrase(rule, phrase, text=text, matcher=matcher) for phrase in rule.all_of]
    wanted = [_phrase(rule, phrase, text=text, matcher=matcher) for phrase in rule.patterns]
    wanted += [_search(rule, text, regexes[pattern], on_slow) for pattern in rule.regex]
    if None in needed or (wanted and not any(wanted)):
        return None
    found = [match for match in (*wanted, *needed) if match is not None]
    return max(found, key=lambda match: match.score, default=None)


def _phrase(rule: RuleSpec, phrase: str, *, text: str, matcher: Matcher) -> Match | None:
    found = matcher.match(phrase, text)
    if found is None:
        return None
    return Match(rule.rule_id, phrase, found.start, found.end, found.score)


def _search(
    rule: RuleSpec, text: str, pattern: regex.Pattern[str], on_slow: Callable[[str], None]
) -> Match | None:
    try:
        found = pattern.search(text, concurrent=True, timeout=REGEX_S)
    except TimeoutError:
        on_slow(pattern.pattern)
        return None
    return found and Match(rule.rule_id, pattern.pattern, found.start(), found.end(), 1.0)


def _stale(entry: Mapping[str, Any], rule: RuleSpec, wall_unix_ms: int) -> bool:
    """The one place where wall-clock times are subtracted: no other clock runs while the box is off."""
    downtime_ns = (wall_unix_ms - int(entry["saved_unix_ms"])) * NS_PER_MS
    return downtime_ns > ns(STALE_AFTER_S + rule.cooldown_s)
