"""The first step of reading: tagged tokens -> noun phrases and verb groups, still unconnected."""

from __future__ import annotations

from surveil.rules import grammar
from surveil.rules.lexicon import NEAR, Lexicon, Terms
from surveil.rules.sentence import Doing, State, Thing
from surveil.rules.tokens import Token
from surveil.rules.wordset import word_set

PERSON: Terms = {"person": 1.0, "someone": 1.0}
_PERSON_PRONOUNS = word_set(
    """
    he she him they them someone somebody anyone anybody everyone everybody nobody we us you i who
    himself herself themselves myself yourself ourselves
    """
)
_PLURAL_WORDS = word_set(
    """
    two three four five six seven eight nine ten eleven twelve several many multiple few both some
    dozens dozen hundreds numerous various lots couple
    """
)

_TELLING_PARTICLES = frozenset({"up", "down", "off", "over", "out", "away"})
"""With these a verb is likely to be the phrase that WordNet knows; "came to" is only coming."""
_TRUE_PARTICLES = frozenset({"up", "down", "off", "over", "out", "away", "back", "open"})
"""Before a noun phrase these may belong to the verb (pick up a bag); other prepositions govern the noun."""
_GROUPS = word_set(
    """
    crowd mob gang group couple pair family team crew audience queue band squad duo trio staff police
    """
)
_NUMBERS = {
    word: number
    for number, word in enumerate(
        [
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
        ],
        1,
    )
}
_NUMBERS |= {"dozen": 12, "couple": 2, "pair": 2, "a": 1, "an": 1, "another": 1, "both": 2}
_NEGATIVE_DETERMINERS = frozenset({"no", "neither", "without"})


