"""What a caption says, as entities and predicates.

Both know their words, and how they hang together: a predicate has subjects and objects, both have places. An attachment
that English leaves open ("a man next to a dog with a ball") is kept at every point where it may belong, nearest first.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from surveil.language.lexicon import Terms
from surveil.language.tokens import Token


@dataclass(slots=True, eq=False)
class State:
    """An adjective or participle said of an entity."""

    token: int
    terms: Terms
    negated: bool = False


@dataclass(slots=True, eq=False)
class Place:
    """A preposition and what it governs: on the roof, with a bag, without a helmet."""

    preposition: str
    entity: Entity
    token: int
    quality: float = 1.0
    """Less than 1 where the phrase may belong to something nearer."""


@dataclass(slots=True, eq=False)
class Entity:
    """A noun phrase, or what stands for one."""

    start: int
    """Index of its first token."""
    head: int
    end: int
    """One past its last token."""
    lemma: str
    terms: Terms
    count: int = 1
    """2 stands for any number above one; 0 for an unspecified number (a group name such as police)."""
    exact: int = 0
    """The number, where the caption names it: three men; else 0."""
    states: list[State] = field(default_factory=list)
    modifiers: list[tuple[int, str, Terms]] = field(default_factory=list)
    """Nouns before the head (token, lemma, terms): *fire* exit."""
    places: list[Place] = field(default_factory=list)
    owner: Entity | None = None
    """The man's bag; the window of the shop."""
    definite: bool = False
    """The or his: spoken of before, or known."""
    owned: bool = False
    """His bag: somebody's."""
    negated: bool = False
    unreal: bool = False
    """Depicted, or not (yet) so."""
    pronoun: bool = False
    partners: list[Entity] = field(default_factory=list)
    """Entities joined to it by `and`."""


@dataclass(slots=True, eq=False)
class Predicate:
    """A verb, or a noun that names an event."""

    start: int
    head: int
    end: int
    lemma: str
    terms: Terms
    form: str
    phrase: str = ""
    """The phrasal verb that it makes with what follows, if there is such a one: break into."""
    subjects: list[Entity] = field(default_factory=list)
    objects: list[Entity] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    adverbs: set[str] = field(default_factory=set)
    passive: bool = False
    """Its subjects undergo it."""
    open_voice: bool = False
    """A bare participle ("a package left ..."): its subjects may do it or undergo it."""
    negated: bool = False
    unreal: bool = False
    nominal: bool = False
    """It is an event noun."""
    implied: bool = False
    """It is an adjective or participle said of an entity: a *broken* window."""
    mutual: bool = False
    """Each other, one another."""


@dataclass(slots=True)
class Sentence:
    """One analysed caption or pattern."""

    text: str
    tokens: list[Token]
    entities: list[Entity] = field(default_factory=list)
    predicates: list[Predicate] = field(default_factory=list)
    terms: set[str] = field(default_factory=set)
    """Every term that any word reaches: what patterns are first sifted by."""
    tail: list[int] = field(default_factory=list)
