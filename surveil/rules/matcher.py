"""Whether a caption asserts a pattern."""

from __future__ import annotations

import re
from dataclasses import dataclass

from surveil.rules.lexicon import Lexicon


@dataclass(frozen=True, slots=True)
class PhraseMatch:
    """Where and how well a caption asserts a pattern."""

    start: int
    """Index of the first matching character in the caption."""
    end: int
    """One past the last."""
    score: float
    """0..1."""


class Matcher:
    """Compiles patterns once and remembers the last caption's analysis."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._compiled: dict[str, re.Pattern[str]] = {}

    def compile(self, pattern: str) -> None:
        """Prepare a pattern ahead of its first use."""
        words = [re.escape(word) for word in pattern.split()]
        self._compiled[pattern] = re.compile(r"\b" + r"\b.*?\b".join(words) + r"\b", re.I | re.S)

    def match(self, pattern: str, caption_text: str) -> PhraseMatch | None:
        """The best match, or None. Never raises, whatever the text."""
        if not pattern.strip():
            return None
        if pattern not in self._compiled:
            self.compile(pattern)
        found = self._compiled[pattern].search(caption_text)
        return found and PhraseMatch(found.start(), found.end(), 1.0)