class Phrases:
    """Reads phrases off a list of tagged tokens."""

    def __init__(self, tokens: list[Token], lexicon: Lexicon) -> None:
        self.tokens = tokens
        self._lexicon = lexicon

    def tag(self, index: int) -> str:
        return self.tokens[index].tag if index < len(self.tokens) else ""

    def text(self, index: int) -> str:
        return self.tokens[index].text if index < len(self.tokens) else ""

    def noun_phrase(self, start: int) -> Thing | None:
        """The noun phrase that starts here, or None."""
        index, negated, head = start, False, -1
        before: list[int] = []
        while index < len(self.tokens):
            tag, text = self.tag(index), self.text(index)
            if tag == "X":
                return (
                    self._pronoun(start, index, before)
                    if head < 0
                    else self._thing(start, head, index, before)
                )
            if tag == "N":
                if head >= 0:
                    before.append(head)
                head = index
            elif tag in ("D", "Q", "S", "A", "G") and head < 0:
                negated = negated or text in _NEGATIVE_DETERMINERS or tag == "G"
                before.append(index)
            elif (
                (tag == "R" and head < 0 and self.tag(index + 1) in ("A", "V", "Q"))
                or (
                    tag == "C"
                    and head < 0
                    and before
                    and self.tag(index - 1) == "A"
                    and self.tag(index + 1) in ("A", "V")
                )
                or (
                    tag == ","
                    and head < 0
                    and self.tag(index - 1) == "A"
                    and self.tag(index + 1) == "A"
                )
            ):
                before.append(index)
            elif tag == "S" and text == "'s" and head >= 0:
                return self._owned(start, head, index, before)
            else:
                break
            index += 1
        if head < 0:
            return self._headless(start, index, before)
        thing = self._thing(start, head, index, before)
        thing.negated = thing.negated or negated
        return thing

    def _owned(self, start: int, head: int, index: int, before: list[int]) -> Thing | None:
        owner = self._thing(start, head, index, before)
        thing = self.noun_phrase(index + 1)
        if thing is None:
            return owner
        thing.owner, thing.owned, thing.start = owner, True, start
        return thing

    def _thing(self, start: int, head: int, end: int, before: list[int]) -> Thing:
        token = self.tokens[head]
        thing = Thing(start, head, end, token.lemma, self._lexicon.noun(token.lemma))
        if token.text in grammar.COLOURS:  # the man in black
            thing.lemma, thing.terms = "clothes", {"clothes": 0.9, token.text: 1.0}
            thing.states.append(State(head, self.state_terms(head)))
        thing.count = 2 if token.form == "p" or token.lemma == "people" else 1
        if token.lemma in _GROUPS or token.lemma.startswith("group of"):
            thing.count = 2
        thing.unreal = " " in token.lemma and token.lemma.split()[0] in grammar.DEPICTING_MODIFIERS
        for index in before:
            self._describe(thing, index)
        if token.lemma.split()[0] in ("couple", "pair", "duo", "twins", "trio"):
            thing.count, thing.exact = 2, 3 if token.lemma == "trio" else 2
        figure = token.lemma == "figure" and thing.modifiers  # a cat figure
        thing.unreal = thing.unreal or bool(figure)
        return thing

    def _describe(self, thing: Thing, index: int) -> None:
        token = self.tokens[index]
        if token.tag in ("D", "Q"):
            if token.text in _PLURAL_WORDS or (token.text.isdigit() and token.text != "1"):
                thing.count = 2
            thing.exact = _NUMBERS.get(
                token.text,
                int(token.text) if token.text.isdecimal() and len(token.text) < 5 else thing.exact,
            )
            thing.negated = thing.negated or token.text in _NEGATIVE_DETERMINERS
            thing.definite = thing.definite or token.text == "the"
        elif token.tag == "S":
            thing.owned = thing.definite = True
        elif token.tag == "N" and self._is_of_clay(thing, token):
            thing.unreal = True
        elif token.tag == "N":
            thing.modifiers.append((index, token.lemma, self._lexicon.noun(token.lemma)))
            thing.unreal = thing.unreal or token.lemma in grammar.DEPICTING_MODIFIERS
        elif token.tag == "A":
            nearly = index > 0 and self.text(index - 1) in ("almost", "nearly", "not")
            thing.states.append(State(index, self.state_terms(index), negated=nearly))
            thing.unreal = thing.unreal or token.text in grammar.DEPICTING_MODIFIERS
            thing.unreal = thing.unreal or self._is_of_clay(thing, token)

    def _is_of_clay(self, thing: Thing, token: Token) -> bool:
        """A ceramic dog, a cardboard policeman."""
        living = thing.terms.get("person", 0.0) >= NEAR or "animal" in thing.terms
        return living and token.text in grammar.MATERIALS

    def _pronoun(self, start: int, index: int, before: list[int]) -> Thing:
        text = self.text(index)
        person = text in _PERSON_PRONOUNS or text in (
            "one",
            "another",
            "each other",
            "both",
            "others",
            "some",
            "all",
        )
        terms = PERSON if person else {text: 1.0}
        if text.endswith(("self", "selves")):
            terms = {**terms, "self": 1.0}
        thing = Thing(start, index, index + 1, text, terms, pronoun=True)
        thing.negated = text in ("nobody", "none", "nothing", "noone") or any(
            self.text(i) in ("no", "not") for i in before
        )
        if text in (
            "they",
            "them",
            "everyone",
            "everybody",
            "we",
            "us",
            "both",
            "others",
            "themselves",
            "all",
        ):
            thing.count = 2
        return thing

    def _headless(self, start: int, end: int, before: list[int]) -> Thing | None:
        """the two (people), the man in black (clothes): a head is understood."""
        while before and self.tag(before[-1]) in (",", "C", "R", "G"):
            end = before.pop()
        if not before:
            return None
        last = self.tokens[before[-1]]
        if last.tag == "A" and last.text in grammar.COLOURS:
            thing = Thing(start, before[-1], end, "clothes", {"clothes": 0.9, last.text: 1.0})
            thing.states.append(State(before[-1], self.state_terms(before[-1])))
            return thing
        if last.tag == "Q" or (last.tag in ("D", "A") and self.tag(before[0]) == "D"):
            thing = Thing(start, before[-1], end, last.text, PERSON, pronoun=True)
            thing.count = 2 if last.tag == "Q" and last.text not in ("one", "1") else 1
            thing.exact = _NUMBERS.get(last.text, 0) if last.tag == "Q" else 0
            thing.negated = self.text(before[0]) in _NEGATIVE_DETERMINERS
            return thing if last.tag != "D" else None
        return None

    def state_terms(self, index: int) -> Terms:
        """What an adjective or participle implies; participles also answer to their verb, as `-ed` or `-ing`."""
        token = self.tokens[index]
        terms = dict(self._lexicon.state(token.text))
        if token.verbs and token.verb_forms != "b" and token.verb_forms != "z":
            mark = "-ing" if token.verb_forms == "g" else "-ed"
            for term, quality in self._lexicon.verb(token.verbs[0]).items():
                terms.setdefault(term + mark, quality)
        return terms

    def verb_group(self, start: int) -> tuple[Doing, bool] | None:
        """The verb group that starts here and whether it is finite (can have a subject of its own)."""
        index, auxiliaries, negated = start, [], False
        adverbs: set[str] = set()
        while self.tag(index) in ("M", "B", "H", "O", "G", "R", "T") or (
            self.tag(index) == "V"
            and self.text(index) in ("getting", "get", "gets", "got", "being")
            and self.tag(index + 1) == "V"
        ):
            if self.tag(index) == "G":
                negated = True
            elif self.tag(index) == "R":
                negated = negated or self.text(index) == "never"
                adverbs.add(self.text(index))
            else:
                auxiliaries.append(index)
            index += 1
        if self.tag(index) != "V":
            return self._bare_auxiliary(start, index, auxiliaries, negated=negated, adverbs=adverbs)
        doing = self._doing(start, index)
        doing.negated, doing.adverbs = negated, adverbs
        self._voice(doing, auxiliaries)
        finite = bool(auxiliaries and self.tag(auxiliaries[0]) in "MBHO") or (
            not auxiliaries and doing.form not in ("g", "n") and self.text(index) != "being"
        )
        if auxiliaries and self.text(auxiliaries[0]) in ("being", "having", "getting"):
            finite = False
        return doing, finite

    def _bare_auxiliary(
        self, start: int, end: int, auxiliaries: list[int], *, negated: bool, adverbs: set[str]
    ) -> tuple[Doing, bool] | None:
        """is, has, does without a main verb: being, having."""
        if not auxiliaries:
            return None
        last = auxiliaries[-1]
        lemma = {"B": "be", "H": "have"}.get(self.tag(last), "do")
        if self.text(last).startswith("g"):
            lemma = "get"
        doing = Doing(
            start,
            last,
            end,
            lemma,
            self._lexicon.verb(lemma),
            "g" if self.text(last) in ("being", "having") else "z",
        )
        doing.negated, doing.adverbs = negated, adverbs
        if self.tag(auxiliaries[0]) == "M":
            doing.unreal = self.text(auxiliaries[0]) not in ("can", "could")
        return doing, doing.form == "z"

    def _doing(self, start: int, head: int) -> Doing:
        token = self.tokens[head]
        terms = dict(self._lexicon.verb(token.lemma))
        end, known = head + 1, ""
        for reach in (1, 2):
            particle = self.text(head + reach)
            if (
                self.tag(head + reach) not in ("P", "R", "A", "N")
                or particle not in grammar.PARTICLES
            ):
                break
            phrase = (
                token.lemma
                + " "
                + " ".join(self.text(i) for i in range(head + 1, head + reach + 1))
            )
            remote = particle in _TELLING_PARTICLES and self._lexicon.has_verb(phrase)
            if self._lexicon.own_verb(phrase) or remote:
                terms, known = _phrasal(terms, self._lexicon.verb(phrase), phrase), phrase
                governs = (
                    particle not in _TRUE_PARTICLES
                    and self.tag(head + reach + 1) in "DSQANX"
                    and self.tag(head + reach + 1)
                )
                end = end if governs else head + reach + 1
        if self.text(head + 1) == "out of" and self._lexicon.own_verb(token.lemma + " out"):
            terms = _phrasal(terms, self._lexicon.verb(token.lemma + " out"), token.lemma + " out")
        return Doing(start, head, end, token.lemma, terms, token.verb_forms, known)

    def _voice(self, doing: Doing, auxiliaries: list[int]) -> None:
        tags = [self.tag(index) for index in auxiliaries]
        texts = [self.text(index) for index in auxiliaries]
        if "n" in doing.form:
            be = bool(tags) and (tags[-1] == "B" or texts[-1].startswith("g"))
            doing.passive = be
            doing.open_voice = not auxiliaries
        if "M" in tags:
            modal = texts[tags.index("M")]
            doing.unreal = not (modal in ("can", "could") and doing.passive)
        if texts and texts[0] == "to":
            doing.form = "to"
        if texts[:2] == ["had", "been"] and doing.form == "g":
            doing.unreal = True  # had been fighting: no longer
        if "going" in texts:
            doing.unreal = True


def _phrasal(plain: dict[str, float], phrasal: Terms, phrase: str) -> dict[str, float]:
    """The meanings of the verb and of the phrase; set phrases replace the verb's own."""
    if phrase in _IDIOMS:
        return dict(phrasal)
    return {term: max(plain.get(term, 0.0), phrasal.get(term, 0.0)) for term in {*plain, *phrasal}}


_IDIOMS = word_set(
    """
    run over, run out of, get up, stand up, blow up, break down, put out, look after, take off, work out, give up,
    pass out, light up, break up, make out, sleep in, fall asleep, fall ill, sit up, lie to, run down, take away,
    put on, hold up, set off, put down, lay down, run into, break out, kick off, turn on, turn off, go out, burn out,
    call off, rise up, throw up, carry on, hang up, make up, come up, line up
    """
)
