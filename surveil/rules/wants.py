"""What a pattern asks for: the same shapes as a sentence, as requirements.

A pattern is read by the reader of captions and turned into wants; other ways to say the same (meanings.txt) become
alternatives. All wants of one alternative must be met by one caption.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources

from surveil.rules import morphology, nominal
from surveil.rules.grammar import FUNCTION
from surveil.rules.lexicon import Lexicon
from surveil.rules.meaning import is_quantity
from surveil.rules.reader import read
from surveil.rules.sentence import Doing, Sentence, Thing
from surveil.rules.tokens import tokenise

REWORDED = 0.9
"""Quality of a match through another way to say it."""
UNATTENDED = frozenset({"suspicious", "unattended", "abandoned", "unclaimed"})
LEFT_THINGS = ("package", "bag", "luggage", "box", "case", "parcel", "bundle", "cooler")


@dataclass(frozen=True, slots=True)
class WantState:
    """An adjective, or a participle with its verb: broken (break, undergone), burning (burn, done)."""

    word: str
    verb: str = ""
    undergone: bool = False
    negated: bool = False


@dataclass(frozen=True, slots=True)
class WantPlace:
    preposition: str
    thing: WantThing


@dataclass(frozen=True, slots=True)
class WantThing:
    terms: tuple[str, ...]
    """Any of these; `*` is anything, `*thing` anything without life."""
    states: tuple[WantState, ...] = ()
    modifiers: tuple[str, ...] = ()
    places: tuple[WantPlace, ...] = ()
    plural: bool = False
    exact: int = 0
    """Exactly so many; 0: any number."""
    several: bool = False
    """At least three."""
    negated: bool = False
    left_alone: bool = False
    """It must be unattended."""


@dataclass(frozen=True, slots=True)
class WantDoing:
    verb: str
    agent: WantThing | None = None
    patient: WantThing | None = None
    places: tuple[WantPlace, ...] = ()
    states: tuple[WantState, ...] = ()
    negated: bool = False
    either_role: bool = False
    """The single argument may do it or undergo it: a window breaking."""
    mutual: bool = False
    phrasal: str = ""
    """With its particle, where it has one: kick in."""
    phrase: str = ""
    """As a phrasal verb, its preposition included, where there is such a verb: break into."""


Want = WantThing | WantDoing


@dataclass(frozen=True, slots=True)
class Alternative:
    """Wants that must all be met."""

    wants: tuple[Want, ...]
    quality: float
    anchors: tuple[frozenset[str], ...] = ()
    """A caption that lacks all terms of one of these cannot match."""
    wording: str = ""
    """The other way to say it; empty for the pattern's own words."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern; no alternatives means that it has no content."""

    text: str
    alternatives: tuple[Alternative, ...] = field(default=())


_ANYTHING = {
    "something": ("*",),
    "anything": ("*",),
    "thing": ("*thing",),
    "object": ("*thing",),
    "item": ("*thing",),
}
_USUAL_AGENTS = {"crash": ("vehicle",)}
_POSSESSING = frozenset({"wear", "carry", "hold", "have", "use"})
_STANCES = frozenset({"stand", "wait", "stay", "remain"})
"""What a caption leaves out: who is on a ladder stands on it."""
GOING = frozenset({"get", "go", "come", "move", "step"})
"""With a place these ask for any way of going there."""
_SEVERAL = frozenset({"several", "many", "multiple", "numerous"})
_PEOPLE = frozenset({"people", "person", "somebody", "human", "couple"})
_NO_WANT = frozenset({"be", "see", "appear", "seem"})


def compile_pattern(text: str, lexicon: Lexicon) -> Pattern:
    """Requirements of an operator's phrase."""
    wants = tuple(_wants(read(text, lexicon), lexicon))
    if not wants:
        return Pattern(text)
    base = Alternative(wants, 1.0, _anchors(wants))
    return Pattern(text, (base, *_reworded(wants, lexicon)))


