"""Whether what a caption says meets what a pattern wants.

Each comparison gives a Hit, with a quality and the tokens that spoke for it, or None. Qualities multiply: 1 for the
very word, 0.95 for kin in our files, 0.8 for kin in WordNet, and less for each attachment that is doubtful.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from surveil.rules import roles
from surveil.rules.grammar import PREPOSITION_KIN
from surveil.rules.lexicon import Lexicon
from surveil.rules.sentence import Doing, Place, Sentence, State, Thing
from surveil.rules.unattended import sole_evidence
from surveil.rules.wordset import word_set
from surveil.rules.wants import GOING, Want, WantDoing, WantPlace, WantState, WantThing

IMPLIED = 0.85
"""Quality where a participant is understood, not named."""
_SEVERAL = frozenset(
    {"fight", "argue", "hug", "kiss", "talk", "dance", "chat", "wrestle", "box", "brawl", "meet"}
)
"""What takes two: the other may be an object or a companion."""


_HAS_PARTS = frozenset(
    {"vehicle", "building", "door", "window", "fence", "furniture", "machine", "structure"}
)
_WIDE = frozenset(
    {
        "bed",
        "road",
        "street",
        "ground",
        "grass",
        "field",
        "platform",
        "seat",
        "chair",
        "sofa",
        "yard",
        "parking lot",
        "stairs",
        "boat",
        "bus",
        "train",
        "balcony",
        "hallway",
        "bench",
        "floor",
        "driveway",
        "sidewalk",
        "court",
        "snow",
        "water",
    }
)
"""Where `in` and `on` say the same."""


_NOT_USING = word_set("carry leave pass put drop sell buy take near fix repair break see want approach steal wear")


class Hit(NamedTuple):
    quality: float
    tokens: frozenset[int]

    def __and__(self, other: Hit) -> Hit:
        return Hit(self.quality * other.quality, self.tokens | other.tokens)


NOTHING = Hit(1.0, frozenset())


class Comparison:
    """One caption against wants."""

    def __init__(self, sentence: Sentence, lexicon: Lexicon) -> None:
        self.sentence = sentence
        self.lexicon = lexicon

    def meets(self, want: Want) -> Hit | None:
        if isinstance(want, WantDoing):
            return _best(self.doing(want, doing) for doing in self.sentence.doings)
        if want.negated:
            return self._absent(want)
        return _best(self.thing(want, thing) for thing in self.sentence.things)

    # --- things

    def thing(self, want: WantThing, thing: Thing, *, any_number: bool = False) -> Hit | None:
        hit = self._kind(want, thing)
        if hit is None and " " in want.terms[0]:
            return self._apart(want, thing, any_number=any_number)
        if hit is None or thing.unreal or thing.negated != want.negated:
            return None
        if not any_number and not _enough(want, thing):
            return None
        hit = hit & Hit(1.0, frozenset(range(thing.start, thing.end)))
        needs: list[Hit | None] = [self._state(state, thing) for state in want.states]
        needs += [self._modifier(modifier, thing) for modifier in want.modifiers]
        needs += [self._place(place, thing) for place in want.places]
        if want.left_alone:
            needs.append(self._left_alone(thing))
        return _all(hit, needs)

    def _apart(self, want: WantThing, thing: Thing, *, any_number: bool) -> Hit | None:
        """A car window is also the window of a car."""
        first, _, head = want.terms[0].rpartition(" ")
        apart = replace(want, terms=(head,), modifiers=(*want.modifiers, first))
        return self.thing(apart, thing, any_number=any_number)

    def _kind(self, want: WantThing, thing: Thing) -> Hit | None:
        if want.terms == ("*",):
            return NOTHING
        if want.terms == ("*thing",):
            return None if roles.is_living(thing) else NOTHING
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
        return _best(found)

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
        return _best(found)

    def _verbal(self, want: WantState, state: State) -> float:
        if not want.verb:
            return 0.0
        return state.terms.get(want.verb + ("-ed" if want.undergone else "-ing"), 0.0)

    def _undergoes(self, want: WantState, doing: Doing, thing: Thing) -> Hit | None:
        """A window broken, a window that someone breaks, a house that burns."""
        quality = doing.terms.get(want.verb, 0.0)
        if not quality or doing.unreal or doing.negated != want.negated or doing.nominal:
            return None
        bearers = roles.patients(doing) if want.undergone else roles.agents(doing)
        if want.undergone and roles.may_happen_to_subject(doing):
            bearers = [*bearers, *doing.subjects]
        if thing not in bearers:
            return None
        return Hit(quality, frozenset({doing.head}))

    def _adverbial(self, want: WantState, doing: Doing, thing: Thing) -> Hit | None:
        if thing not in (*doing.subjects, *doing.objects) or doing.unreal:
            return None
        return Hit(1.0, frozenset({doing.head})) if want.word in doing.adverbs else None

    # --- places

    def _place(self, want: WantPlace, thing: Thing) -> Hit | None:
        if want.preposition == "without":
            return self._lacks(want, thing)
        kin = _kin(want, self.lexicon)
        found: list[Hit | None] = []
        for place in self._places(thing):
            if place.preposition == want.preposition or place.preposition in kin:
                found.append(self._at(want, place))
        found += [self._through_doing(want, doing, thing) for doing in self.sentence.doings]
        if want.preposition == "of" or want.preposition == "in":
            found += [self.thing(want.thing, thing.owner) if thing.owner else None]
        return _best(found)

    def _places(self, thing: Thing) -> Iterator[Place]:
        yield from thing.places
        for doing in self.sentence.doings:
            if doing.negated or doing.unreal:
                continue
            if thing in doing.subjects:
                yield from doing.places
            elif thing in doing.objects and not roles.is_watching(doing):
                yield from (p for p in doing.places if p.preposition not in roles.DIRECTIONS)

    def _at(self, want: WantPlace, place: Place) -> Hit | None:
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
        hit = _best(self.thing(want.thing, target) for target in roles.patients(doing))
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

    # --- doings

    def doing(self, want: WantDoing, doing: Doing) -> Hit | None:
        if doing.unreal:
            return None
        if want.negated != doing.negated:
            return self._not_doing(want, doing)
        quality = self._action(want, doing)
        if not quality:
            return None
        hit = Hit(quality, frozenset(range(doing.start, doing.end)))
        needs = [self._participants(want, doing)]
        needs += [self._doing_place(place, doing) for place in want.places]
        needs += [self._doing_state(state, doing) for state in want.states]
        return _all(hit, needs)

    def _action(self, want: WantDoing, doing: Doing) -> float:
        if roles.object_forbids(want.verb, doing):
            return 0.0
        if (
            want.verb in GOING and want.places
            and "go" in doing.terms
        ):
            return 0.95  # getting out of a car: stepping, climbing, jumping out of it
        if want.verb in GOING and want.places and not self._living(want.agent):
            return 0.9  # smoke coming from a house: billowing, rising, drifting
        if want.verb == "use" and doing.objects and not roles.is_watching(doing):
            return 0.85 if not _NOT_USING & doing.terms.keys() else 0.0
        if want.phrasal:
            quality = doing.terms.get(f"{want.verb} {want.phrasal}", 0.0)
            if quality:
                return quality
            if want.phrasal in roles.MEANINGFUL_PARTICLES:
                same = set(want.phrasal.split()) <= doing.adverbs | {
                    p.preposition for p in doing.places
                }
                return doing.terms.get(want.verb, 0.0) if same else 0.0
        return doing.terms.get(want.verb, 0.0)

    def _living(self, agent: WantThing | None) -> bool:
        terms = self.lexicon.noun(agent.terms[0]) if agent is not None else {}
        return any(term in terms for term in ("person", "animal", "vehicle"))

    def _not_doing(self, want: WantDoing, doing: Doing) -> Hit | None:
        """ "person not wearing a helmet" is also one without a helmet."""
        if (
            not want.negated
            or want.patient is None
            or want.verb not in ("wear", "carry", "hold", "have", "use")
        ):
            return None
        place = WantPlace("without", want.patient)
        agent = want.agent or WantThing(("*",))
        for thing in doing.subjects:
            hit, lack = self.thing(agent, thing), self._lacks(place, thing)
            if hit is not None and lack is not None:
                return hit & lack
        return None

    def _participants(self, want: WantDoing, doing: Doing) -> Hit | None:
        agents, patients = roles.agents(doing), roles.patients(doing)
        if want.mutual and not doing.mutual:
            return None
        if want.agent is None and want.patient is None:
            return NOTHING
        if want.either_role:
            alone = want.agent or want.patient
            assert alone is not None
            acted_on = alone.terms == ("*thing",) and any(map(roles.is_living, agents))
            if acted_on and not roles.happens(doing):
                return None  # smoking a pipe is not a smoking pipe
            return self._some(alone, [*agents, *patients], doing)
        hit: Hit | None = NOTHING
        if want.agent is not None:
            hit = self._agent(want, agents, patients, doing)
        if hit is not None and want.patient is not None:
            patient = self._some(want.patient, patients or self._ergative(want, doing), doing)
            return patient and hit & patient
        return hit

    def _ergative(self, want: WantDoing, doing: Doing) -> list[Thing]:
        return doing.subjects if want.agent is None and roles.may_happen_to_subject(doing) else []

    def _agent(
        self, want: WantDoing, agents: list[Thing], patients: list[Thing], doing: Doing
    ) -> Hit | None:
        assert want.agent is not None
        if not agents:
            return self._implied(want.agent, doing)
        takes_two = want.verb in _SEVERAL
        if takes_two and self._against_a_thing(want.agent, patients, doing):
            return None
        hit = self._some(want.agent, agents, doing, any_number=takes_two)
        if hit is None or not (takes_two and want.agent.plural):
            return hit
        if want.verb not in ("fight", "argue") and not self._several(agents, patients, doing):
            return None
        return hit if self._several(agents, patients, doing) else hit & Hit(IMPLIED, frozenset())

    def _several(self, agents: list[Thing], patients: list[Thing], doing: Doing) -> bool:
        others = [place.thing for place in doing.places if place.preposition in ("with", "against")]
        many = sum(roles.number(thing) for thing in agents)
        return (
            doing.mutual
            or many > 1
            or any(roles.is_person(thing) for thing in (*patients, *others))
        )

    def _against_a_thing(self, agent: WantThing, patients: list[Thing], doing: Doing) -> bool:
        """Fighting a fire is not fighting."""
        return (
            bool(doing.objects)
            and not any(roles.is_living(thing) for thing in patients)
            and "person" in agent.terms
        )

    def _implied(self, agent: WantThing, doing: Doing) -> Hit | None:
        """A brawl, "walking behind the car", "a window is smashed": somebody does it."""
        if doing.implied:
            return None  # a broken window does not tell of anybody breaking it
        person = "person" in agent.terms and not agent.states and not agent.places
        clause_start = doing.nominal or doing.passive or not doing.subjects
        return Hit(IMPLIED, frozenset()) if person and clause_start else None

    def _some(
        self, want: WantThing, things: Iterable[Thing], doing: Doing, *, any_number: bool = False
    ) -> Hit | None:
        things = list(things)
        several = any_number or (sum(roles.number(thing) for thing in things) > 1 and not (want.exact or want.several))
        hits = [self.thing(want, thing, any_number=several) for thing in things]
        return _best([*hits, *(self._part_of(want, thing) for thing in things)])

    def _part_of(self, want: WantThing, part: Thing) -> Hit | None:
        """Done to a part, done to the whole: the side of a house, a car door, a man's arm."""
        if (
            part.unreal
            or part.negated
            or ("person" in want.terms and "body part" not in part.terms)
        ):
            return None
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
            wholes.append(Thing(part.head, part.head, part.head + 1, first, self.lexicon.noun(first)))
        hit = _best(self.thing(want, whole) for whole in wholes)
        return hit and hit & Hit(0.9, frozenset({part.head}))

    def _doing_place(self, want: WantPlace, doing: Doing) -> Hit | None:
        kin = _kin(want, self.lexicon)
        found: list[Hit | None] = []
        bearers = [*doing.subjects, *doing.objects]
        for place in [*doing.places, *(p for thing in bearers for p in thing.places)]:
            if place.preposition == want.preposition or place.preposition in kin:
                found.append(self._at(want, place))
        for target in doing.objects:
            hit = self.thing(want.thing, target)
            means = roles.verb_means(doing, want.preposition)
            found.append(hit & Hit(0.9, frozenset()) if hit is not None and means else None)
        for thing in doing.subjects:
            found.append(self._place(want, thing))
        return _best(found)

    def _doing_state(self, want: WantState, doing: Doing) -> Hit | None:
        found = [self._word_state(want.word, state) for state in doing.states]
        found += [self._state(want, thing) for thing in (*doing.subjects, *doing.objects)]
        return _best(found)


def _enough(want: WantThing, thing: Thing) -> bool:
    exact = roles.exact_number(thing)
    if want.exact:
        return exact == want.exact
    if want.several:
        return roles.number(thing) >= 2 and exact in (0, *range(3, 10_000))
    return not want.plural or roles.number(thing) >= 2


def _kin(want: WantPlace, lexicon: Lexicon) -> frozenset[str]:
    """Prepositions of a caption that satisfy the pattern's."""
    kin = PREPOSITION_KIN.get(want.preposition, frozenset({want.preposition}))
    wide = want.preposition in ("on", "in") and _WIDE & lexicon.noun(want.thing.terms[0]).keys()
    return kin | {"on", "in"} if wide else kin


def _best(hits: Iterable[Hit | None]) -> Hit | None:
    return max((hit for hit in hits if hit is not None), key=lambda hit: hit.quality, default=None)


def _all(hit: Hit, needs: Iterable[Hit | None]) -> Hit | None:
    for need in needs:
        if need is None:
            return None
        hit = hit & need
    return hit
