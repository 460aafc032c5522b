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
from surveil.language.sentence import Entity, Predicate, Sentence

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
        for predicate in self.sentence.predicates:
            predicate.negated = predicate.negated or (
                bool(predicate.subjects) and all(entity.negated for entity in predicate.subjects)
            )
            if predicate.negated and not predicate.unreal:
                self._deny_purpose(predicate)
        add_events(self.sentence, self.lexicon)
        self._collect_terms()
        return self.sentence

    def _deny_purpose(self, denied: Predicate) -> None:
        """Raised a hand to hit him but did not hit him."""
        for predicate in self.sentence.predicates:
            if predicate.form == "to" and predicate.lemma == denied.lemma:
                predicate.unreal = True

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
        if text in ("who", "that", "which", "whom") and isinstance(self.last, Entity):
            antecedent = self._antecedent(self.last, text)
            self.outer.append((self.subjects, self.predicate))
            self.subjects = (
                [antecedent, *antecedent.partners] if antecedent is self.last else [antecedent]
            )
            self.predicate, self.gap = None, None
            return
        self.unreal_clause = text in _UNREAL_OPENERS or (
            text == "as" and self.phrases.text(index + 1) in ("if", "though")
        )
        self.once = text == "where"
        self.subordinate = text in ("when", "while", "as", "after", "because", "since", "whenever")
        self.outer.clear()
        following = self.phrases.tag(index + 1)
        if following not in ("V", "G"):
            self.predicate = None
        self.comma, self.preposition = True, None

    def _antecedent(self, last: Entity, text: str) -> Entity:
        if text != "who":
            return last
        entities = [node for node in self._chain(last) if isinstance(node, Entity)]
        return next((entity for entity in entities if is_animate(entity)), last)

    def _collect_terms(self) -> None:
        terms = self.sentence.terms
        for entity in self.sentence.entities:
            terms.update(entity.terms)
            if " " in entity.lemma:
                terms.update(self.lexicon.noun(entity.lemma.split()[0]))
            for _, lemma, kin in entity.modifiers:
                terms.add(lemma)
                terms.update(kin)
            for state in entity.states:
                terms.update(state.terms)
            for place in entity.places:
                terms.update(place.entity.terms)
        for predicate in self.sentence.predicates:
            terms.update(predicate.terms)
            for state in predicate.states:
                terms.update(state.terms)
