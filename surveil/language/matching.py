"""Whether what happens in a caption is what a pattern wants."""

from __future__ import annotations

from collections.abc import Iterable

from surveil.language import roles
from surveil.language.constraints import GOING, Want, WantDoing, WantPlace, WantState, WantThing
from surveil.language.counting import exactly, number
from surveil.language.entities import NOTHING, Hit, ThingComparison, all, best
from surveil.language.lexicon import NEAR
from surveil.language.place_kin import kin_of
from surveil.language.sentence import Doing, Thing
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


class Comparison(ThingComparison):
    """One caption against all kinds of wants."""

    def meets(self, want: Want) -> Hit | None:
        if isinstance(want, WantDoing):
            return best(self.doing(want, doing) for doing in self.sentence.doings)
        if want.negated:
            return self._absent(want)
        hit = best(self.thing(want, thing) for thing in self.sentence.things)
        return hit or (self._altogether(want) if want.exact else None)

    def _altogether(self, want: WantThing) -> Hit | None:
        """Two people, told of one by one."""
        if want.terms != ("person",):
            return None
        if want.places or want.states or want.modifiers:
            return None
        persons = exactly(want.exact, self.sentence.things)
        if persons is None:
            return None
        return Hit(IMPLIED, frozenset(thing.head for thing in persons))

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
        return all(hit, needs)

    def _action(self, want: WantDoing, doing: Doing) -> float:
        if want.patient is None and roles.object_forbids(want.verb, doing):
            return 0.0
        if want.verb in GOING and want.places and "go" in doing.terms:
            return 0.95  # getting out of a car: stepping, climbing, jumping out of it
        if want.verb in GOING and want.places and not self._living(want.agent):
            return 0.9  # smoke coming from a house: billowing, rising, drifting
        if want.verb == "use" and doing.objects and not roles.is_watching(doing):
            return 0.85 if not _NOT_USING & doing.terms.keys() else 0.0
        if want.phrasal:
            quality = doing.terms.get(f"{want.verb} {want.phrasal}", 0.0)
            if quality:
                return quality
            if want.phrasal in _STATES_NOT_WAYS:
                return 0.0  # to stand open is not standing
            if want.phrasal in roles.MEANINGFUL_PARTICLES:
                told = {p.preposition for p in doing.places} - {
                    "in",
                    "in front of",
                }  # walking in blue
                ways = told | {preposition.split()[0] for preposition in told}  # away from
                same = set(want.phrasal.split()) <= doing.adverbs | ways
                return doing.terms.get(want.verb, 0.0) if same else 0.0
        kin = max((doing.terms.get(verb, 0.0) for verb in want.kin), default=0.0)
        return max(doing.terms.get(want.verb, 0.0), min(kin, NEAR))

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
            return None if doing.implied else NOTHING
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
            undergo = [*patients, *self._ergative(want, doing)]
            patient = self._some(want.patient, undergo, doing)
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
        several = self._several(want.agent, agents, patients, doing)
        if want.verb not in ("fight", "argue") and not several:
            return None
        return hit if several else hit & Hit(IMPLIED, frozenset())

    def _several(
        self, wanted: WantThing, agents: list[Thing], patients: list[Thing], doing: Doing
    ) -> bool:
        others = [place.thing for place in doing.places if place.preposition in ("with", "against")]
        many = sum(number(thing) for thing in agents)
        return (
            doing.mutual
            or many > 1
            or any(roles.is_person(thing) for thing in (*patients, *others))
            or any(self._kind(wanted, thing) for thing in (*patients, *others))
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
        if doing.implied or self._is_result(doing):
            return None  # a broken window does not tell of anybody breaking it
        person = "person" in agent.terms and not agent.states and not agent.places
        clause_start = doing.nominal or doing.passive or not doing.subjects
        return Hit(IMPLIED, frozenset()) if person and clause_start else None

    def _is_result(self, doing: Doing) -> bool:
        """The glass is broken: how it is. Was kicked, is being broken, had been broken: somebody did it."""
        words = {self.sentence.tokens[index].text for index in range(doing.start, doing.head)}
        return doing.passive and doing.lemma in _RESULTING and bool(words) and words <= _IS

    def _some(
        self, want: WantThing, things: Iterable[Thing], doing: Doing, *, any_number: bool = False
    ) -> Hit | None:
        things = list(things)
        several = any_number or (
            sum(number(thing) for thing in things) > 1 and not (want.exact or want.several)
        )
        hits = [self.thing(want, thing, any_number=several) for thing in things]
        return best([*hits, *(self._part_of(want, thing) for thing in things)])

    def _doing_place(self, want: WantPlace, doing: Doing) -> Hit | None:
        kin = kin_of(want, self.lexicon)
        if "cover" in doing.terms and want.preposition in _COVERED:
            kin |= _COVERED
        found: list[Hit | None] = [self.when(want)]
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
        return best(found)

    def _doing_state(self, want: WantState, doing: Doing) -> Hit | None:
        found = [self._word_state(want.word, state) for state in doing.states]
        for adverb in doing.adverbs:
            quality = self.lexicon.state(adverb).get(want.word, 0.0)
            found.append(Hit(quality, frozenset({doing.head})) if quality else None)
        found += [
            Hit(0.95, frozenset({place.thing.head}))
            for place in doing.places
            if place.preposition == "to" and place.thing.lemma == want.word  # turns to the left
        ]
        found += [self._state(want, thing) for thing in (*doing.subjects, *doing.objects)]
        return best(found)
