"""Whether what a caption says meets what a pattern wants.

Each comparison gives a Hit, with a quality and the tokens that spoke for it, or None. Qualities multiply: 1 for the
very word, 0.95 for kin in our files, 0.8 for kin in WordNet, and less for each attachment that is doubtful.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from surveil.language import roles
from surveil.language.constraints import WantPlace, WantState, WantThing
from surveil.language.counting import enough
from surveil.language.lexicon import Lexicon
from surveil.language.place_kin import kin_of
from surveil.language.sentence import Doing, Place, Sentence, State, Thing
from surveil.language.unattended import sole_evidence
from surveil.language.wordset import word_set

_ATTEMPTING = frozenset({"try", "attempt", "struggle", "fail"})
_NO_THINGS = word_set(
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


class ThingComparison:
    """Things of one caption against wanted things."""

    def __init__(self, sentence: Sentence, lexicon: Lexicon) -> None:
        self.sentence = sentence
        self.lexicon = lexicon

    def thing(self, want: WantThing, thing: Thing, *, any_number: bool = False) -> Hit | None:
        if thing.unreal or thing.negated != want.negated:
            return None
        hit = self._kind(want, thing)
        if hit is None and " " in want.terms[0]:
            return self._apart(want, thing, any_number=any_number)
        if hit is None:
            return None
        alike = [other for other in thing.partners if self._kind(want, other)]
        if not any_number and not enough(want, thing, alike):
            return None
        hit = hit & Hit(1.0, frozenset(range(thing.start, thing.end)))
        needs: list[Hit | None] = [self._state(state, thing) for state in want.states]
        if want.stance and self._otherwise(want.stance, thing):
            return None
        needs += [self._modifier(modifier, thing) for modifier in want.modifiers]
        needs += [self._place(place, thing) for place in want.places]
        if want.left_alone:
            needs.append(self._left_alone(thing))
        return all(hit, needs)

    def _otherwise(self, stance: str, thing: Thing) -> bool:
        """Who sits on a bench does not stand on it."""
        others = _POSTURES - {stance}
        return any(
            thing in doing.subjects and not doing.negated and others & doing.terms.keys()
            for doing in self.sentence.doings
        )

    def _apart(self, want: WantThing, thing: Thing, *, any_number: bool) -> Hit | None:
        """A car window is also the window of a car."""
        first, _, head = want.terms[0].rpartition(" ")
        apart = replace(want, terms=(head,), modifiers=(*want.modifiers, first))
        return self.thing(apart, thing, any_number=any_number)

    def _kind(self, want: WantThing, thing: Thing) -> Hit | None:
        if want.terms == ("*",):
            return NOTHING
        if want.terms == ("*thing",):
            return None if roles.is_living(thing) or thing.lemma in _NO_THINGS else NOTHING
        quality = max((thing.terms.get(term, 0.0) for term in want.terms), default=0.0)
        return Hit(quality, frozenset({thing.head})) if quality else None

    def _absent(self, want: WantThing) -> Hit | None:
        for thing in self.sentence.things:
            if thing.negated and self._kind(want, thing):
                return Hit(0.95, frozenset(range(thing.start, thing.end)))
        return None

    def _left_alone(self, thing: Thing) -> Hit | None:
        token = sole_evidence(thing, self.sentence)
        return None if token is None else Hit(0.95, frozenset({token}))

    def _modifier(self, modifier: str, thing: Thing) -> Hit | None:
        """pizza box, car door: before the noun, or the door of a car, or a wooden fence for a wood fence."""
        found: list[Hit | None] = []
        for index, lemma, terms in thing.modifiers:
            quality = 1.0 if lemma == modifier else terms.get(modifier, 0.0)
            found.append(Hit(quality, frozenset({index})) if quality else None)
        for state in thing.states:
            found.append(self._word_state(modifier, state))
        owners = [thing.owner] if thing.owner is not None else []
        owners += [
            place.thing
            for place in thing.places
            if place.preposition in ("of", "for", "with", "full of", "in")
        ]
        for owner in owners:
            quality = owner.terms.get(modifier, 0.0)
            found.append(Hit(quality * 0.95, frozenset({owner.head})) if quality else None)
        quality = 0.9 if modifier in thing.lemma.split()[:-1] else 0.0
        found.append(Hit(quality, frozenset({thing.head})) if quality else None)
        return best(found)

    def _word_state(self, word: str, state: State) -> Hit | None:
        quality = state.terms.get(word, 0.0)
        return Hit(quality, frozenset({state.token})) if quality and not state.negated else None

    def _state(self, want: WantState, thing: Thing) -> Hit | None:
        found: list[Hit | None] = []
        for state in thing.states:
            if state.negated == want.negated:
                quality = max(state.terms.get(want.word, 0.0), self._verbal(want, state))
                found.append(Hit(quality, frozenset({state.token})) if quality else None)
        for index, lemma, terms in thing.modifiers:
            quality = terms.get(want.word, 0.0) if lemma != want.word else 1.0
            found.append(Hit(quality, frozenset({index})) if quality else None)
        if want.verb:
            found += [self._undergoes(want, doing, thing) for doing in self.sentence.doings]
        else:
            found += [self._adverbial(want, doing, thing) for doing in self.sentence.doings]
        found += [
            Hit(quality * 0.9, frozenset({place.thing.head}))
            for place in thing.places
            if place.preposition in ("of", "in")
            and (quality := place.thing.terms.get(want.word, 0.0))
        ]
        return best(found)

    def _verbal(self, want: WantState, state: State) -> float:
        if not want.verb:
            return 0.0
        return state.terms.get(want.verb + ("-ed" if want.undergone else "-ing"), 0.0)

    def _undergoes(self, want: WantState, doing: Doing, thing: Thing) -> Hit | None:
        """A window broken, a window that someone breaks, a house that burns."""
        quality = doing.terms.get(want.verb, 0.0)
        if not quality or doing.unreal or doing.negated != want.negated or doing.nominal:
            return None
        if not want.undergone and roles.object_forbids(want.verb, doing):
            return None  # who runs a shop is not at full speed
        if doing.form == "to" and self.sentence.tokens[doing.start - 1].lemma in _ATTEMPTING:
            return None  # who tries to open a door has not opened it
        bearers = roles.patients(doing) if want.undergone else roles.agents(doing)
        if want.undergone and roles.may_happen_to_subject(doing):
            bearers = [*bearers, *doing.subjects]
        if thing not in bearers:
            return None
        return Hit(quality, frozenset({doing.head}))

    def _adverbial(self, want: WantState, doing: Doing, thing: Thing) -> Hit | None:
        if thing not in (*doing.subjects, *doing.objects) or doing.unreal or doing.negated:
            return None
        return Hit(1.0, frozenset({doing.head})) if want.word in doing.adverbs else None

    def _place(self, want: WantPlace, thing: Thing) -> Hit | None:
        if want.preposition == "without":
            return self._lacks(want, thing)
        kin = kin_of(want, self.lexicon)
        found: list[Hit | None] = [self.when(want)]
        for place in self._places(thing):
            if place.preposition == want.preposition or place.preposition in kin:
                found.append(self._at(want, place))
        found += [self._through_doing(want, doing, thing) for doing in self.sentence.doings]
        if want.preposition == "with" and roles.is_living(thing):  # a man and his dog
            found += [self.thing(want.thing, other) for other in thing.partners]
        if want.preposition == "of" or want.preposition == "in":
            found += [self.thing(want.thing, thing.owner) if thing.owner else None]
        return best(found)

    def when(self, want: WantPlace) -> Hit | None:
        """At night, in the rain: of everything in the caption, whatever the phrase hangs on."""
        if not _TIMES & set(want.thing.terms):
            return None
        return best(self._kind(want.thing, thing) for thing in self.sentence.things)

    def _places(self, thing: Thing) -> Iterator[Place]:
        yield from thing.places
        if "vehicle" in thing.terms:
            yield from self._places_of_rider(thing)
        for doing in self.sentence.doings:
            if doing.negated or doing.unreal:
                continue
            if thing in doing.subjects:
                yield from (p for p in doing.places if not roles.is_elsewhere(p, doing))
            elif thing in doing.objects and not roles.is_watching(doing):
                yield from (p for p in doing.places if p.preposition not in roles.DIRECTIONS)

    def _places_of_rider(self, vehicle: Thing) -> Iterator[Place]:
        """Two men on a scooter ride along the pavement: so does the scooter."""
        for doing in self.sentence.doings:
            if doing.negated or doing.unreal or not {"ride", "drive"} & doing.terms.keys():
                continue
            aboard = any(
                place.thing is vehicle and place.preposition in ("on", "in")
                for rider in doing.subjects
                for place in rider.places
            )
            if aboard or vehicle in doing.objects:
                yield from (place for place in doing.places if place.thing is not vehicle)

    def _at(self, want: WantPlace, place: Place) -> Hit | None:
        if place.preposition == "on" and place.quality < 1.0 and "body part" in place.thing.terms:
            return None  # with dirt on his knees: the dirt is
        hit = self.thing(want.thing, place.thing) or self._part_of(want.thing, place.thing)
        if hit is None:
            return None
        exact = 1.0 if place.preposition == want.preposition else 0.95
        return hit & Hit(place.quality * exact, frozenset({place.token}))

    def _through_doing(self, want: WantPlace, doing: Doing, thing: Thing) -> Hit | None:
        """with a bag: carrying one; in a coat: wearing one; on a bicycle: riding one; on a roof: crossing one."""
        if thing not in roles.agents(doing) or doing.negated or doing.unreal:
            return None
        if not roles.verb_means(doing, want.preposition):
            return None
        held = doing.subjects if doing.passive else doing.objects
        targets = held if want.preposition == "with" else roles.patients(doing)
        hit = best(self.thing(want.thing, target) for target in targets)
        return hit and hit & Hit(0.95, frozenset({doing.head}))

    def _lacks(self, want: WantPlace, thing: Thing) -> Hit | None:
        for place in self._places(thing):
            if place.thing.negated and self._kind(want.thing, place.thing):
                return Hit(0.95, frozenset({place.token, place.thing.head}))
        for doing in self.sentence.doings:
            if thing not in doing.subjects:
                continue
            for target in doing.objects:
                if (doing.negated or target.negated) and self._kind(want.thing, target):
                    return Hit(0.95, frozenset({doing.head, target.head}))
        return None

    def _part_of(self, want: WantThing, part: Thing) -> Hit | None:
        """Done to a part, done to the whole: the side of a house, a car door, a man's arm."""
        person, limb = "person" in want.terms, "body part" in part.terms
        if part.unreal or part.negated or (person and not limb):
            return None
        if person and not want.negated and not (part.owner or part.owned):
            return self._limb(want, part)
        hit = best(self.thing(want, whole) for whole in self._wholes(part))
        return hit and hit & Hit(0.9, frozenset({part.head}))

    def _limb(self, want: WantThing, part: Thing) -> Hit | None:
        """A hand opens a door: somebody does, of whom no more is known; not where an animal is about."""
        beasts = any("animal" in other.terms for other in self.sentence.things)
        special = want.states or want.places or beasts
        return None if special else Hit(0.85, frozenset({part.head}))

    def _wholes(self, part: Thing) -> list[Thing]:
        wholes = [part.owner] if part.owner is not None else []
        wholes += [
            place.thing
            for place in part.places
            if place.preposition in ("of", "to") and place.quality == 1.0
        ]
        wholes += [
            Thing(index, index, index + 1, lemma, terms)
            for index, lemma, terms in part.modifiers
            if _HAS_PARTS & terms.keys()
        ]
        if " " in part.lemma:
            first = part.lemma.split()[0]
            wholes.append(
                Thing(part.head, part.head, part.head + 1, first, self.lexicon.noun(first))
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
