"""Captions labelled by people who had not seen the lexicon: the whole engine, held to what it reached.

The floors are a few points below what was measured, so that a change that costs one wording passes and one that
breaks a construction does not. `data/README.md` says how the files were written and which of them nobody has read.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from surveil.language import Lexicon, Matcher
from surveil.rules.scoring import Labelled, score

DATA = Path(__file__).parent / "data"
MATCHER = Matcher(Lexicon.load())
FLOORS = {
    "captions_common": 0.96,
    "captions_general": 0.86,
    "captions_home": 0.86,
    "captions_work": 0.77,
    "captions_desk": 0.85,
    "captions_daily": 0.89,
    "captions_street": 0.92,
    "captions_mixed": 0.86,
    "captions_doings": 0.84,
    "captions_unseen": 0.84,
    "captions_blind": 0.84,
    "captions_blind2": 0.86,
}
"""File -> least macro F1."""


def labelled(name: str) -> list[Labelled]:
    lines = (DATA / f"{name}.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [
        Labelled(row["caption"], frozenset(row["patterns"]), frozenset(row.get("unsure", ())))
        for row in rows
    ]


def test_every_file_has_its_floor() -> None:
    assert {path.stem for path in DATA.glob("*.jsonl")} == set(FLOORS)


@pytest.mark.parametrize("name", FLOORS)
def test_captions_are_read_as_their_labels_say(name: str) -> None:
    result = score(
        labelled(name), lambda pattern, caption: MATCHER.match(pattern, caption) is not None
    )
    assert result.macro_f1 >= FLOORS[name]
