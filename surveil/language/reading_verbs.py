"""Verb groups: who does it, and whether it is really done."""

from __future__ import annotations

from surveil.language import grammar
from surveil.language.lexicon import NEAR
from surveil.language.meaning import (
    INTRANSITIVE,
    fits_as_subject,
    is_animate,
    is_worn,
)
from surveil.language.reading_bearers import BearerReading
from surveil.language.sentence import Entity, Predicate, State
from surveil.language.wordset import word_set

_SEEING = word_set("see watch film photograph observe look catch show record spot")
_NOT_YET = grammar.UNREAL_GOVERNORS - {"set", "order", "learn"}
"""Setting, ordering and learning in -ing are done."""
_CEASING = word_set(
    "put out, extinguish, douse, clear, repair, replace, burn out, die down, go out, vanish"
)
_TAKEN_AWAY = frozenset({"tow", "remove", "take", "clear", "carry"})
"""Has been towed away: it is there no more."""


class VerbReading(BearerReading):
    """Reading of verb groups."""

    def _take_verb(self, index: int) -> int:
        group = self.phrases.verb_group(index)
        if group is None:
            return index + 1
        predicate, finite = group
        finite = finite and not self._describes(predicate)
        if self.not_next:
            predicate.negated, self.not_next = True, False
        shares = bool(self.joined) and isinstance(self.last, Predicate) and not self.last.passive
        self.sharing = self.last if shares and isinstance(self.last, Predicate) else None
        self.sentence.predicates.append(predicate)
        if predicate.form == "to":
            self._infinitive(predicate, index)
        elif finite:
            self._finite(predicate)
        else:
            self._participle(predicate)
        self._weigh(predicate)
        if self.gap is not None and self.gap not in predicate.subjects:
            predicate.objects.append(self.gap)
            self.gap = None
        predicate.places.extend(self.fronted)
        self.predicate = self.last = predicate
        self.joined, self.comma, self.preposition = "", False, None
        return predicate.end

    def _weigh(self, predicate: Predicate) -> None:
        """Whether it is done, and whether its subjects are there at all."""
        nearly = self.nearly or bool({"almost", "nearly"} & predicate.adverbs)
        predicate.unreal = predicate.unreal or self.unreal_clause or nearly
        self.nearly = False
        if predicate.negated and predicate.passive and {"light", "burn"} & predicate.terms.keys():
            for entity in predicate.subjects:
                entity.negated = entity.negated or "fire" in entity.terms
        if self._ceases(predicate):
            for entity in predicate.subjects:
                entity.unreal = True

    def _ceases(self, predicate: Predicate) -> bool:
        """The fire was put out, the smoke has cleared, the window was replaced: it is no more."""
        words = [self.tokens[index].text for index in range(predicate.start, predicate.head)]
        if predicate.negated or "being" in words:
            return False
        over = predicate.passive or bool({"has", "had", "have"} & set(words))
        away = self.phrases.text(predicate.head + 1) == "away" or predicate.lemma == "remove"
        if predicate.passive and away and predicate.lemma in _TAKEN_AWAY:
            return True
        return over and any(predicate.terms.get(verb, 0.0) >= NEAR for verb in _CEASING)

    def _describes(self, predicate: Predicate) -> bool:
        """walked / slung: past or participle? After a thing that hangs on somebody, without an object: participle."""
        last = self.last
        if not predicate.open_voice or not isinstance(last, Entity) or id(last) not in self.holder:
            return False
        objectless = self.phrases.tag(predicate.end) in ("P", "", ".", ",", "C", "R")
        if "vehicle" in last.terms and predicate.lemma == "park":
            return objectless  # next to a bicycle parked on the grass
        return (
            objectless
            and not is_animate(last)
            and predicate.lemma not in INTRANSITIVE
            and not is_worn(last)
        )

    def _finite(self, predicate: Predicate) -> None:
        if self.outer and self.predicate is not None and not self.joined:
            self.subjects, _ = self.outer.pop()
        before = self.tokens[predicate.start - 1].tag if predicate.start else ""
        if before == "E":
            predicate.subjects = []
            return
        if self.once and self.tokens[predicate.start].text in ("was", "were", "had", "stood"):
            for entity in self.subjects:
                entity.unreal = True
        if not self.subjects:
            self.subjects = self._last_as_subject(predicate)
        self.subjects = self._doers(predicate)
        predicate.subjects = list(self.subjects)
        bare = self.tokens[predicate.start].tag == "V" and "b" in predicate.form
        if self.joined == "or" and bare and self.predicate is not None and self.predicate.negated:
            predicate.negated = True  # does not bite or scratch
        if (
            self.joined
            and self.predicate is not None
            and self.predicate.unreal
            and self.predicate.form == "to"
            and "b" in predicate.form
        ):
            predicate.unreal = True

    def _last_as_subject(self, predicate: Predicate) -> list[Entity]:
        """The noun just before, unless it hangs on another or, fronted, is where the subject that follows does it."""
        if not isinstance(self.last, Entity) or id(self.last) in self.holder:
            return []
        fronted = any(place.entity is self.last for place in self.fronted)
        return [] if fronted and predicate.lemma in INTRANSITIVE else [self.last]

    def _infinitive(self, predicate: Predicate, index: int) -> None:
        governor = self.tokens[index - 1] if index else None
        predicate.subjects = (
            list(self.predicate.subjects) if self.predicate else list(self.subjects)
        )
        if (
            self.predicate is not None
            and self.predicate.objects
            and self.predicate.lemma in ("help", "force", "ask", "tell", "order", "allow")
        ):
            predicate.subjects = [
                o for o in self.predicate.objects if is_animate(o)
            ] or predicate.subjects
        words = {governor.lemma, governor.text} if governor else set()
        if self.predicate is not None and (
            self.predicate is self.last or isinstance(self.last, State)
        ):
            words |= {self.predicate.lemma} | (
                {"stop"} if "fail" in self.predicate.lemma else set()
            )
        if words & {"forget", "neglect"}:
            predicate.negated = True
        begun = {"stop"} if governor is not None and governor.lemma == "stop" else set()
        predicate.unreal = bool((words - begun) & grammar.UNREAL_GOVERNORS)
        if self.predicate is None and isinstance(self.last, Entity):
            predicate.unreal = True
        if self.predicate is not None and self.predicate.unreal:
            predicate.unreal = True
        toward = self.predicate is not None and any(
            place.preposition in ("toward", "towards") for place in self.predicate.places
        )
        predicate.unreal = predicate.unreal or toward  # runs toward him to help: not there yet
        if self.predicate is not None and self.predicate.negated and self.predicate is self.last:
            predicate.negated = True

    def _participle(self, predicate: Predicate) -> None:
        last = self.last
        if self.joined and self.predicate is not None:
            predicate.subjects = list(self.predicate.subjects)
            predicate.unreal = self.predicate.unreal
            predicate.negated = predicate.negated or (
                self.predicate.negated and self.joined == "or"
            )
        elif isinstance(last, Predicate):
            self._after_predicate(predicate, last)
        elif isinstance(last, State) and self.predicate is not None:
            predicate.subjects = list(self.predicate.subjects)
        elif self.comma and self.predicate is not None and self.subjects:
            predicate.subjects = list(self.subjects)
        elif isinstance(last, Entity):
            if self._keeps_so(predicate, last):
                return
            predicate.subjects = self._bearers(last, predicate)
        else:
            predicate.subjects = list(self.subjects)
        if "n" in predicate.form and not predicate.passive and predicate.form == "n":
            predicate.passive = True

    def _after_predicate(self, predicate: Predicate, last: Predicate) -> None:
        """Stands *smoking*: the same does it; sees a man *climbing*: he does."""
        seen = last.lemma in _SEEING and bool(last.objects)
        predicate.subjects = list(last.objects if seen else last.subjects)
        if predicate.subjects and not any(
            fits_as_subject(s, predicate) for s in predicate.subjects
        ):
            predicate.subjects = self._bearers(predicate.subjects[0], predicate)
        predicate.unreal = last.unreal or last.lemma in _NOT_YET
        predicate.negated = predicate.negated or last.negated

    def _keeps_so(self, predicate: Predicate, last: Entity) -> bool:
        """Keeps the gate *blocked*: blocks it."""
        cause = self.predicate
        if cause is None or cause.lemma != "keep" or "n" not in predicate.form:
            return False
        if last not in cause.objects:
            return False
        predicate.objects, predicate.subjects = [last], list(cause.subjects)
        predicate.open_voice = False
        return True
