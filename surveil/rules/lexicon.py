"""Words and what they mean to the matcher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class Lexicon:
    """Immutable after `load`; any thread may read it."""

    def __init__(self, synonyms: Mapping[str, Sequence[str]]) -> None:
        self.synonyms = {word: tuple(others) for word, others in synonyms.items()}

    @classmethod
    def load(cls, synonyms: Mapping[str, Sequence[str]] | None = None) -> Lexicon:
        """The built-in words, extended by the operator's: `{"person": ["postie"]}` makes a postie a person."""
        return cls(synonyms or {})

    def unknown_words(self, pattern: str) -> list[str]:
        """Content words of the pattern that can only match themselves; in order."""
        return []
