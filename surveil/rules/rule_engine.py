"""The rules at work: captions in, changes of incidents out.

Pure and single-threaded: whoever calls it passes the time in. One caption is analysed once for all rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from surveil.clock import NS_PER_MS, ns
from surveil.language import Lexicon, Matcher
from surveil.records import Caption, Match, Unchanged
from surveil.rules.incidents import (
    ChangeKind,
    Incident,
    IncidentChange,
    Track,
    restored,
    saved,
)
from surveil.rules.rule_spec import RuleSpec

STALE_AFTER_S = 3600.0
"""A saved incident older than this plus its cooldown, by the wall clock, is over: the box was off, not restarted."""

TrackKey = tuple[str, str, str | None]
"""rule_id, camera_id, region_id."""


class RuleEngine:
    """Rules over the captions of all cameras. Call from one thread; never blocks."""

    def __init__(self, rules: Sequence[RuleSpec], lexicon: Lexicon) -> None:
        self._tracks: dict[TrackKey, Track] = {}
        self._set_rules(rules, lexicon)

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
        self._regexes = {text: re.compile(text, re.I) for rule in rules for text in rule.regex}
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
        return judge(rule, caption.text, matcher=self._matcher, regexes=self._regexes)


def judge(
    rule: RuleSpec, text: str, *, matcher: Matcher, regexes: Mapping[str, re.Pattern[str]]
) -> Match | None:
    """Whether a caption's words satisfy the rule; the best of its matches, confidence and schedule aside."""
    if any(matcher.match(phrase, text) for phrase in rule.unless):
        return None
    needed = [_phrase(rule, phrase, text=text, matcher=matcher) for phrase in rule.all_of]
    wanted = [_phrase(rule, phrase, text=text, matcher=matcher) for phrase in rule.patterns]
    wanted += [_search(rule, text, regexes[pattern]) for pattern in rule.regex]
    if None in needed or (wanted and not any(wanted)):
        return None
    found = [match for match in (*wanted, *needed) if match is not None]
    return max(found, key=lambda match: match.score, default=None)


def _phrase(rule: RuleSpec, phrase: str, *, text: str, matcher: Matcher) -> Match | None:
    found = matcher.match(phrase, text)
    if found is None:
        return None
    return Match(rule.rule_id, phrase, found.start, found.end, found.score)


def _search(rule: RuleSpec, text: str, regex: re.Pattern[str]) -> Match | None:
    found = regex.search(text)
    return found and Match(rule.rule_id, regex.pattern, found.start(), found.end(), 1.0)


def _stale(entry: Mapping[str, Any], rule: RuleSpec, wall_unix_ms: int) -> bool:
    """The one place where wall-clock times are subtracted: no other clock runs while the box is off."""
    downtime_ns = (wall_unix_ms - int(entry["saved_unix_ms"])) * NS_PER_MS
    return downtime_ns > ns(STALE_AFTER_S + rule.cooldown_s)
