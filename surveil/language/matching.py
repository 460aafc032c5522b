"""Whether what happens in a caption is what a pattern asks for."""

from __future__ import annotations

from collections.abc import Iterable

from surveil.language import roles
from surveil.language.constraints import (
    GOING,
    Constraint,
    EntityConstraint,
    PlaceConstraint,
    PredicateConstraint,
    StateConstraint,
)
from surveil.language.counting import exactly, number
from surveil.language.entities import NOTHING, EntityComparison, Hit, all, best
from surveil.language.lexicon import NEAR
from surveil.language.place_kin import kin_of
from surveil.language.sentence import Entity, Predicate
from surveil.language.wordset import word_set

IMPLIED = 0.85
"""Quality where a participant is understood, not named."""
_SEVERAL = frozenset(
    {"fight", "argue", "hug", "kiss", "talk", "dance", "chat", "wrestle", "box", "brawl", "meet"}
    | {"crash", "collide"}
)
"""What takes two: the other may be an object or a companion."""
_NOT_USING = word_set(
    """
    carry leave pass put drop sell buy take near fix repair break see want approach steal wear clean wash remove find
    drag kick hit
    """
)
_STATES_NOT_WAYS = frozenset({"open", "asleep", "together", "apart", "aside"})
"""Particles that tell how the doer is, not how it is done."""
_RESULTING = word_set("break crack damage shatter wreck ruin park lock close shut flood block open")
"""What has been done once it is so: nobody says that it was seen."""
_IS = frozenset({"is", "are", "'s"})
_COVERED = frozenset({"in", "with", "by", "under", "beneath"})
"""Covered with snow, buried under it."""


