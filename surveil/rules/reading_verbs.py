"""Verb groups: who does it, and whether it is really done."""

from __future__ import annotations

from surveil.rules import grammar
from surveil.rules.lexicon import NEAR
from surveil.rules.meaning import (
    INTRANSITIVE,
    fits_as_subject,
    is_animate,
    is_worn,
)
from surveil.rules.reading_nouns import NounReading
from surveil.rules.sentence import Doing, State, Thing
from surveil.rules.wordset import word_set

_SEEING = frozenset(
    {"see", "watch", "film", "photograph", "observe", "look", "catch", "show", "record", "spot"}
)


_GARMENTS_CAN = word_set(
    "be have hang lie fall drop flap blow fly cover show open tear burn get catch"
)

_BY_SOMEBODY = word_set(
    """
    smoke hang park drive open close pull write paint build wash wave swing fly load tie strap wrap catch stack move
    stand lay lean throw
    """
)
"""What things can do, but hardly to another thing: the circle smokes no cigarettes, who stands in it does."""
_POSTURES = word_set("stand sit walk run come go move turn wait wave enter leave look approach cross drive ride climb")
_OBJECT_NEXT = frozenset("DNSQA")

_CEASING = (
    "put out",
    "extinguish",
    "douse",
    "clear",
    "repair",
    "replace",
    "burn out",
    "die down",
    "go out",
    "vanish",
)
_TAKEN_AWAY = frozenset({"tow", "remove", "take", "clear", "carry"})
"""Has been towed away: it is there no more."""


class VerbReading(NounReading):
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
        doing.unreal = doing.unreal or self.unreal_clause or self.nearly
        doing.unreal = doing.unreal or bool({"almost", "nearly"} & doing.adverbs)
        self.nearly = False
        if doing.negated and doing.passive and {"light", "burn"} & doing.terms.keys():
            for thing in doing.subjects:
                thing.negated = thing.negated or "fire" in thing.terms
        if self._ceases(doing):
            for thing in doing.subjects:
                thing.unreal = True
        if self.gap is not None and self.gap not in doing.subjects:
            doing.objects.append(self.gap)
            self.gap = None
        doing.places.extend(self.fronted)
        self.doing = self.last = doing
        self.joined, self.comma, self.preposition = "", False, None
        return doing.end

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
        fronted = any(place.thing is self.last for place in self.fronted)
        if (
            not self.subjects
            and isinstance(self.last, Thing)
            and id(self.last) not in self.holder
            and not (fronted and doing.lemma in INTRANSITIVE)
        ):
            self.subjects = [self.last]
        worn = bool(self.subjects) and all(map(is_worn, self.subjects)) and not doing.passive
        if worn and doing.lemma not in _GARMENTS_CAN:
            self.subjects = self._wearers() or self.subjects
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

    def _wearers(self) -> list[Thing]:
        """Who walks in "a man in a cap, black pants walks": no clothes do."""
        for earlier in reversed(self.sentence.things):
            if is_animate(earlier) and id(earlier) not in self.holder:
                return [earlier]
        return []

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
            doing.subjects = list(
                last.objects if last.lemma in _SEEING and last.objects else last.subjects
            )
            if doing.subjects and not any(fits_as_subject(s, doing) for s in doing.subjects):
                doing.subjects = self._bearers(doing.subjects[0], doing)
            doing.unreal = last.unreal or last.lemma in grammar.UNREAL_GOVERNORS - {
                "set",
                "order",
                "learn",
            }
            doing.negated = doing.negated or last.negated
        elif isinstance(last, State) and self.doing is not None:
            doing.subjects = list(self.doing.subjects)
        elif self.comma and self.doing is not None and self.subjects:
            doing.subjects = list(self.subjects)
        elif isinstance(last, Thing):
            doing.subjects = self._bearers(last, doing)
            caused = self.doing is not None and self.doing.lemma == "keep"
            if (
                caused
                and self.doing is not None
                and last in self.doing.objects
                and "n" in doing.form
            ):
                doing.objects, doing.subjects = [last], list(self.doing.subjects)
                doing.open_voice = False
                return  # keeps the gate blocked: blocks it
        else:
            doing.subjects = list(self.subjects)
        if "n" in doing.form and not doing.passive and doing.form == "n":
            doing.passive = True

    def _is_with(self, thing: Thing) -> bool:
        """A woman *with a bag* standing: she stands."""
        holder = self.holder.get(id(thing))
        if not isinstance(holder, Thing) or not is_animate(holder) or is_animate(thing):
            return False
        return any(p.thing is thing and p.preposition in ("with", "in") for p in holder.places)

    def _bearers(self, last: Thing, doing: Doing) -> list[Thing]:
        """Whose participle it is: the nearest noun that can do it, up the chain of what it hangs on."""
        candidates: list[Thing] = []
        for node in self._chain(last):
            candidates.extend([node] if isinstance(node, Thing) else node.subjects)
        by_somebody = doing.lemma in _BY_SOMEBODY and self.phrases.tag(doing.end) in _OBJECT_NEXT
        held = candidates[:1] == [last] and self._is_with(last)
        by_somebody = by_somebody or (held and doing.lemma in _POSTURES)
        if by_somebody and any(map(is_animate, candidates)):
            candidates = [candidate for candidate in candidates if is_animate(candidate)]
        for candidate in candidates:
            if fits_as_subject(candidate, doing):
                if candidate in self.subjects:
                    return list(self.subjects)
                joined = [candidate, *candidate.partners] if candidate is last else [candidate]
                return joined
        if any(fits_as_subject(subject, doing) for subject in self.subjects):
            return list(self.subjects)
        worn = candidates and is_worn(candidates[0]) and len(candidates) > 1
        return [candidates[1] if worn else last]
