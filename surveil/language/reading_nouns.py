"""Noun phrases: whose subject, whose object, or one more of a list."""

from __future__ import annotations

from surveil.language import grammar
from surveil.language.lexicon import NEAR
from surveil.language.meaning import INTRANSITIVE, is_animate, is_depiction, is_worn
from surveil.language.reading_places import PlaceReading
from surveil.language.sentence import Entity, Place, Predicate

_DEPICTING = frozenset(
    {"show", "depict", "display", "portray", "picture", "represent", "advertise"}
)
_NOT_MEANT = {
    "he": frozenset({"woman", "girl"}),
    "him": frozenset({"woman", "girl"}),
    "she": frozenset({"man", "boy"}),
    "her": frozenset({"man", "boy"}),
}
"""Whom a pronoun cannot stand for."""
_MAKING = frozenset({"light", "make", "start", "build", "set", "have", "leave", "put", "bring"})
"""What is not made yet is not there."""


def _only_depicts(entity: Entity) -> bool:
    return is_depiction(entity) and entity.lemma not in grammar.CAMERA_WORDS


class NounReading(PlaceReading):
    """Reading of noun phrases."""

    def _take_noun(self, index: int) -> int:
        entity = self.phrases.noun_phrase(index)
        if entity is None or (
            self.tokens[index].tag == "A" and self._is_predicative(index, entity)
        ):
            return self._take_state(index)
        if entity.pronoun and entity.lemma in ("it", "itself") and self.preposition is not None:
            entity = self._resolved(entity)
        elif entity.lemma == "it" and self.predicate is not None and self.last is self.predicate:
            entity = self._handled(entity)
        elif entity.lemma == "it" and self._verb_ahead(entity.end) == "finite":
            entity = self._spoken_of(entity)
        else:
            self.sentence.entities.append(entity)
            if entity.owner is not None and entity.owner.terms.get("person"):
                self.sentence.entities.append(entity.owner)  # the boy's face: there is a boy
        if self.not_next:
            entity.negated, self.not_next = True, False
        for place in range(entity.start, entity.head):
            self._filled_with(self.tokens[place], place, entity)
        if entity.pronoun and entity.lemma in _NOT_MEANT:
            self._is_somebody_before(entity)
        if entity.lemma == "each other" and self.subjects:
            entity.terms = {**self.subjects[0].terms, "each other": 1.0}
        if entity.lemma in ("other", "one"):
            self._is_one_of_several(entity)
        self._settle(entity)
        self._act_out_states(entity)
        self.last, self.joined, self.comma, self.preposition = entity, "", False, None
        return entity.end

    def _is_predicative(self, index: int, entity: Entity) -> bool:
        """ "the door is open", "a door open": nothing that the adjective could stand before."""
        return (
            entity.pronoun is False
            and entity.head == index
            and entity.lemma == "clothes"
            and (
                self.preposition is None
                and (self.predicate is not None and self.predicate.lemma == "be")
            )
        )

    def _resolved(self, pronoun: Entity) -> Entity:
        """What `it` stands for: the nearest thing before that is no person and does not hold the phrase."""
        holder = next(iter(self._chain(self.last)), None)
        excluded = holder.subjects if isinstance(holder, Predicate) else [holder]
        for entity in reversed(self.sentence.entities):
            if not entity.pronoun and "person" not in entity.terms and entity not in excluded:
                return entity
        self.sentence.entities.append(pronoun)
        return pronoun

    def _is_one_of_several(self, entity: Entity) -> None:
        """The other, or one, is of the several spoken of before: two men, one ... the other."""
        several = (s for s in reversed(self.sentence.entities) if s.count > 1 and s is not entity)
        whole = next(several, None)
        if whole is not None:
            entity.terms = (
                {**whole.terms, **entity.terms} if entity.lemma == "other" else entity.terms
            )
            entity.unreal = entity.unreal or whole.unreal

    def _handled(self, pronoun: Entity) -> Entity:
        """Took out a pistol and aimed *it*: what was done something to last."""
        for predicate in reversed(self.sentence.predicates[:-1]):
            for entity in (*reversed(predicate.objects), *predicate.subjects):
                if not entity.pronoun and "person" not in entity.terms and not entity.negated:
                    return entity
        return self._resolved(pronoun)

    def _is_somebody_before(self, pronoun: Entity) -> None:
        """A girl fell and *she* cried: whoever was spoken of last and can be meant."""
        not_meant = _NOT_MEANT[pronoun.lemma]
        for entity in reversed(self.sentence.entities[:-1]):
            known = entity.terms.get("person", 0.0) >= NEAR and entity.count == 1
            if known and not entity.pronoun and not not_meant & entity.terms.keys():
                terms = {term: min(quality, NEAR) for term, quality in entity.terms.items()}
                pronoun.terms = {**terms, **pronoun.terms}
                return

    def _spoken_of(self, pronoun: Entity) -> Entity:
        """What the `it` of "it stands open" is: what was done something to, else what did something."""
        for predicate in reversed(self.sentence.predicates):
            for entity in (*predicate.objects, *predicate.subjects):
                if not entity.pronoun and "person" not in entity.terms and not entity.negated:
                    return entity
        self.sentence.entities.append(pronoun)
        return pronoun

    def _settle(self, entity: Entity) -> None:
        if self.tokens[entity.start].text == "whose" and isinstance(self.last, Entity):
            self._whose(entity, self.last)
        elif self._opens_main_clause(entity):
            self.preposition = None
            self._start_clause(entity)
        elif self.preposition is not None:
            self._govern(entity)
        elif self._continues_list(entity):
            self._join(entity)
        elif self._is_object(entity):
            self._give_object(entity)
        else:
            self._start_clause(entity)

    def _whose(self, entity: Entity, owner: Entity) -> None:
        """A man whose coat is red [waits]: a clause about what is his, then his own goes on."""
        entity.owner = owner
        owner.places.append(Place("with", entity, entity.start))
        self.outer.append((self.subjects or [owner], self.predicate))
        self.subjects, self.predicate, self.gap = [entity], None, None

    def _opens_main_clause(self, entity: Entity) -> bool:
        """When the bell rang out the children [ran]: after a clause with `when` a noun before its verb is a subject."""
        return (
            self.subordinate
            and self.predicate is not None
            and not self.joined
            and self._verb_past_phrases(entity.end)
            and (self.preposition is None or self.preposition[0] in ("out", "off", "up", "down"))
        )

    def _inverted(self, predicate: Predicate, entity: Entity) -> bool:
        """Across the yard walks a guard: the subject comes after its verb."""
        return (
            bool(self.fronted)
            and not predicate.subjects
            and predicate.form in ("z", "d", "dn", "b")
            and (predicate.lemma in INTRANSITIVE)
        )

    def _continues_list(self, entity: Entity) -> bool:
        last = self.last
        if not isinstance(last, Entity) or not (self.joined or self.comma):
            return False
        following = self._verb_ahead(entity.end)
        if self.comma and is_worn(last) and is_worn(entity) and following != "finite":
            return True  # in a blue shirt, black pants
        if self.joined and following == "" and self._said_enough() and is_animate(entity):
            following = "finite" if self._verb_past_phrases(entity.end) else ""
        if following == "finite":
            worn_too = (
                not is_animate(entity)
                and not is_animate(last)
                and any(map(is_animate, self.subjects))
                and (self.predicate is not None and self.predicate.form == "g")
            )
            return bool(self.joined) and (self.predicate is None or worn_too)
        if following == "participle" or self.phrases.tag(entity.end) == "L":
            return is_animate(last) == is_animate(entity) and bool(self.joined)
        if self.comma and not self.joined:
            return self._list_goes_on(entity.end)
        return True

    def _verb_ahead(self, index: int) -> str:
        while self.phrases.tag(index) in ("R", "G"):
            index += 1
        kind = self.phrases.tag(index)
        if kind in ("B", "M", "H", "O"):
            return "finite"
        if kind != "V":
            return ""
        form = self.tokens[index].verb_forms
        return "participle" if form in ("g", "n") else "finite"

    def _said_enough(self) -> bool:
        """The clause has its finite verb, so that another one after `and` has a subject of its own."""
        return (
            self.predicate is not None
            and "g" not in self.predicate.form
            and bool(self.predicate.subjects)
        )

    def _verb_past_phrases(self, index: int) -> bool:
        """[The van stopped and] four men with guns *got* out: a finite verb after the noun's own phrases."""
        while self.phrases.tag(index) == "P":
            index += 1
            while self.phrases.tag(index) in ("D", "A", "N", "S", "Q", "X") and (
                self.phrases.tag(index)
            ):
                index += 1
        return self._verb_ahead(index) == "finite"

    def _list_goes_on(self, index: int) -> bool:
        return any(token.tag == "C" for token in self.tokens[index : index + 4])

    def _join(self, entity: Entity) -> None:
        last = self.last
        assert isinstance(last, Entity)
        if (
            is_animate(entity)
            and not is_animate(last)
            and is_animate(next(iter(self.subjects), None))
        ):
            last = self.subjects[-1]  # a man in a hat and a woman: not a hat and a woman
        elif (
            is_worn(last)
            and not is_worn(entity)
            and self.predicate is not None
            and self.predicate.objects
        ):
            last = self.predicate.objects[-1]  # a cup in one hand and a bag in the other
        entity.negated = entity.negated or (last.negated and self.joined in ("or", "nor"))
        if last.unreal and self.holder.get(id(last)) is not None:
            entity.unreal = True
        entity.partners.append(last)
        last.partners.append(entity)
        if last in self.subjects:
            self.subjects.append(entity)
        for predicate in self.sentence.predicates:
            if last in predicate.objects:
                predicate.objects.append(entity)
        holders: list[Entity | Predicate] = [*self.sentence.entities, *self.sentence.predicates]
        for holder in holders:
            for place in [p for p in holder.places if p.entity is last]:
                holder.places.append(Place(place.preposition, entity, place.token, place.quality))
        if id(last) in self.holder:
            self.holder[id(entity)] = self.holder[id(last)]

    def _is_object(self, entity: Entity) -> bool:
        predicate = self.predicate
        if predicate is None:
            return False
        if self.joined and self._verb_ahead(entity.end) == "finite":
            return False
        if self.comma or (self.joined and self.last is predicate):
            return False
        if self.last is predicate:
            return True
        second = (
            isinstance(self.last, Entity) and self.last in predicate.objects and not self.joined
        )
        return second and self._verb_ahead(entity.end) != "finite"

    def _give_object(self, entity: Entity) -> None:
        predicate = self.predicate
        assert predicate is not None
        self.holder[id(entity)] = predicate
        if predicate.lemma == "be":
            self._is_a(predicate, entity)
            return
        if self._inverted(predicate, entity):
            predicate.subjects = self.subjects = [entity]
            return
        predicate.mutual = predicate.mutual or entity.lemma == "each other"
        predicate.objects.append(entity)
        if predicate.unreal and predicate.lemma in _MAKING:
            entity.unreal = True  # wanted to light a fire
        if predicate.lemma in _DEPICTING and any(map(_only_depicts, predicate.subjects)):
            entity.unreal = True
        if self.sharing is not None and not self.sharing.objects:
            self.sharing.objects.append(entity)  # beat and kicked a man
            self.sharing.open_voice = False
        predicate.open_voice = False
        particle = self.tokens[predicate.end - 1]
        if self.last is predicate and particle.tag == "P":
            predicate.places.append(Place(particle.text, entity, predicate.end - 1))
        if predicate.negated and predicate.lemma in ("have", "show", "see", "contain"):
            entity.negated = True

    def _is_a(self, predicate: Predicate, entity: Entity) -> None:
        """There is a man: the man is; the man is a thief: one and the same."""
        entity.negated = entity.negated or predicate.negated
        if not predicate.subjects:
            self.subjects = [entity]
            predicate.subjects = [entity]
            entity.unreal = entity.unreal or predicate.unreal
            return
        for subject in predicate.subjects:
            if not entity.negated:
                subject.terms = {**entity.terms, **subject.terms}
                subject.states.extend(entity.states)

    def _start_clause(self, entity: Entity) -> None:
        if self.outer and self.gap is None and self.predicate is None:
            self.gap = self.subjects[0] if self.subjects else None
        elif self.outer and not self.joined:
            self.outer.pop()
        entity.unreal = entity.unreal or self.unreal_clause
        if self.predicate is not None:
            self.subordinate = False
        self.subjects, self.predicate = [entity], None
