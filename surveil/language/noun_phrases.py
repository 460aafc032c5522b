"""The first step of reading: tagged tokens -> noun phrases, still unconnected."""

from __future__ import annotations

from surveil.language import grammar
from surveil.language.lexicon import NEAR, Lexicon, Terms
from surveil.language.sentence import Entity, State
from surveil.language.tokens import Token
from surveil.language.wordset import word_set

PERSON: Terms = {"person": 1.0, "someone": 1.0}
_PERSON_PRONOUNS = word_set(
    """
    he, she, him, they, them, someone, somebody, anyone, anybody, everyone, everybody, nobody, we, us, you, i, who,
    himself, herself, themselves, myself, yourself, ourselves, one, another, each other, both, others, some, all
    """
)
_PLURAL_PRONOUNS = word_set("they them everyone everybody we us both others themselves all")
_PLURAL_WORDS = word_set(
    """
    two three four five six seven eight nine ten eleven twelve several many multiple few both some
    dozens dozen hundreds numerous various lots couple
    """
)
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


class NounPhrases:
    """Reads noun phrases off a list of tagged tokens."""

    def __init__(self, tokens: list[Token], lexicon: Lexicon) -> None:
        self.tokens = tokens
        self._lexicon = lexicon

    def tag(self, index: int) -> str:
        return self.tokens[index].tag if index < len(self.tokens) else ""

    def text(self, index: int) -> str:
        return self.tokens[index].text if index < len(self.tokens) else ""

    def noun_phrase(self, start: int) -> Entity | None:
        """The noun phrase that starts here, or None."""
        index, negated, head = start, False, -1
        before: list[int] = []
        while index < len(self.tokens):
            tag = self.tag(index)
            if tag == "X":
                if head < 0:
                    return self._pronoun(start, index, before)
                return self._entity(start, head, index, before)
            if tag == "S" and self.text(index) == "'s" and head >= 0:
                return self._owned(start, head, index, before)
            if tag == "N":
                before += [head] if head >= 0 else []
                head = index
            elif head < 0 and (tag in ("D", "Q", "S", "A", "G") or self._goes_on(index, before)):
                negated = negated or self.text(index) in _NEGATIVE_DETERMINERS or tag == "G"
                before.append(index)
            else:
                break
            index += 1
        if head < 0:
            return self._headless(start, index, before)
        entity = self._entity(start, head, index, before)
        entity.negated = entity.negated or negated
        return entity

    def _goes_on(self, index: int, before: list[int]) -> bool:
        """A *very* tall man, a black *and* white dog, a big *,* red bus."""
        tag, last, following = self.tag(index), self.tag(index - 1), self.tag(index + 1)
        if tag == "R":
            return following in ("A", "V", "Q")
        if tag == "C":
            return bool(before) and last == "A" and following in ("A", "V")
        return tag == "," and last == "A" and following == "A"

    def _owned(self, start: int, head: int, index: int, before: list[int]) -> Entity | None:
        owner = self._entity(start, head, index, before)
        entity = self.noun_phrase(index + 1)
        if entity is None:
            return owner
        entity.owner, entity.owned, entity.start = owner, True, start
        return entity

    def _entity(self, start: int, head: int, end: int, before: list[int]) -> Entity:
        token = self.tokens[head]
        entity = Entity(start, head, end, token.lemma, self._lexicon.noun(token.lemma))
        if token.text in grammar.COLOURS:  # the man in black
            entity.lemma, entity.terms = "clothes", {"clothes": 0.9, token.text: 1.0}
            entity.states.append(State(head, self.state_terms(head)))
        entity.count = 2 if token.form == "p" or token.lemma == "people" else 1
        if token.lemma in _GROUPS or token.lemma.split(" of ")[0] in _GROUPS:
            entity.count = 2
        entity.unreal = " " in token.lemma and token.lemma.split()[0] in grammar.DEPICTING_MODIFIERS
        for index in before:
            self._describe(entity, index)
        if token.lemma.split()[0] in ("couple", "pair", "duo", "twins", "trio"):
            entity.count, entity.exact = 2, 3 if token.lemma == "trio" else 2
        figure = token.lemma == "figure" and entity.modifiers  # a cat figure
        entity.unreal = entity.unreal or bool(figure)
        return entity

    def _describe(self, entity: Entity, index: int) -> None:
        token = self.tokens[index]
        if token.tag in ("D", "Q"):
            if token.text in _PLURAL_WORDS or (token.text.isdigit() and token.text != "1"):
                entity.count = 2
            entity.exact = _NUMBERS.get(
                token.text,
                int(token.text) if token.text.isdecimal() and len(token.text) < 5 else entity.exact,
            )
            entity.negated = entity.negated or token.text in _NEGATIVE_DETERMINERS
            entity.definite = entity.definite or token.text == "the"
        elif token.tag == "S":
            entity.owned = entity.definite = True
        elif token.tag == "N" and self._is_of_clay(entity, token):
            entity.unreal = True
        elif token.tag == "N":
            entity.modifiers.append((index, token.lemma, self._lexicon.noun(token.lemma)))
            entity.unreal = entity.unreal or token.lemma in grammar.DEPICTING_MODIFIERS
        elif token.tag == "A":
            nearly = index > 0 and self.text(index - 1) in ("almost", "nearly", "not")
            entity.states.append(State(index, self.state_terms(index), negated=nearly))
            entity.unreal = entity.unreal or token.text in grammar.DEPICTING_MODIFIERS
            entity.unreal = entity.unreal or self._is_of_clay(entity, token)

    def _is_of_clay(self, entity: Entity, token: Token) -> bool:
        """A ceramic dog, a cardboard policeman."""
        living = entity.terms.get("person", 0.0) >= NEAR or "animal" in entity.terms
        return living and token.text in grammar.MATERIALS

    def _pronoun(self, start: int, index: int, before: list[int]) -> Entity:
        text = self.text(index)
        terms = PERSON if text in _PERSON_PRONOUNS else {text: 1.0}
        if text.endswith(("self", "selves")):
            terms = {**terms, "self": 1.0}
        entity = Entity(start, index, index + 1, text, terms, pronoun=True)
        denied = any(self.text(i) in ("no", "not") for i in before)
        entity.negated = denied or text in ("nobody", "none", "nothing", "noone")
        if text in _PLURAL_PRONOUNS:
            entity.count = 2
        return entity

    def _headless(self, start: int, end: int, before: list[int]) -> Entity | None:
        """the two (people), the man in black (clothes): a head is understood."""
        while before and self.tag(before[-1]) in (",", "C", "R", "G"):
            end = before.pop()
        if not before:
            return None
        last = self.tokens[before[-1]]
        if last.tag == "A" and last.text in grammar.COLOURS:
            entity = Entity(start, before[-1], end, "clothes", {"clothes": 0.9, last.text: 1.0})
            entity.states.append(State(before[-1], self.state_terms(before[-1])))
            return entity
        if last.tag == "Q" or (last.tag in ("D", "A") and self.tag(before[0]) == "D"):
            entity = Entity(start, before[-1], end, last.text, PERSON, pronoun=True)
            entity.count = 2 if last.tag == "Q" and last.text not in ("one", "1") else 1
            entity.exact = _NUMBERS.get(last.text, 0) if last.tag == "Q" else 0
            entity.negated = self.text(before[0]) in _NEGATIVE_DETERMINERS
            return entity if last.tag != "D" else None
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
