"""Prepositions: where a phrase belongs that says in, on, with or of what."""

from __future__ import annotations

from surveil.language import grammar
from surveil.language.meaning import (
    is_animate,
    is_depiction,
    is_quantity,
    surface_depicts,
)
from surveil.language.reading_base import Reading
from surveil.language.sentence import Entity, Place, Predicate, State
from surveil.language.wordset import word_set

FURTHER = 0.9
"""Quality lost at each step that an attachment climbs."""
_DIRECTIONS = word_set(
    """
    across along through toward towards past around up down
    """
)
_GIVING = word_set("set give hand pass tie throw bring take deliver lead point offer chain attach")
_SHOWING = frozenset({"for", "about", "with", "showing"})
_WITH_A_PICTURE = word_set(
    "sign poster picture screen billboard mural painting banner photo advertisement drawing"
)
"""What these are with is on them; a statue with a fountain stands beside it."""


class PlaceReading(Reading):
    """Reading of prepositions."""

    def _take_preposition(self, index: int) -> int:
        token = self.tokens[index]
        follower = self.phrases.tag(index + 1)
        if token.text in ("without", "instead of", "before") and follower == "V":
            self.not_next = True
            return index + 1
        if follower in ("", ".", ",", "P", "C", "L", "R", "T", ";") or (
            follower == "V" and token.text not in ("by", "for", "from", "of", "after")
        ):
            if isinstance(self.last, Predicate):
                self.last.adverbs.add(token.text)
            self._close_phrasal(token.text, index)
            if follower != "V":
                if follower in ("P", "R") and token.text in ("from", "to"):
                    self.preposition = (token.text, index)
                return index + 1
        if self.preposition is not None and self.preposition[0] == "without":
            return index + 1
        self.preposition = (token.text, index)
        if follower == "V":
            self.preposition = None
        return index + 1

    def _close_phrasal(self, particle: str, index: int) -> None:
        """A particle after the object: kicks the window in; or said of a thing: with the lights on."""
        predicate = self.predicate
        if (
            predicate is not None
            and isinstance(self.last, Entity)
            and self.last in predicate.objects
        ):
            phrase = f"{predicate.lemma} {particle}"
            if self.lexicon.own_verb(phrase):
                predicate.terms = {**self.lexicon.verb(phrase), **predicate.terms}
                return
        if particle not in ("on", "off", "out", "up", "down"):
            return
        bearers = [self.last] if isinstance(self.last, Entity) else []
        if predicate is not None and predicate.lemma == "be" and self.last is predicate:
            bearers = predicate.subjects
        for bearer in bearers:
            bearer.states.append(State(index, self.lexicon.state(particle)))

    def _govern(self, entity: Entity) -> None:
        assert self.preposition is not None
        preposition, index = self.preposition
        if preposition in ("without", "instead of"):
            entity.negated = True
        if preposition == "of" and isinstance(self.last, Entity):
            self._of(self.last, entity)
            return
        self._depict(entity, preposition)
        if entity.lemma == "each other" and self.predicate is not None:
            self.predicate.mutual = True
        steps = self._steps(entity, preposition)
        self._hang(entity, steps, preposition, index)
        if steps:
            self.holder[id(entity)] = steps[0]
        else:
            self.fronted.append(Place(preposition, entity, index, FURTHER))

    def _depict(self, entity: Entity, preposition: str) -> None:
        """A poster *with* a singer, a sign *about* dogs: what they show is not there."""
        holder = self.last
        if not isinstance(holder, Entity) or not is_depiction(holder):
            return
        if preposition in _SHOWING and not self._is_of_the_screen(holder):
            entity.unreal = preposition != "with" or holder.lemma in _WITH_A_PICTURE

    def _is_of_the_screen(self, entity: Entity) -> bool:
        """To the right side of the picture *with two children*: the picture is where, not what."""
        return entity.lemma in grammar.CAMERA_WORDS | {"screen"} and id(entity) in self.holder

    def _steps(self, entity: Entity, preposition: str) -> list[Entity | Predicate]:
        """What the phrase may belong to, the nearest first."""
        steps = self._chain(self.last) or [*self.subjects]
        predicate = self.predicate
        if predicate is None:
            return steps
        if preposition == "by" and predicate.passive and is_animate(entity):
            return [predicate]  # pelted at the bus by fans
        to_somebody = preposition == "to" and predicate.lemma in _GIVING
        if (preposition in _DIRECTIONS or to_somebody) and self.last in predicate.objects:
            return steps[1:]  # carrying a bag across the floor: the carrying goes there
        return steps

    def _hang(
        self, entity: Entity, steps: list[Entity | Predicate], preposition: str, index: int
    ) -> None:
        """A place for each step, worth less the further it is; what is nearest tells whether all this is only shown."""
        quality = 1.0
        for step, holder in enumerate(steps):
            if step and preposition == "with" and _takes_no_company(holder):
                continue
            holder.places.append(Place(preposition, entity, index, quality))
            quality *= FURTHER
        nearest = steps[0] if steps else None
        if isinstance(nearest, Entity):
            if nearest.unreal and nearest.lemma not in grammar.CAMERA_WORDS:
                entity.unreal = True
            if preposition in ("on", "in") and surface_depicts(entity):
                nearest.unreal = True

    def _of(self, whole: Entity, part: Entity) -> None:
        """a group of men; a painting of a man; the window of a shop."""
        part.negated = part.negated or whole.negated
        self.holder[id(part)] = whole
        first = self.sentence.entities and self.sentence.entities[0] is whole
        if first and whole.lemma in grammar.CAMERA_WORDS:
            whole.unreal = True
            self.subjects, self.predicate = [part], None
            del self.holder[id(part)]
        elif is_depiction(whole):
            part.unreal = True
        elif whole.pronoun or is_quantity(whole):
            own = {t: q for t, q in whole.terms.items() if t != "person" or "person" in part.terms}
            whole.terms = {**part.terms, **own}  # a pair of shoes is nobody
            whole.states.extend(part.states)
            whole.modifiers.extend(part.modifiers)
            whole.count = max(whole.count, part.count)
            if whole.lemma in ("pair", "couple", "duo"):
                whole.exact = part.exact = 2
            part.places = whole.places
            whole.owner = part
        else:
            part.unreal = part.unreal or whole.unreal
            whole.owner = part
            whole.places.append(Place("of", part, part.start))


def _takes_no_company(holder: Entity | Predicate) -> bool:
    """A thing further off: in "a man by a wall with a bag" the wall has no bag; a vehicle may."""
    return isinstance(holder, Entity) and not is_animate(holder) and "vehicle" not in holder.terms
