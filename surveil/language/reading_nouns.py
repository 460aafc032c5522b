"""Noun phrases: whose subject, whose object, or one more of a list."""

from __future__ import annotations

from surveil.language import grammar
from surveil.language.lexicon import NEAR
from surveil.language.meaning import INTRANSITIVE, is_animate, is_depiction, is_worn
from surveil.language.reading_places import PlaceReading
from surveil.language.sentence import Doing, Place, Thing

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


def _only_depicts(thing: Thing) -> bool:
    return is_depiction(thing) and thing.lemma not in grammar.CAMERA_WORDS


class NounReading(PlaceReading):
    """Reading of noun phrases."""

    def _take_noun(self, index: int) -> int:
        thing = self.phrases.noun_phrase(index)
        if thing is None or (self.tokens[index].tag == "A" and self._is_predicate(index, thing)):
            return self._take_state(index)
        if thing.pronoun and thing.lemma in ("it", "itself") and self.preposition is not None:
            thing = self._resolved(thing)
        elif thing.lemma == "it" and self.doing is not None and self.last is self.doing:
            thing = self._handled(thing)
        elif thing.lemma == "it" and self._verb_ahead(thing.end) == "finite":
            thing = self._spoken_of(thing)
        else:
            self.sentence.things.append(thing)
            if thing.owner is not None and thing.owner.terms.get("person"):
                self.sentence.things.append(thing.owner)  # the boy's face: there is a boy
        if self.not_next:
            thing.negated, self.not_next = True, False
        for place in range(thing.start, thing.head):
            self._filled_with(self.tokens[place], place, thing)
        if thing.pronoun and thing.lemma in _NOT_MEANT:
            self._is_somebody_before(thing)
        if thing.lemma == "each other" and self.subjects:
            thing.terms = {**self.subjects[0].terms, "each other": 1.0}
        if thing.lemma in ("other", "one"):
            self._is_one_of_several(thing)
        self._settle(thing)
        self._act_out_states(thing)
        self.last, self.joined, self.comma, self.preposition = thing, "", False, None
        return thing.end

    def _is_predicate(self, index: int, thing: Thing) -> bool:
        """ "the door is open", "a door open": nothing that the adjective could stand before."""
        return (
            thing.pronoun is False
            and thing.head == index
            and thing.lemma == "clothes"
            and (self.preposition is None and (self.doing is not None and self.doing.lemma == "be"))
        )

    def _resolved(self, pronoun: Thing) -> Thing:
        """What `it` stands for: the nearest thing before that is no person and does not hold the phrase."""
        holder = next(iter(self._chain(self.last)), None)
        excluded = holder.subjects if isinstance(holder, Doing) else [holder]
        for thing in reversed(self.sentence.things):
            if not thing.pronoun and "person" not in thing.terms and thing not in excluded:
                return thing
        self.sentence.things.append(pronoun)
        return pronoun

    def _is_one_of_several(self, thing: Thing) -> None:
        """The other, or one, is of the several spoken of before: two men, one ... the other."""
        several = (s for s in reversed(self.sentence.things) if s.count > 1 and s is not thing)
        whole = next(several, None)
        if whole is not None:
            thing.terms = {**whole.terms, **thing.terms} if thing.lemma == "other" else thing.terms
            thing.unreal = thing.unreal or whole.unreal

    def _handled(self, pronoun: Thing) -> Thing:
        """Took out a pistol and aimed *it*: what was done something to last."""
        for doing in reversed(self.sentence.doings[:-1]):
            for thing in (*reversed(doing.objects), *doing.subjects):
                if not thing.pronoun and "person" not in thing.terms and not thing.negated:
                    return thing
        return self._resolved(pronoun)

    def _is_somebody_before(self, pronoun: Thing) -> None:
        """A girl fell and *she* cried: whoever was spoken of last and can be meant."""
        not_meant = _NOT_MEANT[pronoun.lemma]
        for thing in reversed(self.sentence.things[:-1]):
            known = thing.terms.get("person", 0.0) >= NEAR and thing.count == 1
            if known and not thing.pronoun and not not_meant & thing.terms.keys():
                terms = {term: min(quality, NEAR) for term, quality in thing.terms.items()}
                pronoun.terms = {**terms, **pronoun.terms}
                return

    def _spoken_of(self, pronoun: Thing) -> Thing:
        """What the `it` of "it stands open" is: what was done something to, else what did something."""
        for doing in reversed(self.sentence.doings):
            for thing in (*doing.objects, *doing.subjects):
                if not thing.pronoun and "person" not in thing.terms and not thing.negated:
                    return thing
        self.sentence.things.append(pronoun)
        return pronoun

    def _settle(self, thing: Thing) -> None:
        if self.tokens[thing.start].text == "whose" and isinstance(self.last, Thing):
            self._whose(thing, self.last)
        elif self._opens_main_clause(thing):
            self.preposition = None
            self._start_clause(thing)
        elif self.preposition is not None:
            self._govern(thing)
        elif self._continues_list(thing):
            self._join(thing)
        elif self._is_object(thing):
            self._give_object(thing)
        else:
            self._start_clause(thing)

    def _whose(self, thing: Thing, owner: Thing) -> None:
        """A man whose coat is red [waits]: a clause about what is his, then his own goes on."""
        thing.owner = owner
        owner.places.append(Place("with", thing, thing.start))
        self.outer.append((self.subjects or [owner], self.doing))
        self.subjects, self.doing, self.gap = [thing], None, None

    def _opens_main_clause(self, thing: Thing) -> bool:
        """When the bell rang out the children [ran]: after a clause with `when` a noun before its verb is a subject."""
        return (
            self.subordinate
            and self.doing is not None
            and not self.joined
            and self._verb_past_phrases(thing.end)
            and (self.preposition is None or self.preposition[0] in ("out", "off", "up", "down"))
        )

    def _inverted(self, doing: Doing, thing: Thing) -> bool:
        """Across the yard walks a guard: the subject comes after its verb."""
        return (
            bool(self.fronted)
            and not doing.subjects
            and doing.form in ("z", "d", "dn", "b")
            and (doing.lemma in INTRANSITIVE)
        )

    def _continues_list(self, thing: Thing) -> bool:
        last = self.last
        if not isinstance(last, Thing) or not (self.joined or self.comma):
            return False
        following = self._verb_ahead(thing.end)
        if self.comma and is_worn(last) and is_worn(thing) and following != "finite":
            return True  # in a blue shirt, black pants
        if self.joined and following == "" and self._said_enough() and is_animate(thing):
            following = "finite" if self._verb_past_phrases(thing.end) else ""
        if following == "finite":
            worn_too = (
                not is_animate(thing)
                and not is_animate(last)
                and any(map(is_animate, self.subjects))
                and (self.doing is not None and self.doing.form == "g")
            )
            return bool(self.joined) and (self.doing is None or worn_too)
        if following == "participle" or self.phrases.tag(thing.end) == "L":
            return is_animate(last) == is_animate(thing) and bool(self.joined)
        if self.comma and not self.joined:
            return self._list_goes_on(thing.end)
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
        return self.doing is not None and "g" not in self.doing.form and bool(self.doing.subjects)

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

    def _join(self, thing: Thing) -> None:
        last = self.last
        assert isinstance(last, Thing)
        if (
            is_animate(thing)
            and not is_animate(last)
            and is_animate(next(iter(self.subjects), None))
        ):
            last = self.subjects[-1]  # a man in a hat and a woman: not a hat and a woman
        elif is_worn(last) and not is_worn(thing) and self.doing is not None and self.doing.objects:
            last = self.doing.objects[-1]  # a cup in one hand and a bag in the other
        thing.negated = thing.negated or (last.negated and self.joined in ("or", "nor"))
        if last.unreal and self.holder.get(id(last)) is not None:
            thing.unreal = True
        thing.partners.append(last)
        last.partners.append(thing)
        if last in self.subjects:
            self.subjects.append(thing)
        for doing in self.sentence.doings:
            if last in doing.objects:
                doing.objects.append(thing)
        holders: list[Thing | Doing] = [*self.sentence.things, *self.sentence.doings]
        for holder in holders:
            for place in [p for p in holder.places if p.thing is last]:
                holder.places.append(Place(place.preposition, thing, place.token, place.quality))
        if id(last) in self.holder:
            self.holder[id(thing)] = self.holder[id(last)]

    def _is_object(self, thing: Thing) -> bool:
        doing = self.doing
        if doing is None:
            return False
        if self.joined and self._verb_ahead(thing.end) == "finite":
            return False
        if self.comma or (self.joined and self.last is doing):
            return False
        if self.last is doing:
            return True
        second = isinstance(self.last, Thing) and self.last in doing.objects and not self.joined
        return second and self._verb_ahead(thing.end) != "finite"

    def _give_object(self, thing: Thing) -> None:
        doing = self.doing
        assert doing is not None
        self.holder[id(thing)] = doing
        if doing.lemma == "be":
            self._is_a(doing, thing)
            return
        if self._inverted(doing, thing):
            doing.subjects = self.subjects = [thing]
            return
        doing.mutual = doing.mutual or thing.lemma == "each other"
        doing.objects.append(thing)
        if doing.unreal and doing.lemma in _MAKING:
            thing.unreal = True  # wanted to light a fire
        if doing.lemma in _DEPICTING and any(map(_only_depicts, doing.subjects)):
            thing.unreal = True
        if self.sharing is not None and not self.sharing.objects:
            self.sharing.objects.append(thing)  # beat and kicked a man
            self.sharing.open_voice = False
        doing.open_voice = False
        particle = self.tokens[doing.end - 1]
        if self.last is doing and particle.tag == "P":
            doing.places.append(Place(particle.text, thing, doing.end - 1))
        if doing.negated and doing.lemma in ("have", "show", "see", "contain"):
            thing.negated = True

    def _is_a(self, doing: Doing, thing: Thing) -> None:
        """There is a man: the man is; the man is a thief: one and the same."""
        thing.negated = thing.negated or doing.negated
        if not doing.subjects:
            self.subjects = [thing]
            doing.subjects = [thing]
            thing.unreal = thing.unreal or doing.unreal
            return
        for subject in doing.subjects:
            if not thing.negated:
                subject.terms = {**thing.terms, **subject.terms}
                subject.states.extend(thing.states)

    def _start_clause(self, thing: Thing) -> None:
        if self.outer and self.gap is None and self.doing is None:
            self.gap = self.subjects[0] if self.subjects else None
        elif self.outer and not self.joined:
            self.outer.pop()
        thing.unreal = thing.unreal or self.unreal_clause
        if self.doing is not None:
            self.subordinate = False
        self.subjects, self.doing = [thing], None
