"""The arithmetic of precision, recall and F1."""

from __future__ import annotations

from surveil.rules.scoring import Labelled, score

ROWS = (
    Labelled("one", frozenset({"a"})),
    Labelled("two", frozenset({"a", "b"})),
    Labelled("three", frozenset()),
    Labelled("four", frozenset(), frozenset({"a"})),
)


def test_unsure_captions_do_not_count_and_misses_are_listed() -> None:
    result = score(ROWS, lambda pattern, caption: pattern == "a" and caption != "one")
    one = result.by_pattern["a"]
    assert (one.right, one.missed, one.wrong) == (1, ["one"], ["three"])
    assert (one.precision, one.recall, one.f1) == (0.5, 0.5, 0.5)
    assert result.by_pattern["b"].f1 == 0.0
    assert result.macro_f1 == 0.25
    assert result.micro.recall == 1 / 3


def test_all_right_is_one() -> None:
    result = score(
        ROWS,
        lambda pattern, caption: pattern in next(r for r in ROWS if r.caption == caption).patterns,
    )
    assert (result.macro_f1, result.micro.f1) == (1.0, 1.0)