def _wants(sentence: Sentence, lexicon: Lexicon) -> Iterator[Want]:
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
        _want_state(state.token, sentence, negated=state.negated) for state in thing.states
    )
    terms = _ANYTHING.get(thing.lemma) or lexicon.noun_equals(thing.lemma)
    if (thing.pronoun and "person" in thing.terms) or thing.lemma in _PEOPLE:
        terms = ("person",)
    if "self" in thing.terms:
        terms = ("self",)
    left = any(state.word in UNATTENDED or (state.word in ("alone", "lone")) for state in states)
    inanimate = (
        not ({"person", "animal"} & thing.terms.keys()) and {*LEFT_THINGS} & thing.terms.keys()
    )
    if left and inanimate:
        states = tuple(
            s for s in states if s.word not in UNATTENDED and s.word not in ("alone", "lone")
        )
        terms = LEFT_THINGS if thing.lemma in ("package", "object", "item") else terms
    places = [place for place in thing.places]
    for doing in sentence.doings:
        if thing in doing.subjects and doing.lemma in _NO_WANT:
            places += doing.places
    modifiers = [lemma for _, lemma, _ in thing.modifiers]
    if thing.owner is not None and is_quantity(thing):
        modifiers += want_thing(thing.owner, sentence, lexicon).terms
    return WantThing(
        terms=terms,
        states=states,
        modifiers=tuple(modifiers),
        places=tuple(
            WantPlace(p.preposition, want_thing(p.thing, sentence, lexicon))
            for p in places
            if p.thing is not thing
        ),
        plural=_wants_many(thing, sentence),
        exact=thing.exact if thing.exact > 1 else 0,
        several=any(sentence.tokens[i].text in _SEVERAL for i in range(thing.start, thing.head)),
        negated=thing.negated,
        left_alone=bool(left and inanimate),
    )


def _wants_many(thing: Thing, sentence: Sentence) -> bool:
    """ "people" and "two dogs" ask for more than one; any other plural is but a manner of speaking."""
    counted = any(sentence.tokens[i].tag in ("Q", "D") for i in range(thing.start, thing.head))
    return thing.lemma in ("people", "couple", "pair") or (thing.count >= 2 and counted)


def _want_state(index: int, sentence: Sentence, *, negated: bool) -> WantState:
    token = sentence.tokens[index]
    reading = morphology.read(token.text.split()[0])
    participle = bool(reading.verbs) and reading.verb_forms not in ("b", "z", "bz")
    verb = reading.verbs[0] if participle else ""
    return WantState(token.text, verb, undergone="g" not in reading.verb_forms, negated=negated)


def _want_doing(doing: Doing, sentence: Sentence, lexicon: Lexicon) -> WantDoing:
    subject = want_thing(doing.subjects[0], sentence, lexicon) if doing.subjects else None
    if subject is not None and len(doing.subjects) > 1:
        subject = replace(subject, plural=True)
    by = next((place.thing for place in doing.places if place.preposition == "by"), None)
    passive = doing.passive or (doing.open_voice and by is not None)
    target = doing.objects[0] if doing.objects else None
    patient = want_thing(target, sentence, lexicon) if target is not None and not doing.mutual else None
    agent = subject
    if passive:
        agent, patient = (want_thing(by, sentence, lexicon) if by is not None else None), subject
    inanimate = bool(doing.subjects) and not ({"person", "animal"} & doing.subjects[0].terms.keys())
    return WantDoing(
        verb=doing.lemma,
        agent=agent,
        patient=patient,
        places=tuple(_doing_places(doing, sentence, lexicon, passive=passive)),
        states=tuple(_want_state(s.token, sentence, negated=s.negated) for s in doing.states),
        negated=doing.negated,
        either_role=not passive and target is None and (inanimate or doing.open_voice),
        mutual=doing.mutual,
        phrase=doing.phrase,
        phrasal=" ".join(token.text for token in sentence.tokens[doing.head + 1 : doing.end]),
    )


def _doing_places(doing: Doing, sentence: Sentence, lexicon: Lexicon, *, passive: bool) -> Iterator[WantPlace]:
    for place in doing.places:
        if passive and place.preposition == "by":
            continue
        if place.quality == 1.0 and place.thing not in doing.objects:
            yield WantPlace(place.preposition, want_thing(place.thing, sentence, lexicon))


