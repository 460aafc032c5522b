"""`surveil replay`: the alerts that the past would have given."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from surveil.cli import main

NOON_MS = 1_795_003_200_000


@pytest.fixture
def records(tmp_path: Path) -> Path:
    rows = [
        {"camera": "yard", "captured_ms": NOON_MS + 10_000, "caption": "a bonfire"},
        {"camera": "yard", "captured_ms": NOON_MS, "caption": "a fire in a bin"},
        {"camera": "hall", "captured_ms": NOON_MS + 5_000, "caption": "an empty hall"},
    ]
    file = tmp_path / "past.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return file


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "config.yaml"
    file.write_text(
        "cameras:\n  - {id: yard, url: 'rtsp://127.0.0.1/yard'}\n  - {id: hall, url: 'rtsp://127.0.0.1/hall'}\n"
        "rules:\n  - {id: blaze, patterns: [fire], enabled: false}\n  - {id: smoke, patterns: [smoke]}\n",
        encoding="utf-8",
    )
    return file


def test_json_lines_have_the_documented_shape(
    records: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(records), "-c", str(config), "--rule", "blaze", "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {
        "rule": "blaze",
        "camera": "yard",
        "started_ms": NOON_MS,
        "ended_ms": NOON_MS + 70_000,
        "hits": 2,
        "caption": "a fire in a bin",
    }


def test_rules_that_are_off_stay_off_unless_named(
    records: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(records), "-c", str(config)]) == 0
    assert capsys.readouterr().out == "No alerts.\n"


def test_a_phrase_can_be_tried_without_a_configuration(
    records: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(records), "--pattern", "fire"]) == 0
    said = capsys.readouterr().out
    assert "1 alert" in said
    assert "2x  a fire in a bin" in said


def test_wrong_input_is_named(
    records: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(records), "-c", str(config), "--rule", "flood"]) == 2
    assert "there are blaze, smoke" in capsys.readouterr().err
    records.write_text('{"camera": "yard"}\n', encoding="utf-8")
    assert main(["replay", str(records), "--pattern", "fire"]) == 2
    assert f"{records}:1:" in capsys.readouterr().err
