"""How well patterns are recognised in labelled captions: precision, recall and F1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Labelled:
    """A caption with the patterns that it asserts; on `unsure` ones people differ, so they do not count."""

    caption: str
    patterns: frozenset[str]
    unsure: frozenset[str] = frozenset()


@dataclass(slots=True)
class PatternScore:
    """Of one pattern, or of all together."""

    right: int = 0
    missed: list[str] = field(default_factory=list)
    """Captions that assert the pattern and were not matched."""
    wrong: list[str] = field(default_factory=list)
    """Captions that were matched and do not assert it."""

    @property
    def precision(self) -> float:
        """1 where nothing was matched."""
        return _ratio(self.right, self.right + len(self.wrong))

    @property
    def recall(self) -> float:
        """1 where there was nothing to match."""
        return _ratio(self.right, self.right + len(self.missed))

    @property
    def f1(self) -> float:
        return _ratio(2 * self.right, 2 * self.right + len(self.wrong) + len(self.missed))


@dataclass(frozen=True, slots=True)
class Score:
    by_pattern: dict[str, PatternScore]

    @property
    def macro_f1(self) -> float:
        """Mean of the patterns' F1: rare patterns count as much as common ones."""
        return sum(score.f1 for score in self.by_pattern.values()) / max(1, len(self.by_pattern))

    @property
    def micro(self) -> PatternScore:
        """All patterns thrown together."""
        total = PatternScore()
        for score in self.by_pattern.values():
            total.right += score.right
            total.missed += score.missed
            total.wrong += score.wrong
        return total


def score(rows: Sequence[Labelled], matches: Callable[[str, str], bool]) -> Score:
    """Ask `matches(pattern, caption)` for every caption and every pattern that any row names."""
    patterns = sorted({pattern for row in rows for pattern in row.patterns | row.unsure})
    by_pattern = {pattern: PatternScore() for pattern in patterns}
    for row in rows:
        for pattern in patterns:
            if pattern not in row.unsure:
                _count(
                    by_pattern[pattern], row, pattern in row.patterns, matches(pattern, row.caption)
                )
    return Score(by_pattern)


def _count(counts: PatternScore, row: Labelled, asserted: bool, matched: bool) -> None:
    if asserted and matched:
        counts.right += 1
    elif asserted:
        counts.missed.append(row.caption)
    elif matched:
        counts.wrong.append(row.caption)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 1.0
