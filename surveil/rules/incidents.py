"""One incident, from the first caption that spoke for it to the quiet after the last.

Quiet is measured on the monotonic clock only. An incident that is saved for a restart holds ages, not clock readings.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from surveil.clock import NS_PER_MS, ns
from surveil.records import Caption, Evidence, Frame, Match, Severity

EVIDENCE_MAX = 5
EVIDENCE_CHARS_MAX = 500


class ConfirmLike(Protocol):
    """How many of the last captions must match."""

    @property
    def hits(self) -> int: ...
    @property
    def of(self) -> int: ...


class Rule(Protocol):
    """What an incident knows of its rule; `RuleSpec` is one."""

    @property
    def rule_id(self) -> str: ...
    @property
    def event_type(self) -> str: ...
    @property
    def severity(self) -> Severity: ...
    @property
    def confirm(self) -> ConfirmLike: ...
    @property
    def for_s(self) -> float | None: ...
    @property
    def cooldown_s(self) -> float: ...

    def armed(self, unix_ms: int) -> bool:
        """Whether its schedule covers the moment."""
        ...


class ChangeKind(StrEnum):
    OPENED = "opened"
    HIT = "hit"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Incident:
    """What is known of one incident at one moment; a later hit makes a new value."""

    incident_id: str
    """`camera:region:rule:started_unix_ms`; the same after a restart."""
    rule: Rule
    camera_id: str
    region_id: str | None
    match: Match
    """Of the newest matching caption."""
    caption: Caption | None = field(repr=False)
    """The newest matching caption; None from a restart until the next one. Never None in an `opened` change."""
    evidence: tuple[Evidence, ...]
    """The newest matching captions, oldest first, at most five of at most 500 characters."""
    started_mono_ns: int
    """When the frame of the first matching caption was captured."""
    started_unix_ms: int
    last_hit_mono_ns: int
    hits: int
    """Samples that matched, those before it was confirmed and those renewed by an unchanged picture included."""


@dataclass(frozen=True, slots=True)
class IncidentChange:
    """`opened` asks for an alert; `hit` and `ended` only for the camera's state."""

    kind: ChangeKind
    incident: Incident


class Moment(NamedTuple):
    """A capture time on both clocks."""

    mono_ns: int
    unix_ms: int


