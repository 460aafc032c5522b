"""From a sentence in the shape of a pattern to what it asks for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from surveil.language import morphology
from surveil.language.constraints import (
    LEAVABLE,
    UNATTENDED,
    Constraint,
    EntityConstraint,
    PlaceConstraint,
    PredicateConstraint,
    StateConstraint,
)
from surveil.language.grammar import PARTICLES
from surveil.language.lexicon import Lexicon
from surveil.language.meaning import is_quantity
from surveil.language.sentence import Entity, Place, Predicate, Sentence

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
_EMPTY_VERBS = frozenset({"be", "see", "appear", "seem"})


def constraints_of(sentence: Sentence, lexicon: Lexicon) -> Iterator[Constraint]:
    taken: set[int] = set()
    for predicate in sentence.predicates:
        if _says_nothing(predicate):
            continue
        taken.update(id(entity) for entity in (*predicate.subjects, *predicate.objects))
        taken.update(id(place.entity) for place in predicate.places)
    held = {id(place.entity) for entity in sentence.entities for place in entity.places}
    held |= {id(entity.owner) for entity in sentence.entities}
    for predicate in sentence.predicates:
        if not _says_nothing(predicate):
            yield _predicate_constraint(predicate, sentence, lexicon)
    for entity in sentence.entities:
        if id(entity) not in taken and id(entity) not in held:
            yield entity_constraint(entity, sentence, lexicon)


def _says_nothing(predicate: Predicate) -> bool:
    """Being, and "left open": the state says it all."""
    left_so = predicate.lemma == "leave" and bool(predicate.states) and not predicate.objects
    return predicate.lemma in _EMPTY_VERBS or predicate.nominal or predicate.implied or left_so


def entity_constraint(entity: Entity, sentence: Sentence, lexicon: Lexicon) -> EntityConstraint:
    states = tuple(
        _state_constraint(state.token, sentence, lexicon, negated=state.negated)
        for state in entity.states
    )
    terms = _terms(entity, lexicon)
    left = _left_alone(entity, states)
    if left:
        states = tuple(state for state in states if not _says_left(state))
        terms = LEAVABLE if entity.lemma in ("package", "object", "item") else terms
    modifiers = [lemma for _, lemma, _ in entity.modifiers]
    if entity.owner is not None and is_quantity(entity):
        modifiers += entity_constraint(entity.owner, sentence, lexicon).terms
    return EntityConstraint(
        terms=terms,
        states=states,
        modifiers=tuple(modifiers),
        places=tuple(
            PlaceConstraint(place.preposition, entity_constraint(place.entity, sentence, lexicon))
            for place in _entity_places(entity, sentence)
        ),
        plural=_asks_for_several(entity, sentence),
        exact=entity.exact if entity.exact > 1 else 0,
        several=any(sentence.tokens[i].text in _SEVERAL for i in range(entity.start, entity.head)),
        negated=entity.negated,
        left_alone=left,
    )


def _terms(entity: Entity, lexicon: Lexicon) -> tuple[str, ...]:
    if "self" in entity.terms:
        return ("self",)
    if (entity.pronoun and "person" in entity.terms) or entity.lemma in _PEOPLE:
        return ("person",)
    return _ANYTHING.get(entity.lemma) or lexicon.noun_equals(entity.lemma)


def _left_alone(entity: Entity, states: tuple[StateConstraint, ...]) -> bool:
    """An unattended bag takes evidence; a lone man does not."""
    living = {"person", "animal"} & entity.terms.keys()
    leavable = not living and bool({*LEAVABLE} & entity.terms.keys())
    return leavable and any(map(_says_left, states))


def _says_left(state: StateConstraint) -> bool:
    return state.word in UNATTENDED or state.word in ("alone", "lone")


def _entity_places(entity: Entity, sentence: Sentence) -> Iterator[Place]:
    """Its own and those of its being somewhere; not the mask of masked, for which see `appearance`."""
    told = {state.token for state in entity.states}
    places = [place for place in entity.places if place.token not in told]
    for predicate in sentence.predicates:
        if entity in predicate.subjects and predicate.lemma in _EMPTY_VERBS:
            places += predicate.places
    yield from (place for place in places if place.entity is not entity)


def _asks_for_several(entity: Entity, sentence: Sentence) -> bool:
    """ "people" and "two dogs" ask for more than one; any other plural is but a manner of speaking."""
    counted = any(sentence.tokens[i].tag in ("Q", "D") for i in range(entity.start, entity.head))
    return entity.lemma in ("people", "couple", "pair") or (entity.count >= 2 and counted)


def _state_constraint(
    index: int, sentence: Sentence, lexicon: Lexicon, *, negated: bool
) -> StateConstraint:
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
    return StateConstraint(token.text, verb, undergone=undergone, negated=negated)


def _widest(implied: list[tuple[str, bool]], lexicon: Lexicon) -> tuple[str, bool]:
    """Of blazing, flaming and burning the last: the others are ways of it."""
    verbs = [verb for verb, _ in implied]

    def ways(found: tuple[str, bool]) -> int:
        return sum(found[0] in lexicon.verb(verb) for verb in verbs)

    return max(implied, key=ways, default=("", True))


def _predicate_constraint(
    predicate: Predicate, sentence: Sentence, lexicon: Lexicon
) -> PredicateConstraint:
    subject = (
        entity_constraint(predicate.subjects[0], sentence, lexicon) if predicate.subjects else None
    )
    if subject is not None and len(predicate.subjects) > 1:
        subject = replace(subject, plural=True)
    by = next((place.entity for place in predicate.places if place.preposition == "by"), None)
    passive = predicate.passive or (predicate.open_voice and by is not None)
    target = predicate.objects[0] if predicate.objects else None
    patient = (
        entity_constraint(target, sentence, lexicon)
        if target is not None and not predicate.mutual
        else None
    )
    agent = subject
    if passive:
        agent, patient = (
            (entity_constraint(by, sentence, lexicon) if by is not None else None),
            subject,
        )
    inanimate = bool(predicate.subjects) and not (
        {"person", "animal"} & predicate.subjects[0].terms.keys()
    )
    return PredicateConstraint(
        verb=predicate.lemma,
        kin=lexicon.verb_equals(predicate.lemma),
        agent=agent,
        patient=patient,
        places=tuple(_predicate_places(predicate, sentence, lexicon, passive=passive)),
        states=(
            *(
                _state_constraint(s.token, sentence, lexicon, negated=s.negated)
                for s in predicate.states
            ),
            *(StateConstraint(word) for word in sorted(predicate.adverbs & _MANNERS)),
        ),
        negated=predicate.negated,
        either_role=not passive and target is None and (inanimate or predicate.open_voice),
        mutual=predicate.mutual,
        phrase=predicate.phrase,
        phrasal=" ".join(
            token.text for token in sentence.tokens[predicate.head + 1 : predicate.end]
        ),
    )


def _predicate_places(
    predicate: Predicate, sentence: Sentence, lexicon: Lexicon, *, passive: bool
) -> Iterator[PlaceConstraint]:
    for place in predicate.places:
        if passive and place.preposition == "by":
            continue
        if place.quality == 1.0 and place.entity not in predicate.objects:
            yield PlaceConstraint(
                place.preposition, entity_constraint(place.entity, sentence, lexicon)
            )
