"""Nouns that name events: a brawl is fighting, a car crash is a car crashing."""

from __future__ import annotations

from surveil.language.lexicon import NEAR, Lexicon
from surveil.language.meaning import is_quantity
from surveil.language.sentence import Doing, Place, Sentence, Thing
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
    """For each event noun a doing beside the thing."""
    for thing in list(sentence.things):
        verb = verb_of(thing.lemma, lexicon)
        _add_light(thing, sentence, lexicon)
        season = thing.lemma == "fall" and thing.definite
        if verb is None or season or (is_quantity(thing) and thing.owner is not None):
            continue  # a row of trees is no quarrel
        doing = Doing(
            thing.start, thing.head, thing.end, verb, lexicon.verb(verb), "b", nominal=True
        )
        doing.subjects = _parties(thing, sentence)
        doing.places = [*thing.places, *_where_it_happens(thing, sentence)]
        doing.negated, doing.unreal = thing.negated, thing.unreal
        sentence.doings.append(doing)


def _add_light(thing: Thing, sentence: Sentence, lexicon: Lexicon) -> None:
    """Gives the door a kick, takes a nap: the noun says what is done, the verb hardly anything."""
    solid = any(thing.terms.get(term, 0.0) >= NEAR for term in _THINGS)
    if not lexicon.own_verb(thing.lemma) or solid:
        return
    for light in list(sentence.doings):
        made = light.lemma in _MAKING and thing.lemma in _MADE
        if not (made or light.lemma in _LIGHT) or thing not in light.objects or light.passive:
            continue
        terms = lexicon.verb(thing.lemma)
        doing = Doing(thing.start, thing.head, thing.end, thing.lemma, terms, "b")
        doing.subjects, doing.places = light.subjects, light.places
        doing.objects = [other for other in light.objects if other is not thing]
        doing.negated, doing.unreal = light.negated or thing.negated, light.unreal or thing.unreal
        sentence.doings.append(doing)


_LIGHT = frozenset({"give", "take"})
_MAKING = frozenset({"make", "do", "have"})
_MADE = word_set(
    """
    jump leap turn run walk fight call kick throw fall dance swim smoke drink rest nap stop jog dive chat talk jab slide
    """
)
"""What one makes, does or has when one does it: a jump, a turn, a chat; to make a fire is not firing."""
_THINGS = frozenset(
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


def _where_it_happens(event: Thing, sentence: Sentence) -> list[Place]:
    """A brawl broke out on the street."""
    return [
        place
        for doing in sentence.doings
        if event in doing.subjects and doing.lemma in _HAPPENING and not doing.unreal
        for place in doing.places
    ]


_HAPPENING = frozenset({"break", "start", "begin", "happen", "occur", "be", "take", "erupt", "go"})


def _parties(event: Thing, sentence: Sentence) -> list[Thing]:
    parties = [place.thing for place in event.places if place.preposition in _PARTIES]
    parties += [
        Thing(index, index, index + 1, lemma, terms)
        for index, lemma, terms in event.modifiers
        if "person" in terms or "animal" in terms or "vehicle" in terms
    ]
    for doing in sentence.doings:
        if event in doing.objects and doing.lemma in (
            "have",
            "start",
            "get",
            "engage",
            "begin",
            "join",
        ):
            parties += doing.subjects
        if any(
            place.thing is event and place.preposition in ("in", "into") for place in doing.places
        ):
            parties += doing.subjects
    return parties
