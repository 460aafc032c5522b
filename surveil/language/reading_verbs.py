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
from surveil.language.sentence import Doing, State, Thing
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
        doing, finite = group
        finite = finite and not self._describes(doing)
        if self.not_next:
            doing.negated, self.not_next = True, False
        shares = bool(self.joined) and isinstance(self.last, Doing) and not self.last.passive
        self.sharing = self.last if shares and isinstance(self.last, Doing) else None
        self.sentence.doings.append(doing)
        if doing.form == "to":
            self._infinitive(doing, index)
        elif finite:
            self._finite(doing)
        else:
            self._participle(doing)
        self._weigh(doing)
        if self.gap is not None and self.gap not in doing.subjects:
            doing.objects.append(self.gap)
            self.gap = None
        doing.places.extend(self.fronted)
        self.doing = self.last = doing
        self.joined, self.comma, self.preposition = "", False, None
        return doing.end

    def _weigh(self, doing: Doing) -> None:
        """Whether it is done, and whether its subjects are there at all."""
        nearly = self.nearly or bool({"almost", "nearly"} & doing.adverbs)
        doing.unreal = doing.unreal or self.unreal_clause or nearly
        self.nearly = False
        if doing.negated and doing.passive and {"light", "burn"} & doing.terms.keys():
            for thing in doing.subjects:
                thing.negated = thing.negated or "fire" in thing.terms
        if self._ceases(doing):
            for thing in doing.subjects:
                thing.unreal = True

    def _ceases(self, doing: Doing) -> bool:
        """The fire was put out, the smoke has cleared, the window was replaced: it is no more."""
        words = [self.tokens[index].text for index in range(doing.start, doing.head)]
        if doing.negated or "being" in words:
            return False
        over = doing.passive or bool({"has", "had", "have"} & set(words))
        away = self.phrases.text(doing.head + 1) == "away" or doing.lemma == "remove"
        if doing.passive and away and doing.lemma in _TAKEN_AWAY:
            return True
        return over and any(doing.terms.get(verb, 0.0) >= NEAR for verb in _CEASING)

    def _describes(self, doing: Doing) -> bool:
        """walked / slung: past or participle? After a thing that hangs on somebody, without an object: participle."""
        last = self.last
        if not doing.open_voice or not isinstance(last, Thing) or id(last) not in self.holder:
            return False
        objectless = self.phrases.tag(doing.end) in ("P", "", ".", ",", "C", "R")
        if "vehicle" in last.terms and doing.lemma == "park":
            return objectless  # next to a bicycle parked on the grass
        return (
            objectless
            and not is_animate(last)
            and doing.lemma not in INTRANSITIVE
            and not is_worn(last)
        )

    def _finite(self, doing: Doing) -> None:
        if self.outer and self.doing is not None and not self.joined:
            self.subjects, _ = self.outer.pop()
        before = self.tokens[doing.start - 1].tag if doing.start else ""
        if before == "E":
            doing.subjects = []
            return
        if self.once and self.tokens[doing.start].text in ("was", "were", "had", "stood"):
            for thing in self.subjects:
                thing.unreal = True
        if not self.subjects:
            self.subjects = self._last_as_subject(doing)
        self.subjects = self._doers(doing)
        doing.subjects = list(self.subjects)
        bare = self.tokens[doing.start].tag == "V" and "b" in doing.form
        if self.joined == "or" and bare and self.doing is not None and self.doing.negated:
            doing.negated = True  # does not bite or scratch
        if (
            self.joined
            and self.doing is not None
            and self.doing.unreal
            and self.doing.form == "to"
            and "b" in doing.form
        ):
            doing.unreal = True

    def _last_as_subject(self, doing: Doing) -> list[Thing]:
        """The noun just before, unless it hangs on another or, fronted, is where the subject that follows does it."""
        if not isinstance(self.last, Thing) or id(self.last) in self.holder:
            return []
        fronted = any(place.thing is self.last for place in self.fronted)
        return [] if fronted and doing.lemma in INTRANSITIVE else [self.last]

    def _infinitive(self, doing: Doing, index: int) -> None:
        governor = self.tokens[index - 1] if index else None
        doing.subjects = list(self.doing.subjects) if self.doing else list(self.subjects)
        if (
            self.doing is not None
            and self.doing.objects
            and self.doing.lemma in ("help", "force", "ask", "tell", "order", "allow")
        ):
            doing.subjects = [o for o in self.doing.objects if is_animate(o)] or doing.subjects
        words = {governor.lemma, governor.text} if governor else set()
        if self.doing is not None and (self.doing is self.last or isinstance(self.last, State)):
            words |= {self.doing.lemma} | ({"stop"} if "fail" in self.doing.lemma else set())
        if words & {"forget", "neglect"}:
            doing.negated = True
        begun = {"stop"} if governor is not None and governor.lemma == "stop" else set()
        doing.unreal = bool((words - begun) & grammar.UNREAL_GOVERNORS)
        if self.doing is None and isinstance(self.last, Thing):
            doing.unreal = True
        if self.doing is not None and self.doing.unreal:
            doing.unreal = True
        toward = self.doing is not None and any(
            place.preposition in ("toward", "towards") for place in self.doing.places
        )
        doing.unreal = doing.unreal or toward  # runs toward him to help: not there yet
        if self.doing is not None and self.doing.negated and self.doing is self.last:
            doing.negated = True

    def _participle(self, doing: Doing) -> None:
        last = self.last
        if self.joined and self.doing is not None:
            doing.subjects = list(self.doing.subjects)
            doing.unreal = self.doing.unreal
            doing.negated = doing.negated or (self.doing.negated and self.joined == "or")
        elif isinstance(last, Doing):
            self._after_doing(doing, last)
        elif isinstance(last, State) and self.doing is not None:
            doing.subjects = list(self.doing.subjects)
        elif self.comma and self.doing is not None and self.subjects:
            doing.subjects = list(self.subjects)
        elif isinstance(last, Thing):
            if self._keeps_so(doing, last):
                return
            doing.subjects = self._bearers(last, doing)
        else:
            doing.subjects = list(self.subjects)
        if "n" in doing.form and not doing.passive and doing.form == "n":
            doing.passive = True

    def _after_doing(self, doing: Doing, last: Doing) -> None:
        """Stands *smoking*: the same does it; sees a man *climbing*: he does."""
        seen = last.lemma in _SEEING and bool(last.objects)
        doing.subjects = list(last.objects if seen else last.subjects)
        if doing.subjects and not any(fits_as_subject(s, doing) for s in doing.subjects):
            doing.subjects = self._bearers(doing.subjects[0], doing)
        doing.unreal = last.unreal or last.lemma in _NOT_YET
        doing.negated = doing.negated or last.negated

    def _keeps_so(self, doing: Doing, last: Thing) -> bool:
        """Keeps the gate *blocked*: blocks it."""
        cause = self.doing
        if cause is None or cause.lemma != "keep" or "n" not in doing.form:
            return False
        if last not in cause.objects:
            return False
        doing.objects, doing.subjects = [last], list(cause.subjects)
        doing.open_voice = False
        return True
