"""The evaluator's arithmetic, and its refusal of training seeds."""

import sys

import pytest

from samples import evaluate
from samples.evaluate import Answer, Score, shortfalls, table, tally
from samples.render.wording import CLASSES
from samples.views import TRAINING_SEEDS

ALLOWED = ("a man running across a yard", "a man jogging across a yard")


def test_exact_means_one_of_the_allowed_wordings_and_class_is_judged_apart() -> None:
    second = Answer("running", ALLOWED, ALLOWED[1])
    other_words = Answer("running", ALLOWED, "a woman running along a street")
    wrong = Answer("running", ALLOWED, "a man walking across a yard")

    assert (second.is_exact, second.is_right_class) == (True, True)
    assert (other_words.is_exact, other_words.is_right_class) == (False, True)
    assert (wrong.is_exact, wrong.is_right_class) == (False, False)


def test_tally_counts_by_class_and_overall() -> None:
    scores = tally(
        [
            Answer("running", ALLOWED, ALLOWED[0]),
            Answer("running", ALLOWED, "a man walking across a yard"),
            Answer("empty", ("an empty yard",), "an empty street"),
        ]
    )

    assert scores["running"] == Score(count=2, exact=1, right=1)
    assert scores["empty"] == Score(count=1, exact=0, right=1)
    assert scores["overall"] == Score(count=3, exact=1, right=2)
    assert "| running | 2 | 50.0% | 50.0% |" in table(scores)


def test_targets_are_met_at_exactly_their_values_and_missed_just_below() -> None:
    fine = {name: Score(100, 90, 85) for name in CLASSES} | {"overall": Score(100, 90, 95)}

    assert shortfalls(fine) == []
    assert shortfalls(fine | {"fire": Score(100, 90, 84)}) == [
        "fire: 84.0% right class, target 85%"
    ]
    assert shortfalls(fine | {"overall": Score(1000, 900, 949)}) == [
        "overall: 94.9% right class, target 95%"
    ]


def test_a_class_without_scenes_misses_its_target() -> None:
    """An evaluation of nothing must not pass."""
    assert len(shortfalls(tally([]))) == len(CLASSES) + 1


def test_training_seeds_are_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["evaluate.py", "--seed-base", str(TRAINING_SEEDS - 1)])

    assert evaluate.main() == 2
    assert "training seed" in capsys.readouterr().err
