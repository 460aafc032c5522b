"""The script engine: what it reads, in which order it speaks, what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from surveil.captioning import CaptionerSpec, CaptionResult, open_captioner
from surveil.captioning.script_engine import ScriptCaptioner
from surveil.errors import CaptionError, ModelError, OutOfMemoryError

PICTURE = np.zeros((8, 8, 3), dtype=np.uint8)


def scripted(tmp_path: Path, *lines: str) -> ScriptCaptioner:
    path = tmp_path / "drill.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    captioner = open_captioner(CaptionerSpec(engine="script", model=str(path)))
    assert isinstance(captioner, ScriptCaptioner)
    return captioner


def test_lines_are_said_in_order_and_again(tmp_path: Path) -> None:
    captioner = scripted(
        tmp_path,
        '{"text": "a  dog", "confidence": 0.5}',
        "# a comment",
        "",
        '{"text": "a cat", "repeat": 2}',
    )

    assert captioner.caption([PICTURE] * 3) == [
        CaptionResult("a dog", 0.5),
        CaptionResult("a cat", None),
        CaptionResult("a cat", None),
    ]
    assert captioner.caption([PICTURE]) == [CaptionResult("a dog", 0.5)]


@pytest.mark.parametrize(
    ("word", "kind"), [("failed", CaptionError), ("out_of_memory", OutOfMemoryError)]
)
def test_an_error_line_raises_and_is_used_up(
    tmp_path: Path, word: str, kind: type[CaptionError]
) -> None:
    captioner = scripted(tmp_path, f'{{"error": "{word}"}}', '{"text": "after"}')

    with pytest.raises(kind, match=word):
        captioner.caption([PICTURE])
    assert captioner.caption([PICTURE]) == [CaptionResult("after", None)]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("no json", r"drill.jsonl:1: not JSON"),
        ('{"txt": "a dog"}', r"drill.jsonl:1: expected an object with confidence, delay_ms"),
        ('{"error": "boom"}', r"error is 'boom'; allowed are failed, out_of_memory"),
        ('{"repeat": 2}', "neither text nor error"),
        ("", "no lines"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, told: str) -> None:
    with pytest.raises(ModelError, match=told):
        scripted(tmp_path, line)


def test_a_missing_script_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none.jsonl: No such file"):
        open_captioner(CaptionerSpec(engine="script", model=str(tmp_path / "none.jsonl")))
