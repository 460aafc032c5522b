"""Whether a caption asserts a pattern: the language engine's face.

A caption is analysed once, however many patterns ask; a pattern is compiled once, however many captions come.
"""

from __future__ import annotations

from dataclasses import dataclass

from surveil.language.constraints import Alternative, Pattern
from surveil.language.entities import NOTHING, Hit
from surveil.language.lexicon import Lexicon
from surveil.language.matching import Comparison
from surveil.language.pattern_compiler import compile_pattern
from surveil.language.reader import read
from surveil.language.sentence import Sentence


@dataclass(frozen=True, slots=True)
class PhraseMatch:
    """Where and how well a caption asserts a pattern."""

    start: int
    """Index of the first matching character in the caption."""
    end: int
    """One past the last."""
    score: float
    """0..1: 1 when the very words stand there in their plainest form; times 0.95 for a synonym or kin of our own
    lexicon, 0.8 for kin known from WordNet only, 0.9 for another wording or a doubtful attachment, 0.85 where
    somebody is understood but not named. It ranks matches; whatever is returned at all is taken to be asserted."""


class Matcher:
    """One thread. Remembers compiled patterns and the last caption's analysis."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._compiled: dict[str, Pattern] = {}
        self._sentence: Sentence | None = None

    @property
    def lexicon(self) -> Lexicon:
        return self._lexicon

    def compile(self, pattern: str) -> Pattern:
        """The pattern's requirements; also a way to prepare it before its first use."""
        if pattern not in self._compiled:
            self._compiled[pattern] = compile_pattern(pattern, self._lexicon)
        return self._compiled[pattern]

    def analyse(self, caption_text: str) -> Sentence:
        """What the caption says; the last one is remembered."""
        if self._sentence is None or self._sentence.text != caption_text:
            self._sentence = read(caption_text, self._lexicon)
        return self._sentence

    def match(self, pattern: str, caption_text: str) -> PhraseMatch | None:
        """The best match, or None. Never raises, whatever the text."""
        found = self.best(pattern, caption_text)
        if found is None:
            return None
        hit, _ = found
        tokens = self.analyse(caption_text).tokens
        spoken = sorted(hit.tokens) or [0]
        start, end = tokens[spoken[0]].start, tokens[spoken[-1]].end
        return PhraseMatch(start, end, round(hit.quality, 3))

    def best(self, pattern: str, caption_text: str) -> tuple[Hit, Alternative] | None:
        """The best alternative of the pattern that the caption meets."""
        sentence = self.analyse(caption_text)
        best: tuple[Hit, Alternative] | None = None
        for alternative in self.compile(pattern).candidates(sentence.terms):
            if not _may_meet(alternative, sentence):
                continue
            hit = _met(alternative, Comparison(sentence, self._lexicon))
            if hit is not None and (best is None or hit.quality > best[0].quality):
                best = hit, alternative
        return best


def _may_meet(alternative: Alternative, sentence: Sentence) -> bool:
    """Whether the caption has the words at all; rules out most rules at once. A loop: `all()` costs twice as much."""
    lacks = sentence.terms.isdisjoint
    for anchor in alternative.anchors:  # noqa: SIM110
        if lacks(anchor):
            return False
    return True


def _met(alternative: Alternative, comparison: Comparison) -> Hit | None:
    total = Hit(alternative.quality, NOTHING.tokens)
    for constraint in alternative.constraints:
        hit = comparison.meets(constraint)
        if hit is None:
            return None
        total = total & hit
    return total