def _anchors(wants: tuple[Want, ...]) -> tuple[frozenset[str], ...]:
    anchors: list[frozenset[str]] = []
    for want in wants:
        if isinstance(want, WantThing):
            anchors += _thing_anchors(want)
            continue
        if not want.negated and want.verb not in (*GOING, "use"):
            anchors.append(frozenset({want.verb, f"{want.verb} {want.phrasal}", want.phrase}))
        for thing in (want.agent, want.patient, *(place.thing for place in want.places)):
            if thing is not None and thing.terms != ("person",):
                anchors += _thing_anchors(thing)
    return tuple(dict.fromkeys(anchors))


def _thing_anchors(want: WantThing) -> Iterator[frozenset[str]]:
    """A car window may also stand as the window of a car, so its last word is enough."""
    if want.terms[0][0] != "*" and not want.negated:
        yield frozenset({*want.terms, *(term.split()[-1] for term in want.terms)})
    for place in want.places:
        yield from _thing_anchors(place.thing)


# --- other ways to say it


def _reworded(wants: tuple[Want, ...], lexicon: Lexicon) -> Iterator[Alternative]:
    for position, want in enumerate(wants):
        for wording, changed in _rewordings(want, lexicon):
            others = (*wants[:position], *changed, *wants[position + 1 :])
            yield Alternative(others, REWORDED, _anchors(others), wording)


def _rewordings(want: Want, lexicon: Lexicon) -> Iterator[tuple[str, tuple[Want, ...]]]:
    for pattern, wording in _meanings():
        key = _key(pattern, lexicon)
        if key is None:
            continue
        bound = _bind(key, want)
        if bound is None:
            continue
        if (
            wording.endswith("X with Y")
            and {"person", "animal"} & lexicon.noun(bound["y"].terms[0]).keys()
        ):
            continue  # with a child is beside one, not carrying one
        target = [_substitute(other, bound) for other in _wants(read(wording, lexicon), lexicon)]
        if isinstance(want, WantDoing) and target:
            spent = {place.preposition for place in key.places}
            rest = tuple(place for place in want.places if place.preposition not in spent)
            target[0] = replace(target[0], places=(*target[0].places, *rest))
        yield wording, tuple(target)
    if isinstance(want, WantDoing) and want.phrase and want.patient is None and want.places:
        into = next((p for p in want.places if want.phrase.endswith(" " + p.preposition)), None)
        if into is not None:
            rest = tuple(place for place in want.places if place is not into)
            whole = replace(want, verb=want.phrase, patient=into.thing, places=rest, phrase="")
            yield want.phrase, (replace(whole, either_role=False),)
    if (
        isinstance(want, WantDoing)
        and want.negated
        and want.patient is not None
        and want.verb in _POSSESSING
    ):
        agent = want.agent or WantThing(("person",))
        lacking = replace(agent, places=(*agent.places, WantPlace("without", want.patient)))
        yield f"without {want.patient.terms[0]}", (lacking,)
    if isinstance(want, WantDoing) and want.verb in _STANCES and want.agent is not None and want.places:
        yield "being there", (replace(want.agent, places=(*want.agent.places, *want.places)),)
    if isinstance(want, WantThing) and not want.negated and want.terms[0][0] != "*":
        verb = nominal.verb_of(want.terms[0], lexicon)
        if verb is not None:
            words = (*want.modifiers[:1], *want.terms[0].split()[:-1], *_USUAL_AGENTS.get(verb, ()))
            party = WantThing((words[0],)) if words else None
            yield f"{verb} (as a verb)", (WantDoing(verb, party, None, places=want.places),)
            if party is not None and verb not in _USUAL_AGENTS:
                yield f"{verb} (as a verb)", (WantDoing(verb, None, party, places=want.places),)


@cache
def _meanings() -> tuple[tuple[str, str], ...]:
    text = resources.files("surveil.rules.words").joinpath("meanings.txt").read_text("utf-8")
    pairs = (line.partition("=") for line in text.splitlines() if line and not line.startswith("#"))
    return tuple((left.strip(), right.strip()) for left, _, right in pairs)


_KEYS: dict[str, Want | None] = {}


