"""From a sentence in the shape of a pattern to what it asks for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from surveil.language import morphology
from surveil.language.constraints import (
    LEFT_THINGS,
    UNATTENDED,
    Want,
    WantDoing,
    WantPlace,
    WantState,
    WantThing,
)
from surveil.language.grammar import PARTICLES
from surveil.language.lexicon import Lexicon
from surveil.language.meaning import is_quantity
from surveil.language.sentence import Doing, Place, Sentence, Thing

_ANYTHING = {
    "something": ("*",),
    "anything": ("*",),
    "thing": ("*thing",),
    "object": ("*thing",),
    "item": ("*thing",),
}
_MANNERS = frozenset({"fast", "quickly", "slowly", "slow", "left", "right"})
"""How or where to it is done: asked for like a state."""
_SEVERAL = frozenset({"several", "many", "multiple", "numerous"})
_PEOPLE = frozenset({"people", "person", "somebody", "human", "couple"})
_NO_WANT = frozenset({"be", "see", "appear", "seem"})


def wants_of(sentence: Sentence, lexicon: Lexicon) -> Iterator[Want]:
    taken: set[int] = set()
    for doing in sentence.doings:
        if _says_nothing(doing):
            continue
        taken.update(id(thing) for thing in (*doing.subjects, *doing.objects))
        taken.update(id(place.thing) for place in doing.places)
    held = {id(place.thing) for thing in sentence.things for place in thing.places}
    held |= {id(thing.owner) for thing in sentence.things}
    for doing in sentence.doings:
        if not _says_nothing(doing):
            yield _want_doing(doing, sentence, lexicon)
    for thing in sentence.things:
        if id(thing) not in taken and id(thing) not in held:
            yield want_thing(thing, sentence, lexicon)


def _says_nothing(doing: Doing) -> bool:
    """Being, and "left open": the state says it all."""
    left_so = doing.lemma == "leave" and bool(doing.states) and not doing.objects
    return doing.lemma in _NO_WANT or doing.nominal or doing.implied or left_so


def want_thing(thing: Thing, sentence: Sentence, lexicon: Lexicon) -> WantThing:
    states = tuple(
        _want_state(state.token, sentence, lexicon, negated=state.negated) for state in thing.states
    )
    terms = _terms(thing, lexicon)
    left = _left_alone(thing, states)
    if left:
        states = tuple(state for state in states if not _says_left(state))
        terms = LEFT_THINGS if thing.lemma in ("package", "object", "item") else terms
    modifiers = [lemma for _, lemma, _ in thing.modifiers]
    if thing.owner is not None and is_quantity(thing):
        modifiers += want_thing(thing.owner, sentence, lexicon).terms
    return WantThing(
        terms=terms,
        states=states,
        modifiers=tuple(modifiers),
        places=tuple(
            WantPlace(place.preposition, want_thing(place.thing, sentence, lexicon))
            for place in _thing_places(thing, sentence)
        ),
        plural=_wants_many(thing, sentence),
        exact=thing.exact if thing.exact > 1 else 0,
        several=any(sentence.tokens[i].text in _SEVERAL for i in range(thing.start, thing.head)),
        negated=thing.negated,
        left_alone=left,
    )


def _terms(thing: Thing, lexicon: Lexicon) -> tuple[str, ...]:
    if "self" in thing.terms:
        return ("self",)
    if (thing.pronoun and "person" in thing.terms) or thing.lemma in _PEOPLE:
        return ("person",)
    return _ANYTHING.get(thing.lemma) or lexicon.noun_equals(thing.lemma)


def _left_alone(thing: Thing, states: tuple[WantState, ...]) -> bool:
    """An unattended bag wants evidence; a lone man does not."""
    living = {"person", "animal"} & thing.terms.keys()
    leavable = not living and bool({*LEFT_THINGS} & thing.terms.keys())
    return leavable and any(map(_says_left, states))


def _says_left(state: WantState) -> bool:
    return state.word in UNATTENDED or state.word in ("alone", "lone")


def _thing_places(thing: Thing, sentence: Sentence) -> Iterator[Place]:
    """Its own and those of its being somewhere; not the mask of masked, for which see `looks`."""
    told = {state.token for state in thing.states}
    places = [place for place in thing.places if place.token not in told]
    for doing in sentence.doings:
        if thing in doing.subjects and doing.lemma in _NO_WANT:
            places += doing.places
    yield from (place for place in places if place.thing is not thing)


def _wants_many(thing: Thing, sentence: Sentence) -> bool:
    """ "people" and "two dogs" ask for more than one; any other plural is but a manner of speaking."""
    counted = any(sentence.tokens[i].tag in ("Q", "D") for i in range(thing.start, thing.head))
    return thing.lemma in ("people", "couple", "pair") or (thing.count >= 2 and counted)


def _want_state(index: int, sentence: Sentence, lexicon: Lexicon, *, negated: bool) -> WantState:
    token = sentence.tokens[index]
    first, *rest = token.text.split()
    reading = morphology.read(first)
    phrasal = all(
        word in PARTICLES for word in rest
    )  # kicked in, but not left ajar or covered in blood
    participle = phrasal and bool(reading.verbs) and reading.verb_forms not in ("b", "z", "bz")
    verb = reading.verbs[0] if participle else ""
    undergone = "g" not in reading.verb_forms
    if not verb:  # on fire is burning
        implied = [lexicon.participle(state) for state in lexicon.state(token.text)]
        verb, undergone = _widest([found for found in implied if found[0]], lexicon)
    return WantState(token.text, verb, undergone=undergone, negated=negated)


def _widest(implied: list[tuple[str, bool]], lexicon: Lexicon) -> tuple[str, bool]:
    """Of blazing, flaming and burning the last: the others are ways of it."""
    verbs = [verb for verb, _ in implied]

    def ways(found: tuple[str, bool]) -> int:
        return sum(found[0] in lexicon.verb(verb) for verb in verbs)

    return max(implied, key=ways, default=("", True))


def _want_doing(doing: Doing, sentence: Sentence, lexicon: Lexicon) -> WantDoing:
    subject = want_thing(doing.subjects[0], sentence, lexicon) if doing.subjects else None
    if subject is not None and len(doing.subjects) > 1:
        subject = replace(subject, plural=True)
    by = next((place.thing for place in doing.places if place.preposition == "by"), None)
    passive = doing.passive or (doing.open_voice and by is not None)
    target = doing.objects[0] if doing.objects else None
    patient = (
        want_thing(target, sentence, lexicon) if target is not None and not doing.mutual else None
    )
    agent = subject
    if passive:
        agent, patient = (want_thing(by, sentence, lexicon) if by is not None else None), subject
    inanimate = bool(doing.subjects) and not ({"person", "animal"} & doing.subjects[0].terms.keys())
    return WantDoing(
        verb=doing.lemma,
        kin=lexicon.verb_equals(doing.lemma),
        agent=agent,
        patient=patient,
        places=tuple(_doing_places(doing, sentence, lexicon, passive=passive)),
        states=(
            *(_want_state(s.token, sentence, lexicon, negated=s.negated) for s in doing.states),
            *(WantState(word) for word in sorted(doing.adverbs & _MANNERS)),
        ),
        negated=doing.negated,
        either_role=not passive and target is None and (inanimate or doing.open_voice),
        mutual=doing.mutual,
        phrase=doing.phrase,
        phrasal=" ".join(token.text for token in sentence.tokens[doing.head + 1 : doing.end]),
    )


def _doing_places(
    doing: Doing, sentence: Sentence, lexicon: Lexicon, *, passive: bool
) -> Iterator[WantPlace]:
    for place in doing.places:
        if passive and place.preposition == "by":
            continue
        if place.quality == 1.0 and place.thing not in doing.objects:
            yield WantPlace(place.preposition, want_thing(place.thing, sentence, lexicon))