@dataclass(slots=True)
class Track:
    """One rule watching one camera's region."""

    rule: Rule
    camera_id: str
    region_id: str | None
    votes: deque[Moment | None] = field(default_factory=deque)
    """Of the last `confirm.of` captions: when it was captured if it matched, else None."""
    first: Moment | None = None
    """The earliest vote that still counts."""
    evidence: deque[Evidence] = field(default_factory=lambda: deque(maxlen=EVIDENCE_MAX))
    pending_hits: int = 0
    incident: Incident | None = None
    last_match: Match | None = None
    """What the last caption matched, for an unchanged picture to renew; None when it did not."""

    def matched(self, caption: Caption, match: Match) -> IncidentChange | None:
        """Count a caption that matches."""
        frame = caption.frame
        self.last_match = match
        self.evidence.append(_evidence(caption))
        if self.incident is not None:
            return self._hit(frame, match, caption)
        self._vote(frame)
        return self._open(caption, match) if self._confirmed(frame.captured_mono_ns) else None

    def missed(self) -> None:
        """Count a caption that does not match."""
        self.last_match = None
        if self.incident is None:
            self._push(None)
            if self.rule.for_s is not None or self._last_vote() is None:
                self.forget_votes()

    def renewed(self, frame: Frame) -> IncidentChange | None:
        """The picture is still what the last caption said. Renews an incident, but is no new vote for opening one."""
        if self.last_match is None or self.incident is None:
            return None
        return self._hit(frame, self.last_match, self.incident.caption)

    def expired(self, now_mono_ns: int) -> IncidentChange | None:
        """Ends an incident that was quiet for the cooldown, and drops votes as old as that."""
        quiet_since = self.incident.last_hit_mono_ns if self.incident else self._last_vote()
        if quiet_since is None or now_mono_ns - quiet_since < self._patience_ns():
            return None
        self.forget_votes()
        return self.end()

    def end(self) -> IncidentChange | None:
        """Ends the incident now, if there is one."""
        if self.incident is None:
            return None
        change = IncidentChange(ChangeKind.ENDED, self.incident)
        self.incident = None
        self.forget_votes()
        return change

    @property
    def in_progress(self) -> bool:
        """Open or half confirmed."""
        return self.incident is not None or self._last_vote() is not None

    def forget_votes(self) -> None:
        self.votes.clear()
        self.first = None
        self.evidence.clear()
        self.pending_hits = 0

    def _vote(self, frame: Frame) -> None:
        self.pending_hits += 1
        self._push(Moment(frame.captured_mono_ns, frame.captured_unix_ms))

    def _push(self, vote: Moment | None) -> None:
        self.votes.append(vote)
        while len(self.votes) > self.rule.confirm.of:
            self.votes.popleft()
        if self.rule.for_s is None or self.first is None:
            self.first = next((vote for vote in self.votes if vote is not None), None)

    def _confirmed(self, now_mono_ns: int) -> bool:
        if self.rule.for_s is not None:
            return self.first is not None and now_mono_ns - self.first.mono_ns >= ns(
                self.rule.for_s
            )
        return sum(vote is not None for vote in self.votes) >= self.rule.confirm.hits

    def _last_vote(self) -> int | None:
        return next((vote.mono_ns for vote in reversed(self.votes) if vote is not None), None)

    def _patience_ns(self) -> int:
        return ns(max(self.rule.cooldown_s, self.rule.for_s or 0.0))

    def _open(self, caption: Caption, match: Match) -> IncidentChange:
        assert self.first is not None
        self.incident = Incident(
            incident_id=_incident_id(self, self.first.unix_ms),
            rule=self.rule,
            camera_id=self.camera_id,
            region_id=self.region_id,
            match=match,
            caption=caption,
            evidence=tuple(self.evidence),
            started_mono_ns=self.first.mono_ns,
            started_unix_ms=self.first.unix_ms,
            last_hit_mono_ns=caption.frame.captured_mono_ns,
            hits=self.pending_hits,
        )
        return IncidentChange(ChangeKind.OPENED, self.incident)

    def _hit(self, frame: Frame, match: Match, caption: Caption | None) -> IncidentChange:
        assert self.incident is not None
        self.incident = replace(
            self.incident,
            match=match,
            caption=caption,
            evidence=tuple(self.evidence),
            last_hit_mono_ns=max(self.incident.last_hit_mono_ns, frame.captured_mono_ns),
            hits=self.incident.hits + 1,
        )
        return IncidentChange(ChangeKind.HIT, self.incident)


def saved(incident: Incident, *, now_mono_ns: int, wall_unix_ms: int) -> dict[str, Any]:
    """JSON-able; readings of the monotonic clock become ages, which outlive a reboot."""
    match = incident.match
    return {
        "incident_id": incident.incident_id,
        "rule": incident.rule.rule_id,
        "camera": incident.camera_id,
        "region": incident.region_id,
        "pattern": match.pattern,
        "start": match.start,
        "end": match.end,
        "score": match.score,
        "evidence": [[e.caption, e.captured_unix_ms, e.confidence] for e in incident.evidence],
        "started_unix_ms": incident.started_unix_ms,
        "age_ms": (now_mono_ns - incident.started_mono_ns) // NS_PER_MS,
        "quiet_ms": (now_mono_ns - incident.last_hit_mono_ns) // NS_PER_MS,
        "saved_unix_ms": wall_unix_ms,
        "hits": incident.hits,
    }


def restored(entry: Mapping[str, Any], rule: Rule, *, now_mono_ns: int) -> Incident:
    """The incident as it was when saved; the time since then does not count as quiet, for nobody watched."""
    return Incident(
        incident_id=entry["incident_id"],
        rule=rule,
        camera_id=entry["camera"],
        region_id=entry["region"],
        match=Match(rule.rule_id, entry["pattern"], entry["start"], entry["end"], entry["score"]),
        caption=None,
        evidence=tuple(Evidence(*fields) for fields in entry["evidence"]),
        started_mono_ns=now_mono_ns - entry["age_ms"] * NS_PER_MS,
        started_unix_ms=entry["started_unix_ms"],
        last_hit_mono_ns=now_mono_ns - entry["quiet_ms"] * NS_PER_MS,
        hits=entry["hits"],
    )


def _evidence(caption: Caption) -> Evidence:
    return Evidence(
        caption=caption.text[:EVIDENCE_CHARS_MAX],
        captured_unix_ms=caption.frame.captured_unix_ms,
        confidence=caption.confidence,
    )


def _incident_id(track: Track, started_unix_ms: int) -> str:
    return f"{track.camera_id}:{track.region_id or ''}:{track.rule.rule_id}:{started_unix_ms}"
