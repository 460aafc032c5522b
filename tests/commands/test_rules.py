"""`surveil rules`: exact shapes, and errors that say what to do."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from surveil.cli import main


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_match_prints_a_json_line_for_each_caption(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "captions.jsonl"
    file.write_text(
        '{"caption": "two lads clamber over a wall", "camera": "x"}\n\na quiet yard\n',
        encoding="utf-8",
    )
    assert (
        main(["rules", "match", "--pattern", "person climbing", "--pattern", "fire", str(file)])
        == 0
    )
    first, second = (json.loads(line) for line in lines(capsys))
    (match,) = first["matches"]
    assert list(first) == ["caption", "matches"]
    assert list(match) == ["pattern", "text", "start", "end", "score"]
    assert match["pattern"] == "person climbing"
    assert first["caption"][match["start"] : match["end"]] == match["text"]
    assert second == {"caption": "a quiet yard", "matches": []}


def test_match_reads_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("a barn in flames\n"))
    assert main(["rules", "match", "--pattern", "fire"]) == 0
    assert json.loads(lines(capsys)[0])["matches"][0]["pattern"] == "fire"


def test_match_refuses_what_it_cannot_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rules", "match", "--pattern", "fire", str(tmp_path / "none.jsonl")]) == 2
    assert "cannot be read" in capsys.readouterr().err
    assert main(["rules", "match", "--pattern", " ? ", str(tmp_path)]) == 2
    assert "no words" in capsys.readouterr().err


def test_explain_says_why_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["rules", "explain", "--pattern", "person climbing", "nobody is climbing the fence"])
        == 0
    )
    said = "\n".join(lines(capsys))
    assert said.startswith("No match")
    assert "denied" in said
    assert main(["rules", "explain", "--pattern", "person climbing", "a lad scales a wall"]) == 0
    assert lines(capsys)[0].startswith("Match, score 0.9")


def test_score_prints_figures_and_misses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "labelled.jsonl"
    rows = [
        {"caption": "a barn in flames", "patterns": ["fire"]},
        {"caption": "a wall", "patterns": ["fire"]},
        {"caption": "a lad scales a wall", "patterns": [], "unsure": ["fire"]},
    ]
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert main(["rules", "score", str(file)]) == 0
    said = lines(capsys)
    assert said[1].split() == ["fire", "1.000", "0.500", "0.667"]
    assert "missed  fire: a wall" in said
    assert main(["rules", "score", "--json", str(file)]) == 0
    assert json.loads(lines(capsys)[0])["macro_f1"] == 0.6667


def test_score_names_the_line_that_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "labelled.jsonl"
    file.write_text('{"caption": "a wall"}\n', encoding="utf-8")
    assert main(["rules", "score", str(file)]) == 2
    assert f"{file}:1:" in capsys.readouterr().err
