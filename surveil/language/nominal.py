"""Nouns that name events: a brawl is fighting, a car crash is a car crashing."""

from __future__ import annotations

from surveil.language.lexicon import NEAR, Lexicon
from surveil.language.meaning import is_quantity
from surveil.language.sentence import Entity, Place, Predicate, Sentence
from surveil.language.wordset import word_set

EVENTS = {
    "fight": "fight",
    "accident": "crash",
    "collision": "crash",
    "robbery": "rob",
    "theft": "steal",
    "burglary": "break in",
    "break-in": "break in",
    "attack": "attack",
    "assault": "attack",
    "chase": "chase",
    "pursuit": "chase",
    "explosion": "explode",
    "leak": "leak",
    "protest": "protest",
    "argument": "argue",
    "flood": "flood",
    "shooting": "shoot",
    "stabbing": "stab",
    "hug": "hug",
    "kiss": "kiss",
    "arrest": "arrest",
    "fall": "fall",
    "vandalism": "vandalize",
    "delivery": "deliver",
}
"""Noun term -> the verb that it stands for."""
_PARTIES = ("between", "among", "of", "by", "with", "involving")


def verb_of(lemma: str, lexicon: Lexicon) -> str | None:
    """The verb behind an event noun, through its kin: a melee is a fight is fighting."""
    if lemma in EVENTS:
        return EVENTS[lemma]
    return next((EVENTS[term] for term in lexicon.noun(lemma) if term in EVENTS), None)


def add_events(sentence: Sentence, lexicon: Lexicon) -> None:
    """For each event noun a predicate beside the entity."""
    for entity in list(sentence.entities):
        verb = verb_of(entity.lemma, lexicon)
        _add_light(entity, sentence, lexicon)
        season = entity.lemma == "fall" and entity.definite
        if verb is None or season or (is_quantity(entity) and entity.owner is not None):
            continue  # a row of trees is no quarrel
        predicate = Predicate(
            entity.start, entity.head, entity.end, verb, lexicon.verb(verb), "b", nominal=True
        )
        predicate.subjects = _parties(entity, sentence)
        predicate.places = [*entity.places, *_where_it_happens(entity, sentence)]
        predicate.negated, predicate.unreal = entity.negated, entity.unreal
        sentence.predicates.append(predicate)


def _add_light(entity: Entity, sentence: Sentence, lexicon: Lexicon) -> None:
    """Gives the door a kick, takes a nap: the noun says what is done, the verb hardly anything."""
    solid = any(entity.terms.get(term, 0.0) >= NEAR for term in _SOLID)
    if not lexicon.own_verb(entity.lemma) or solid:
        return
    for light in list(sentence.predicates):
        made = light.lemma in _MAKING and entity.lemma in _MADE
        if not (made or light.lemma in _LIGHT) or entity not in light.objects or light.passive:
            continue
        terms = lexicon.verb(entity.lemma)
        predicate = Predicate(entity.start, entity.head, entity.end, entity.lemma, terms, "b")
        predicate.subjects, predicate.places = light.subjects, light.places
        predicate.objects = [other for other in light.objects if other is not entity]
        predicate.negated, predicate.unreal = (
            light.negated or entity.negated,
            light.unreal or entity.unreal,
        )
        sentence.predicates.append(predicate)


_LIGHT = frozenset({"give", "take"})
_MAKING = frozenset({"make", "do", "have"})
_MADE = word_set(
    """
    jump leap turn run walk fight call kick throw fall dance swim smoke drink rest nap stop jog dive chat talk jab slide
    """
)
"""What one makes, does or has when one does it: a jump, a turn, a chat; to make a fire is not firing."""
_SOLID = frozenset(
    {
        "object",
        "container",
        "tool",
        "food",
        "vehicle",
        "drink",
        "plant",
        "animal",
        "person",
        "bag",
        "clothing",
        "clothes",
        "mask",
        "hat",
    }
)
"""To give somebody a box is not boxing."""


def _where_it_happens(event: Entity, sentence: Sentence) -> list[Place]:
    """A brawl broke out on the street."""
    return [
        place
        for predicate in sentence.predicates
        if event in predicate.subjects and predicate.lemma in _HAPPENING and not predicate.unreal
        for place in predicate.places
    ]


_HAPPENING = frozenset({"break", "start", "begin", "happen", "occur", "be", "take", "erupt", "go"})


def _parties(event: Entity, sentence: Sentence) -> list[Entity]:
    parties = [place.entity for place in event.places if place.preposition in _PARTIES]
    parties += [
        Entity(index, index, index + 1, lemma, terms)
        for index, lemma, terms in event.modifiers
        if "person" in terms or "animal" in terms or "vehicle" in terms
    ]
    for predicate in sentence.predicates:
        if event in predicate.objects and predicate.lemma in (
            "have",
            "start",
            "get",
            "engage",
            "begin",
            "join",
        ):
            parties += predicate.subjects
        if any(
            place.entity is event and place.preposition in ("in", "into")
            for place in predicate.places
        ):
            parties += predicate.subjects
    return parties
