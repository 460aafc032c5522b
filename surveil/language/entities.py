"""Whether the entities of a caption meet what a pattern asks of them.

Each comparison gives a Hit, with a quality and the tokens that spoke for it, or None. Qualities multiply: 1 for the
very word, 0.95 for kin in our files, 0.8 for kin in WordNet, and less for each attachment that is doubtful.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from surveil.language import roles
from surveil.language.constraints import EntityConstraint, PlaceConstraint, StateConstraint
from surveil.language.counting import enough
from surveil.language.lexicon import Lexicon
from surveil.language.place_kin import kin_of
from surveil.language.sentence import Entity, Place, Predicate, Sentence, State
from surveil.language.unattended import sole_evidence
from surveil.language.wordset import word_set

_ATTEMPTING = frozenset({"try", "attempt", "struggle", "fail"})
_NOT_ENTITIES = word_set(
    "cover place turn step look care part time advantage photo picture walk seat nap break aim control"
)
"""What is taken or made without being a thing."""
_POSTURES = frozenset({"sit", "stand", "lie", "kneel", "squat", "walk", "run", "lean"})
_TIMES = frozenset(
    {"night", "midnight", "dusk", "dawn", "evening", "morning", "rain", "fog", "dark", "darkness"}
)
_HAS_PARTS = frozenset(
    {"vehicle", "building", "door", "window", "fence", "furniture", "machine", "structure"}
)


class Hit(NamedTuple):
    quality: float
    tokens: frozenset[int]

    def __and__(self, other: Hit) -> Hit:
        return Hit(self.quality * other.quality, self.tokens | other.tokens)


NOTHING = Hit(1.0, frozenset())


class EntityComparison:
    """Entities of one caption against constraints on entities."""

    def __init__(self, sentence: Sentence, lexicon: Lexicon) -> None:
        self.sentence = sentence
        self.lexicon = lexicon

    def entity(
        self, constraint: EntityConstraint, entity: Entity, *, any_number: bool = False
    ) -> Hit | None:
        if entity.unreal or entity.negated != constraint.negated:
            return None
        hit = self._kind(constraint, entity)
        if hit is None and " " in constraint.terms[0]:
            return self._apart(constraint, entity, any_number=any_number)
        if hit is None:
            return None
        alike = [other for other in entity.partners if self._kind(constraint, other)]
        if not any_number and not enough(constraint, entity, alike):
            return None
        hit = hit & Hit(1.0, frozenset(range(entity.start, entity.end)))
        needs: list[Hit | None] = [self._state(state, entity) for state in constraint.states]
        if constraint.stance and self._otherwise(constraint.stance, entity):
            return None
        needs += [self._modifier(modifier, entity) for modifier in constraint.modifiers]
        needs += [self._place(place, entity) for place in constraint.places]
        if constraint.left_alone:
            needs.append(self._left_alone(entity))
        return all(hit, needs)

    def _otherwise(self, stance: str, entity: Entity) -> bool:
        """Who sits on a bench does not stand on it."""
        others = _POSTURES - {stance}
        return any(
            entity in predicate.subjects
            and not predicate.negated
            and others & predicate.terms.keys()
            for predicate in self.sentence.predicates
        )

    def _apart(
        self, constraint: EntityConstraint, entity: Entity, *, any_number: bool
    ) -> Hit | None:
        """A car window is also the window of a car."""
        first, _, head = constraint.terms[0].rpartition(" ")
        apart = replace(constraint, terms=(head,), modifiers=(*constraint.modifiers, first))
        return self.entity(apart, entity, any_number=any_number)

    def _kind(self, constraint: EntityConstraint, entity: Entity) -> Hit | None:
        if constraint.terms == ("*",):
            return NOTHING
        if constraint.terms == ("*thing",):
            return None if roles.is_living(entity) or entity.lemma in _NOT_ENTITIES else NOTHING
        quality = max((entity.terms.get(term, 0.0) for term in constraint.terms), default=0.0)
        return Hit(quality, frozenset({entity.head})) if quality else None

    def _absent(self, constraint: EntityConstraint) -> Hit | None:
        for entity in self.sentence.entities:
            if entity.negated and self._kind(constraint, entity):
                return Hit(0.95, frozenset(range(entity.start, entity.end)))
        return None

    def _left_alone(self, entity: Entity) -> Hit | None:
        token = sole_evidence(entity, self.sentence)
        return None if token is None else Hit(0.95, frozenset({token}))

    def _modifier(self, modifier: str, entity: Entity) -> Hit | None:
        """pizza box, car door: before the noun, or the door of a car, or a wooden fence for a wood fence."""
        found: list[Hit | None] = []
        for index, lemma, terms in entity.modifiers:
            quality = 1.0 if lemma == modifier else terms.get(modifier, 0.0)
            found.append(Hit(quality, frozenset({index})) if quality else None)
        for state in entity.states:
            found.append(self._word_state(modifier, state))
        owners = [entity.owner] if entity.owner is not None else []
        owners += [
            place.entity
            for place in entity.places
            if place.preposition in ("of", "for", "with", "full of", "in")
        ]
        for owner in owners:
            quality = owner.terms.get(modifier, 0.0)
            found.append(Hit(quality * 0.95, frozenset({owner.head})) if quality else None)
        quality = 0.9 if modifier in entity.lemma.split()[:-1] else 0.0
        found.append(Hit(quality, frozenset({entity.head})) if quality else None)
        return best(found)

    def _word_state(self, word: str, state: State) -> Hit | None:
        quality = state.terms.get(word, 0.0)
        return Hit(quality, frozenset({state.token})) if quality and not state.negated else None

    def _state(self, constraint: StateConstraint, entity: Entity) -> Hit | None:
        found: list[Hit | None] = []
        for state in entity.states:
            if state.negated == constraint.negated:
                quality = max(
                    state.terms.get(constraint.word, 0.0), self._verbal(constraint, state)
                )
                found.append(Hit(quality, frozenset({state.token})) if quality else None)
        for index, lemma, terms in entity.modifiers:
            quality = terms.get(constraint.word, 0.0) if lemma != constraint.word else 1.0
            found.append(Hit(quality, frozenset({index})) if quality else None)
        if constraint.verb:
            found += [
                self._undergoes(constraint, predicate, entity)
                for predicate in self.sentence.predicates
            ]
        else:
            found += [
                self._adverbial(constraint, predicate, entity)
                for predicate in self.sentence.predicates
            ]
        found += [
            Hit(quality * 0.9, frozenset({place.entity.head}))
            for place in entity.places
            if place.preposition in ("of", "in")
            and (quality := place.entity.terms.get(constraint.word, 0.0))
        ]
        return best(found)

    def _verbal(self, constraint: StateConstraint, state: State) -> float:
        if not constraint.verb:
            return 0.0
        return state.terms.get(constraint.verb + ("-ed" if constraint.undergone else "-ing"), 0.0)

    def _undergoes(
        self, constraint: StateConstraint, predicate: Predicate, entity: Entity
    ) -> Hit | None:
        """A window broken, a window that someone breaks, a house that burns."""
        quality = predicate.terms.get(constraint.verb, 0.0)
        if (
            not quality
            or predicate.unreal
            or predicate.negated != constraint.negated
            or predicate.nominal
        ):
            return None
        if not constraint.undergone and roles.object_forbids(constraint.verb, predicate):
            return None  # who runs a shop is not at full speed
        if (
            predicate.form == "to"
            and self.sentence.tokens[predicate.start - 1].lemma in _ATTEMPTING
        ):
            return None  # who tries to open a door has not opened it
        bearers = roles.patients(predicate) if constraint.undergone else roles.agents(predicate)
        if constraint.undergone and roles.may_happen_to_subject(predicate):
            bearers = [*bearers, *predicate.subjects]
        if entity not in bearers:
            return None
        return Hit(quality, frozenset({predicate.head}))

    def _adverbial(
        self, constraint: StateConstraint, predicate: Predicate, entity: Entity
    ) -> Hit | None:
        if (
            entity not in (*predicate.subjects, *predicate.objects)
            or predicate.unreal
            or predicate.negated
        ):
            return None
        return (
            Hit(1.0, frozenset({predicate.head})) if constraint.word in predicate.adverbs else None
        )

    def _place(self, constraint: PlaceConstraint, entity: Entity) -> Hit | None:
        if constraint.preposition == "without":
            return self._lacks(constraint, entity)
        kin = kin_of(constraint, self.lexicon)
        found: list[Hit | None] = [self.when(constraint)]
        for place in self._places(entity):
            if place.preposition == constraint.preposition or place.preposition in kin:
                found.append(self._at(constraint, place))
        found += [
            self._through_predicate(constraint, predicate, entity)
            for predicate in self.sentence.predicates
        ]
        if constraint.preposition == "with" and roles.is_living(entity):  # a man and his dog
            found += [self.entity(constraint.entity, other) for other in entity.partners]
        if constraint.preposition == "of" or constraint.preposition == "in":
            found += [self.entity(constraint.entity, entity.owner) if entity.owner else None]
        return best(found)

    def when(self, constraint: PlaceConstraint) -> Hit | None:
        """At night, in the rain: of everything in the caption, whatever the phrase hangs on."""
        if not _TIMES & set(constraint.entity.terms):
            return None
        return best(self._kind(constraint.entity, entity) for entity in self.sentence.entities)

    def _places(self, entity: Entity) -> Iterator[Place]:
        yield from entity.places
        if "vehicle" in entity.terms:
            yield from self._places_of_rider(entity)
        for predicate in self.sentence.predicates:
            if predicate.negated or predicate.unreal:
                continue
            if entity in predicate.subjects:
                yield from (p for p in predicate.places if not roles.is_elsewhere(p, predicate))
            elif entity in predicate.objects and not roles.is_watching(predicate):
                yield from (p for p in predicate.places if p.preposition not in roles.DIRECTIONS)

    def _places_of_rider(self, vehicle: Entity) -> Iterator[Place]:
        """Two men on a scooter ride along the pavement: so does the scooter."""
        for predicate in self.sentence.predicates:
            if (
                predicate.negated
                or predicate.unreal
                or not {"ride", "drive"} & predicate.terms.keys()
            ):
                continue
            aboard = any(
                place.entity is vehicle and place.preposition in ("on", "in")
                for rider in predicate.subjects
                for place in rider.places
            )
            if aboard or vehicle in predicate.objects:
                yield from (place for place in predicate.places if place.entity is not vehicle)

    def _at(self, constraint: PlaceConstraint, place: Place) -> Hit | None:
        if place.preposition == "on" and place.quality < 1.0 and "body part" in place.entity.terms:
            return None  # with dirt on his knees: the dirt is
        hit = self.entity(constraint.entity, place.entity) or self._part_of(
            constraint.entity, place.entity
        )
        if hit is None:
            return None
        exact = 1.0 if place.preposition == constraint.preposition else 0.95
        return hit & Hit(place.quality * exact, frozenset({place.token}))

    def _through_predicate(
        self, constraint: PlaceConstraint, predicate: Predicate, entity: Entity
    ) -> Hit | None:
        """with a bag: carrying one; in a coat: wearing one; on a bicycle: riding one; on a roof: crossing one."""
        if entity not in roles.agents(predicate) or predicate.negated or predicate.unreal:
            return None
        if not roles.verb_means(predicate, constraint.preposition):
            return None
        held = predicate.subjects if predicate.passive else predicate.objects
        targets = held if constraint.preposition == "with" else roles.patients(predicate)
        hit = best(self.entity(constraint.entity, target) for target in targets)
        return hit and hit & Hit(0.95, frozenset({predicate.head}))

    def _lacks(self, constraint: PlaceConstraint, entity: Entity) -> Hit | None:
        for place in self._places(entity):
            if place.entity.negated and self._kind(constraint.entity, place.entity):
                return Hit(0.95, frozenset({place.token, place.entity.head}))
        for predicate in self.sentence.predicates:
            if entity not in predicate.subjects:
                continue
            for target in predicate.objects:
                if (predicate.negated or target.negated) and self._kind(constraint.entity, target):
                    return Hit(0.95, frozenset({predicate.head, target.head}))
        return None

    def _part_of(self, constraint: EntityConstraint, part: Entity) -> Hit | None:
        """Done to a part, done to the whole: the side of a house, a car door, a man's arm."""
        person, limb = "person" in constraint.terms, "body part" in part.terms
        if part.unreal or part.negated or (person and not limb):
            return None
        if person and not constraint.negated and not (part.owner or part.owned):
            return self._limb(constraint, part)
        hit = best(self.entity(constraint, whole) for whole in self._wholes(part))
        return hit and hit & Hit(0.9, frozenset({part.head}))

    def _limb(self, constraint: EntityConstraint, part: Entity) -> Hit | None:
        """A hand opens a door: somebody does, of whom no more is known; not where an animal is about."""
        beasts = any("animal" in other.terms for other in self.sentence.entities)
        special = constraint.states or constraint.places or beasts
        return None if special else Hit(0.85, frozenset({part.head}))

    def _wholes(self, part: Entity) -> list[Entity]:
        wholes = [part.owner] if part.owner is not None else []
        wholes += [
            place.entity
            for place in part.places
            if place.preposition in ("of", "to") and place.quality == 1.0
        ]
        wholes += [
            Entity(index, index, index + 1, lemma, terms)
            for index, lemma, terms in part.modifiers
            if _HAS_PARTS & terms.keys()
        ]
        if " " in part.lemma:
            first = part.lemma.split()[0]
            wholes.append(
                Entity(part.head, part.head, part.head + 1, first, self.lexicon.noun(first))
            )
        return wholes


def best(hits: Iterable[Hit | None]) -> Hit | None:
    return max((hit for hit in hits if hit is not None), key=lambda hit: hit.quality, default=None)


def all(hit: Hit, needs: Iterable[Hit | None]) -> Hit | None:
    for need in needs:
        if need is None:
            return None
        hit = hit & need
    return hit