def _key(pattern: str, lexicon: Lexicon) -> Want | None:
    if pattern not in _KEYS:
        _KEYS[pattern] = next(_wants(read(pattern, lexicon), lexicon), None)
    return _KEYS[pattern]


def _bind(key: Want, want: Want) -> dict[str, WantThing] | None:
    """What X and Y stand for if the want has the shape of the key; None if it has not."""
    if isinstance(key, WantDoing):
        return _bind_doing(key, want) if isinstance(want, WantDoing) else None
    if isinstance(want, WantDoing):
        return _bind_state(key, want)
    if want.negated or not _same(key, want) or not set(key.modifiers) <= set(want.modifiers):
        return None
    if key.terms != ("x",) and (want.modifiers != key.modifiers or len(want.places) != len(key.places)):
        return None
    states = tuple(state for state in want.states if state.word not in {s.word for s in key.states})
    if len(want.states) - len(states) != len(key.states):
        return None
    if not key.places:
        whole = replace(want, states=states)
        return {"x": whole} if key.terms == ("x",) or not states else None
    asked = key.places[0]
    place = next((p for p in want.places if p.preposition == asked.preposition), None)
    if place is None or not _same(asked.thing, place.thing):
        return None
    if asked.thing.terms == ("x",):
        return {"x": place.thing} if not states else None
    return {"x": replace(want, places=tuple(other for other in want.places if other is not place))}


def _bind_doing(key: WantDoing, want: WantDoing) -> dict[str, WantThing] | None:
    if key.verb != want.verb or want.negated or (key.patient is None) != (want.patient is None):
        return None
    for asked, given in ((key.agent, want.agent), (key.patient, want.patient)):
        if (
            asked is not None
            and asked.terms not in (("x",), ("y",))
            and (given is None or asked.terms != given.terms)
        ):
            return None
    places = {place.preposition: place.thing for place in want.places}
    aim = key.places[0].preposition if key.places else ""
    if key.places and (aim not in places or not _same(key.places[0].thing, places[aim], "y")):
        return None
    target = want.patient if key.patient is not None and key.patient.terms == ("y",) else places.get(aim)
    pairs = (("x", want.agent or want.patient), ("y", target))
    return {name: thing for name, thing in pairs if thing is not None}


def _bind_state(key: WantThing, want: WantDoing) -> dict[str, WantThing] | None:
    """ "window broken" is read as a doing, and means what "broken window" means."""
    only = want.agent or want.patient
    same = bool(key.states) and key.states[0].verb == want.verb and want.either_role
    return {"x": only} if same and only is not None and _same(key, only) else None


def _same(key: WantThing, want: WantThing, variable: str = "x") -> bool:
    return key.terms in ((variable,), want.terms)


def _substitute(want: Want, bound: dict[str, WantThing]) -> Want:
    if isinstance(want, WantDoing):
        return replace(
            want,
            agent=_bound(want.agent, bound),
            patient=_bound(want.patient, bound),
            places=tuple(replace(p, thing=_bound(p.thing, bound) or p.thing) for p in want.places),
        )
    return _bound(want, bound) or want


def _bound(thing: WantThing | None, bound: dict[str, WantThing]) -> WantThing | None:
    if thing is None:
        return None
    places = tuple(
        replace(place, thing=_bound(place.thing, bound) or place.thing) for place in thing.places
    )
    given = bound.get(thing.terms[0])
    if given is None:
        return replace(thing, places=places)
    return replace(
        given,
        places=(*given.places, *places),
        states=(*given.states, *thing.states),
        plural=False,
        modifiers=(*given.modifiers, *thing.modifiers),
    )


def content_words(pattern: str, lexicon: Lexicon) -> list[str]:
    """Lemmas of the pattern's words, small words left out; each once, in order."""
    found: list[str] = []
    for token in read(pattern, lexicon).tokens:
        lemma = token.lemma or token.text
        if token.text in FUNCTION or not token.text[0].isalpha() or lemma in found:
            continue
        if token.tag == "A" and token.verbs:
            lemma = token.verbs[0] if not lexicon.knows(lemma) else lemma
        found.append(lemma)
    return found


def has_words(pattern: str) -> bool:
    return any(token.text[0].isalnum() for token in tokenise(pattern))
