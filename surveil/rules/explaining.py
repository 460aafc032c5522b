"""Why a caption matched a pattern, or what was missing, in words."""

from __future__ import annotations

from collections.abc import Iterator

from surveil.language.constraints import Want, WantPlace, WantState, WantThing
from surveil.language.matcher import Matcher
from surveil.language.matching import Comparison
from surveil.language.sentence import Doing, Sentence, Thing


def explain(pattern: str, caption: str, matcher: Matcher) -> list[str]:
    """Lines for a person: the verdict, what the pattern asks for, what the caption was read to say."""
    return [
        _verdict(pattern, caption, matcher),
        "The pattern asks for:",
        *(f"  {line}" for line in _asked(pattern, caption, matcher)),
        "The caption was read as:",
        *(f"  {line}" for line in _said(matcher.analyse(caption))),
    ]


def _verdict(pattern: str, caption: str, matcher: Matcher) -> str:
    match, best = matcher.match(pattern, caption), matcher.best(pattern, caption)
    if match is None or best is None:
        return f"No match: the caption does not assert {pattern!r}."
    words = caption[match.start : match.end]
    wording = best[1].wording
    through = f', taken as another way to say it ("{wording}")' if wording else ""
    return f'Match, score {match.score:.2f}: "{words}"{through}.'


def _asked(pattern: str, caption: str, matcher: Matcher) -> Iterator[str]:
    compiled = matcher.compile(pattern)
    if not compiled.alternatives:
        yield "nothing: it has no words"
        return
    comparison = Comparison(matcher.analyse(caption), matcher.lexicon)
    for want in compiled.alternatives[0].wants:
        yield f"{_want(want)}: {'found' if comparison.meets(want) else 'not found'}"
    others = len(compiled.alternatives) - 1
    if others:
        yield f"or one of {others} other ways to say it"


def _want(want: Want) -> str:
    if isinstance(want, WantThing):
        return _want_thing(want)
    agent = f"{_want_thing(want.agent)} " if want.agent else ""
    patient = f" {_want_thing(want.patient)}" if want.patient else ""
    verb = f"{want.verb} {want.phrasal}".strip()
    return f"{agent}[{'not ' if want.negated else ''}to {verb}]{patient}{_want_places(want.places)}"


def _want_thing(want: WantThing) -> str:
    kinds = {"*": "anything", "*thing": "any thing"}
    noun = kinds.get(want.terms[0], " or ".join(want.terms))
    before = " ".join((*map(_want_state, want.states), *want.modifiers))
    number = "at least two of " if want.plural else ""
    alone = " left alone" if want.left_alone else ""
    return f"{'no ' if want.negated else ''}{number}{before} {noun}{alone}{_want_places(want.places)}".replace(
        "  ", " "
    ).strip()


def _want_state(want: WantState) -> str:
    return f"{'not ' if want.negated else ''}{want.word}"


def _want_places(places: tuple[WantPlace, ...]) -> str:
    return "".join(f" {place.preposition} {_want_thing(place.thing)}" for place in places)


def _said(sentence: Sentence) -> Iterator[str]:
    if not sentence.things and not sentence.doings:
        yield "nothing"
    for thing in sentence.things:
        yield _thing(thing, sentence)
    for doing in sentence.doings:
        if not doing.implied:
            yield _doing(doing, sentence)


def _thing(thing: Thing, sentence: Sentence) -> str:
    words = sentence.text[sentence.tokens[thing.start].start : sentence.tokens[thing.end - 1].end]
    notes = [
        note
        for note, holds in (("denied", thing.negated), ("not really there", thing.unreal))
        if holds
    ]
    notes += [f"{place.preposition} {place.thing.lemma}" for place in thing.places]
    return f"thing: {words}" + (f" ({', '.join(notes)})" if notes else "")


def _doing(doing: Doing, sentence: Sentence) -> str:
    def names(things: list[Thing]) -> str:
        return " and ".join(thing.lemma for thing in things) or "somebody"

    notes = [
        note
        for note, holds in (("denied", doing.negated), ("not happening", doing.unreal))
        if holds
    ]
    who = f"done to {names(doing.subjects)}" if doing.passive else f"by {names(doing.subjects)}"
    notes += [who, *(f"object {thing.lemma}" for thing in doing.objects)]
    notes += [f"{place.preposition} {place.thing.lemma}" for place in doing.places]
    return f"doing: {doing.lemma} ({', '.join(notes)})"
