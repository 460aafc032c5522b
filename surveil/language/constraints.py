"""What a pattern asks for: the same shapes as a sentence, as requirements.

A pattern is read by the reader of captions and turned into constraints; other ways to say the same (meanings.txt)
become alternatives. All constraints of one alternative must be met by one caption.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

REWORDED = 0.9
"""Quality of a match through another way to say it."""
UNATTENDED = frozenset({"suspicious", "unattended", "abandoned", "unclaimed"})
LEAVABLE = ("package", "bag", "luggage", "box", "case", "parcel", "bundle", "cooler")


@dataclass(frozen=True, slots=True)
class StateConstraint:
    """An adjective, or a participle with its verb: broken (break, undergone), burning (burn, done)."""

    word: str
    verb: str = ""
    undergone: bool = False
    negated: bool = False


@dataclass(frozen=True, slots=True)
class PlaceConstraint:
    preposition: str
    entity: EntityConstraint


@dataclass(frozen=True, slots=True)
class EntityConstraint:
    terms: tuple[str, ...]
    """Any of these; `*` is anything, `*thing` anything without life."""
    states: tuple[StateConstraint, ...] = ()
    modifiers: tuple[str, ...] = ()
    places: tuple[PlaceConstraint, ...] = ()
    plural: bool = False
    exact: int = 0
    """Exactly so many; 0: any number."""
    several: bool = False
    """At least three."""
    negated: bool = False
    left_alone: bool = False
    """It must be unattended."""
    stance: str = ""
    """It sits or stands; who is told to do something else with his legs is not meant."""


@dataclass(frozen=True, slots=True)
class PredicateConstraint:
    verb: str
    agent: EntityConstraint | None = None
    patient: EntityConstraint | None = None
    places: tuple[PlaceConstraint, ...] = ()
    states: tuple[StateConstraint, ...] = ()
    negated: bool = False
    either_role: bool = False
    """The single argument may do it or undergo it: a window breaking."""
    mutual: bool = False
    kin: tuple[str, ...] = ()
    """Other verbs for the same."""
    phrasal: str = ""
    """With its particle, where it has one: kick in."""
    phrase: str = ""
    """As a phrasal verb, its preposition included, where there is such a verb: break into."""


Constraint = EntityConstraint | PredicateConstraint


@dataclass(frozen=True, slots=True)
class Alternative:
    """Wants that must all be met."""

    constraints: tuple[Constraint, ...]
    quality: float
    anchors: tuple[frozenset[str], ...] = ()
    """A caption that lacks all terms of one of these cannot match."""
    wording: str = ""
    """The other way to say it; empty for the pattern's own words."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern; no alternatives means that it has no content."""

    text: str
    alternatives: tuple[Alternative, ...] = field(default=())
    by_term: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Term of an alternative's narrowest anchor -> places of such alternatives; "" -> those without any anchor."""

    def candidates(self, terms: Set[str]) -> list[Alternative]:
        """The alternatives that a caption with these terms may meet, in order."""
        found = set(self.by_term.get("", ()))
        for term in self.by_term.keys() & terms:
            found.update(self.by_term[term])
        return [self.alternatives[place] for place in sorted(found)]


GOING = frozenset({"get", "go", "come", "move", "step"})
"""With a place these ask for any way of going there."""