class Comparison(EntityComparison):
    """One caption against all kinds of constraints."""

    def meets(self, constraint: Constraint) -> Hit | None:
        if isinstance(constraint, PredicateConstraint):
            return best(
                self.predicate(constraint, predicate) for predicate in self.sentence.predicates
            )
        if constraint.negated:
            return self._absent(constraint)
        hit = best(self.entity(constraint, entity) for entity in self.sentence.entities)
        return hit or (self._altogether(constraint) if constraint.exact else None)

    def _altogether(self, constraint: EntityConstraint) -> Hit | None:
        """Two people, told of one by one."""
        if constraint.terms != ("person",):
            return None
        if constraint.places or constraint.states or constraint.modifiers:
            return None
        persons = exactly(constraint.exact, self.sentence.entities)
        if persons is None:
            return None
        return Hit(IMPLIED, frozenset(entity.head for entity in persons))

    def predicate(self, constraint: PredicateConstraint, predicate: Predicate) -> Hit | None:
        if predicate.unreal:
            return None
        if constraint.negated != predicate.negated:
            return self._denied(constraint, predicate)
        quality = self._action(constraint, predicate)
        if not quality:
            return None
        hit = Hit(quality, frozenset(range(predicate.start, predicate.end)))
        needs = [self._participants(constraint, predicate)]
        needs += [self._predicate_place(place, predicate) for place in constraint.places]
        needs += [self._predicate_state(state, predicate) for state in constraint.states]
        return all(hit, needs)

    def _action(self, constraint: PredicateConstraint, predicate: Predicate) -> float:
        if constraint.patient is None and roles.object_forbids(constraint.verb, predicate):
            return 0.0
        if constraint.verb in GOING and constraint.places and "go" in predicate.terms:
            return 0.95  # getting out of a car: stepping, climbing, jumping out of it
        if constraint.verb in GOING and constraint.places and not self._living(constraint.agent):
            return 0.9  # smoke coming from a house: billowing, rising, drifting
        if constraint.verb == "use" and predicate.objects and not roles.is_watching(predicate):
            return 0.85 if not _NOT_USING & predicate.terms.keys() else 0.0
        if constraint.phrasal:
            quality = predicate.terms.get(f"{constraint.verb} {constraint.phrasal}", 0.0)
            if quality:
                return quality
            if constraint.phrasal in _STATES_NOT_WAYS:
                return 0.0  # to stand open is not standing
            if constraint.phrasal in roles.MEANINGFUL_PARTICLES:
                told = {p.preposition for p in predicate.places} - {
                    "in",
                    "in front of",
                }  # walking in blue
                ways = told | {preposition.split()[0] for preposition in told}  # away from
                same = set(constraint.phrasal.split()) <= predicate.adverbs | ways
                return predicate.terms.get(constraint.verb, 0.0) if same else 0.0
        kin = max((predicate.terms.get(verb, 0.0) for verb in constraint.kin), default=0.0)
        return max(predicate.terms.get(constraint.verb, 0.0), min(kin, NEAR))

    def _living(self, agent: EntityConstraint | None) -> bool:
        terms = self.lexicon.noun(agent.terms[0]) if agent is not None else {}
        return any(term in terms for term in ("person", "animal", "vehicle"))

    def _denied(self, constraint: PredicateConstraint, predicate: Predicate) -> Hit | None:
        """ "person not wearing a helmet" is also one without a helmet."""
        if (
            not constraint.negated
            or constraint.patient is None
            or constraint.verb not in ("wear", "carry", "hold", "have", "use")
        ):
            return None
        place = PlaceConstraint("without", constraint.patient)
        agent = constraint.agent or EntityConstraint(("*",))
        for entity in predicate.subjects:
            hit, lack = self.entity(agent, entity), self._lacks(place, entity)
            if hit is not None and lack is not None:
                return hit & lack
        return None

    def _participants(self, constraint: PredicateConstraint, predicate: Predicate) -> Hit | None:
        agents, patients = roles.agents(predicate), roles.patients(predicate)
        if constraint.mutual and not predicate.mutual:
            return None
        if constraint.agent is None and constraint.patient is None:
            return None if predicate.implied else NOTHING
        if constraint.either_role:
            alone = constraint.agent or constraint.patient
            assert alone is not None
            acted_on = alone.terms == ("*thing",) and any(map(roles.is_living, agents))
            if acted_on and not roles.happens(predicate):
                return None  # smoking a pipe is not a smoking pipe
            return self._some(alone, [*agents, *patients], predicate)
        hit: Hit | None = NOTHING
        if constraint.agent is not None:
            hit = self._agent(constraint, agents, patients, predicate)
        if hit is not None and constraint.patient is not None:
            undergo = [*patients, *self._ergative(constraint, predicate)]
            patient = self._some(constraint.patient, undergo, predicate)
            return patient and hit & patient
        return hit

    def _ergative(self, constraint: PredicateConstraint, predicate: Predicate) -> list[Entity]:
        return (
            predicate.subjects
            if constraint.agent is None and roles.may_happen_to_subject(predicate)
            else []
        )

    def _agent(
        self,
        constraint: PredicateConstraint,
        agents: list[Entity],
        patients: list[Entity],
        predicate: Predicate,
    ) -> Hit | None:
        assert constraint.agent is not None
        if not agents:
            return self._implied(constraint.agent, predicate)
        takes_two = constraint.verb in _SEVERAL
        if takes_two and self._against_inanimate(constraint.agent, patients, predicate):
            return None
        hit = self._some(constraint.agent, agents, predicate, any_number=takes_two)
        if hit is None or not (takes_two and constraint.agent.plural):
            return hit
        several = self._several(constraint.agent, agents, patients, predicate)
        if constraint.verb not in ("fight", "argue") and not several:
            return None
        return hit if several else hit & Hit(IMPLIED, frozenset())

    def _several(
        self,
        wanted: EntityConstraint,
        agents: list[Entity],
        patients: list[Entity],
        predicate: Predicate,
    ) -> bool:
        others = [
            place.entity for place in predicate.places if place.preposition in ("with", "against")
        ]
        many = sum(number(entity) for entity in agents)
        return (
            predicate.mutual
            or many > 1
            or any(roles.is_person(entity) for entity in (*patients, *others))
            or any(self._kind(wanted, entity) for entity in (*patients, *others))
        )

    def _against_inanimate(
        self, agent: EntityConstraint, patients: list[Entity], predicate: Predicate
    ) -> bool:
        """Fighting a fire is not fighting."""
        return (
            bool(predicate.objects)
            and not any(roles.is_living(entity) for entity in patients)
            and "person" in agent.terms
        )

    def _implied(self, agent: EntityConstraint, predicate: Predicate) -> Hit | None:
        """A brawl, "walking behind the car", "a window is smashed": somebody does it."""
        if predicate.implied or self._is_result(predicate):
            return None  # a broken window does not tell of anybody breaking it
        person = "person" in agent.terms and not agent.states and not agent.places
        clause_start = predicate.nominal or predicate.passive or not predicate.subjects
        return Hit(IMPLIED, frozenset()) if person and clause_start else None

    def _is_result(self, predicate: Predicate) -> bool:
        """The glass is broken: how it is. Was kicked, is being broken, had been broken: somebody did it."""
        words = {
            self.sentence.tokens[index].text for index in range(predicate.start, predicate.head)
        }
        return predicate.passive and predicate.lemma in _RESULTING and bool(words) and words <= _IS

    def _some(
        self,
        constraint: EntityConstraint,
        entities: Iterable[Entity],
        predicate: Predicate,
        *,
        any_number: bool = False,
    ) -> Hit | None:
        entities = list(entities)
        several = any_number or (
            sum(number(entity) for entity in entities) > 1
            and not (constraint.exact or constraint.several)
        )
        hits = [self.entity(constraint, entity, any_number=several) for entity in entities]
        return best([*hits, *(self._part_of(constraint, entity) for entity in entities)])

    def _predicate_place(self, constraint: PlaceConstraint, predicate: Predicate) -> Hit | None:
        kin = kin_of(constraint, self.lexicon)
        if "cover" in predicate.terms and constraint.preposition in _COVERED:
            kin |= _COVERED
        found: list[Hit | None] = [self.when(constraint)]
        bearers = [*predicate.subjects, *predicate.objects]
        for place in [*predicate.places, *(p for entity in bearers for p in entity.places)]:
            if place.preposition == constraint.preposition or place.preposition in kin:
                found.append(self._at(constraint, place))
        for target in predicate.objects:
            hit = self.entity(constraint.entity, target)
            means = roles.verb_means(predicate, constraint.preposition)
            found.append(hit & Hit(0.9, frozenset()) if hit is not None and means else None)
        for entity in predicate.subjects:
            found.append(self._place(constraint, entity))
        return best(found)

    def _predicate_state(self, constraint: StateConstraint, predicate: Predicate) -> Hit | None:
        found = [self._word_state(constraint.word, state) for state in predicate.states]
        for adverb in predicate.adverbs:
            quality = self.lexicon.state(adverb).get(constraint.word, 0.0)
            found.append(Hit(quality, frozenset({predicate.head})) if quality else None)
        found += [
            Hit(0.95, frozenset({place.entity.head}))
            for place in predicate.places
            if place.preposition == "to"
            and place.entity.lemma == constraint.word  # turns to the left
        ]
        found += [
            self._state(constraint, entity) for entity in (*predicate.subjects, *predicate.objects)
        ]
        return best(found)
