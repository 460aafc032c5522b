"""`rules:` and `synonyms:`: which sentences are worth an alert."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import time
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from surveil.fields import (
    Allowed,
    CameraId,
    Contradiction,
    Duration,
    Fraction,
    Level,
    OneOrMany,
    Phrase,
    Regex,
    Section,
    Slug,
    Switch,
    Whole,
    many,
    refuse,
    seconds,
)
from surveil.records import Severity

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _day_list(value: Any) -> Any:
    """`mon-fri`, `daily`, one day or a list of them, as a list of day names; wrong ones stay as they are."""
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list | tuple):
        return value
    return [day for word in words for day in _days_of(word)]


def _days_of(word: Any) -> list[Any]:
    if word == "daily":
        return list(DAYS)
    first, mark, last = str(word).partition("-")
    if not mark or first not in DAYS or last not in DAYS:
        return [word]
    start, count = DAYS.index(first), (DAYS.index(last) - DAYS.index(first)) % 7 + 1
    return [DAYS[(start + step) % 7] for step in range(count)]


def _clock(value: Any) -> time:
    found = re.fullmatch(r"([01]\d|2[0-4]):([0-5]\d)", value) if isinstance(value, str) else None
    if found is None or (found[1] == "24" and found[2] != "00"):
        raise refuse("")
    return time(int(found[1]) % 24, int(found[2]))


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (OSError, ValueError, KeyError):
        raise refuse("no such time zone is known here") from None
    return value


TimeZone = Annotated[
    str, AfterValidator(_zone), Allowed("a time zone of the IANA list, such as Europe/Berlin")
]
ClockTime = Annotated[
    time,
    BeforeValidator(_clock),
    WithJsonSchema({"type": "string", "pattern": r"^([01]\d|2[0-4]):[0-5]\d$"}),
    Allowed("a time from 00:00 to 24:00, such as 22:00"),
]
Phrases = Annotated[tuple[Phrase, ...], BeforeValidator(many), OneOrMany(), Field(max_length=100)]
Days = Annotated[
    tuple[Day, ...],
    BeforeValidator(_day_list),
    Field(min_length=1),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
    Allowed("mon, tue, wed, thu, fri, sat, sun; ranges such as mon-fri; daily"),
]


class Window(Section):
    """When a rule is armed."""

    days: Days = Field(
        default=DAYS,
        description="On which days it begins: a list, a range or `daily`.",
        examples=["mon-fri"],
    )
    from_time: ClockTime = Field(
        default=time(0),
        alias="from",
        description="When it begins.",
        examples=["22:00"],
        json_schema_extra={"default": "00:00"},
    )
    to_time: ClockTime = Field(
        default=time(0),
        alias="to",
        description="When it ends; not later than `from` means the next day.",
        examples=["06:00"],
        json_schema_extra={"default": "24:00"},
    )
    timezone: TimeZone | None = Field(
        default=None,
        description="Whose clock; by default the top-level `timezone`. Daylight saving is followed.",
        examples=["Europe/Berlin"],
    )


class Confirm(Section):
    """How many of the last looks must match before it counts."""

    hits: Annotated[Whole, Field(ge=1, le=100)] = Field(
        default=1, description="Captions that must match.", examples=[2]
    )
    of: Annotated[Whole, Field(ge=1, le=100)] = Field(
        default=1, description="Among this many looks in a row.", examples=[3]
    )

    def contradictions(self) -> Iterator[Contradiction]:
        if self.hits > self.of:
            yield Contradiction(
                ("hits",), f"is {self.hits}, more than `of`, {self.of}: it never confirms"
            )


def _windows(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


class Rule(Section):
    """Which sentences, on which cameras, when, become an alert."""

    id: Slug | None = Field(
        default=None,
        description="Names the rule; by default made from its first pattern.",
        examples=["night-climber"],
    )
    patterns: Phrases = Field(
        default=(),
        description="Plain phrases; a caption that asserts any of them matches.",
        examples=[["person climbing", "person on a roof"]],
    )
    all_of: Phrases = Field(
        default=(),
        description="Phrases that must all be asserted too.",
        examples=[["person", "ladder"]],
    )
    unless: Phrases = Field(
        default=(),
        description="Phrases that must not be asserted.",
        examples=[["person in a uniform"]],
    )
    regex: Annotated[
        tuple[Regex, ...], BeforeValidator(many), OneOrMany(), Field(max_length=100)
    ] = Field(
        default=(),
        description="Regular expressions on the raw caption, in place of or beside patterns; case is ignored.",
        examples=[[r"\bladders?\b"]],
    )
    cameras: Annotated[tuple[CameraId, ...], BeforeValidator(many), OneOrMany()] = Field(
        default=(), description="Only these cameras; empty is all.", examples=[["entrance", "yard"]]
    )
    severity: Level = Field(
        default=Severity.WARNING,
        description="How much it matters: info, warning or critical.",
        examples=["critical"],
    )
    event_type: Annotated[Slug, Field()] | None = Field(
        default=None,
        description="The slug that subscribers see; by default made from the first pattern.",
        examples=["person_climbing"],
    )
    schedule: Annotated[tuple[Window, ...], BeforeValidator(_windows), OneOrMany()] = Field(
        default=(),
        description="One window or a list of them; outside, the rule is not armed. Empty is always.",
    )
    min_confidence: Fraction | None = Field(
        default=None,
        description="Captions less sure than this don't count. Numbers differ from model to model.",
        examples=[0.5],
    )
    confirm: Confirm = Field(
        default=Confirm(),
        description="How many of the last looks must match before it counts.",
    )
    for_s: Duration | None = seconds(
        "for",
        None,
        "Instead of `confirm`: it must match for this long.",
        gt="0s",
        le="1d",
        example="10s",
    )
    cooldown_s: Duration = seconds(
        "cooldown",
        "1m",
        "An incident is over once nothing matched for this long; only then can the next alert come.",
        ge="0s",
        le="7d",
    )
    enabled: Switch = Field(default=True, description="`off` keeps the rule but disarms it.")

    def contradictions(self) -> Iterator[Contradiction]:
        if not (self.patterns or self.all_of or self.regex):
            yield Contradiction(
                (), "has nothing to look for: give it patterns, such as patterns: [person climbing]"
            )
        elif not (self.id or self._slug("-")):
            yield Contradiction((), "needs an id: none can be made from its patterns")
        if self.for_s is not None and "confirm" in self.model_fields_set:
            yield Contradiction(("for",), "and confirm are both given: keep one")

    @property
    def rule_id(self) -> str:
        """`id`, or one made from the first pattern: `person-climbing`."""
        return self.id or self._slug("-")

    @property
    def slug(self) -> str:
        """`event_type`, or one made from the first pattern, or from the id: `person_climbing`."""
        return self.event_type or self._slug("_") or self.rule_id.replace("-", "_")

    def _slug(self, joint: str) -> str:
        phrase = next(iter((*self.patterns, *self.all_of)), "").lower()
        return re.sub("[^a-z0-9]+", joint, phrase).strip(joint)[:63].rstrip(joint)
