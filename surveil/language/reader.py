"""The second step of reading: phrases -> a Sentence, from left to right, in one pass.

Deterministic and shallow: English word order, a little sense (walls do not run), and no search. What a phrase belongs
to is decided where it stands; doubtful attachments are kept with a lower quality.
"""

from __future__ import annotations

from surveil.language.lexicon import Lexicon
from surveil.language.meaning import (
    is_animate,
)
from surveil.language.nominal import add_events
from surveil.language.reading_verbs import VerbReading
from surveil.language.sentence import Doing, Sentence, Thing

_UNREAL_OPENERS = frozenset({"if", "unless", "before", "though"})
_ENDS = frozenset(".;:!?")


def read(text: str, lexicon: Lexicon) -> Sentence:
    """Analyse a caption or a pattern. Never raises, whatever the text."""
    return _Reader(text, lexicon).run()


class _Reader(VerbReading):
    def run(self) -> Sentence:
        index = 0
        while index < len(self.tokens):
            index = max(index + 1, self._step(index))
        for doing in self.sentence.doings:
            doing.negated = doing.negated or (
                bool(doing.subjects) and all(thing.negated for thing in doing.subjects)
            )
            if doing.negated and not doing.unreal:
                self._deny_purpose(doing)
        add_events(self.sentence, self.lexicon)
        self._collect_terms()
        return self.sentence

    def _deny_purpose(self, denied: Doing) -> None:
        """Raised a hand to hit him but did not hit him."""
        for doing in self.sentence.doings:
            if doing.form == "to" and doing.lemma == denied.lemma:
                doing.unreal = True

    def _step(self, index: int) -> int:
        """Take up the phrase that starts at the token; returns the next token's index."""
        token = self.tokens[index]
        if token.tag in _ENDS:
            self._new_clause()
        elif token.tag == ",":
            self.comma, self.preposition = True, None
        elif token.tag == "C":
            self.joined = token.text
        elif token.tag == "L":
            self._open_clause(index)
        elif token.tag == "P":
            return self._take_preposition(index)
        elif token.tag == "R":
            self._take_adverb(index)
        elif token.tag in ("V", "B", "M", "H", "O", "T"):
            return self._take_verb(index)
        elif token.tag == "G":
            return self._take_negation(index)
        elif token.tag in ("D", "Q", "S", "A", "N", "X"):
            return self._take_noun(index)
        return index + 1

    def _take_negation(self, index: int) -> int:
        if self.phrases.tag(index + 1) in ("V", "B", "T", "R"):
            return self._take_verb(index)
        self.not_next = True
        return index + 1

    def _open_clause(self, index: int) -> None:
        token = self.tokens[index]
        text = token.text
        if text in ("who", "that", "which", "whom") and isinstance(self.last, Thing):
            antecedent = self._antecedent(self.last, text)
            self.outer.append((self.subjects, self.doing))
            self.subjects = (
                [antecedent, *antecedent.partners] if antecedent is self.last else [antecedent]
            )
            self.doing, self.gap = None, None
            return
        self.unreal_clause = text in _UNREAL_OPENERS or (
            text == "as" and self.phrases.text(index + 1) in ("if", "though")
        )
        self.once = text == "where"
        self.subordinate = text in ("when", "while", "as", "after", "because", "since", "whenever")
        self.outer.clear()
        following = self.phrases.tag(index + 1)
        if following not in ("V", "G"):
            self.doing = None
        self.comma, self.preposition = True, None

    def _antecedent(self, last: Thing, text: str) -> Thing:
        if text != "who":
            return last
        things = [node for node in self._chain(last) if isinstance(node, Thing)]
        return next((thing for thing in things if is_animate(thing)), last)

    def _collect_terms(self) -> None:
        terms = self.sentence.terms
        for thing in self.sentence.things:
            terms.update(thing.terms)
            if " " in thing.lemma:
                terms.update(self.lexicon.noun(thing.lemma.split()[0]))
            for _, lemma, kin in thing.modifiers:
                terms.add(lemma)
                terms.update(kin)
            for state in thing.states:
                terms.update(state.terms)
            for place in thing.places:
                terms.update(place.thing.terms)
        for doing in self.sentence.doings:
            terms.update(doing.terms)
            for state in doing.states:
                terms.update(state.terms)
