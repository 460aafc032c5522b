"""`surveil search` over the journal of a daemon that is running."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from surveil.cli import main
from surveil.clock import SystemClock
from surveil.commands.search import since
from surveil.errors import ConfigError
from surveil.journal.journal_store import Journal
from tests.support.alerts import make_caption, make_draft


@pytest.fixture
def state(tmp_path: Path) -> Path:
    clock = SystemClock()
    journal = Journal(tmp_path / "journal.db", clock)
    for camera_id, text in (("yard", "a red car is parked"), ("gate", "a red car leaves")):
        journal.add(make_caption(clock, camera_id, text=text))
    journal.add_alert(make_draft(clock))
    journal.flush()
    return tmp_path


def test_captions_are_found(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["red", "car", "--camera", "yard", "--since", "2h"]
    assert main(["search", "--state", str(state), *words]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert "yard: a red car is parked" in line
    assert main(["search", "--state", str(state), "--json", '"car leaves"']) == 0
    assert json.loads(capsys.readouterr().out)["camera"] == "gate"


def test_nothing_found_is_exit_code_1(state: Path) -> None:
    assert main(["search", "--state", str(state), "giraffe"]) == 1
    assert main(["search", "--state", str(state), "car", "--until", "1d"]) == 1


def test_the_configuration_says_where_the_journal_is(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = state / "config.yaml"
    config.write_text(
        f"state_dir: {state}\ncameras: [{{id: yard, url: rtsp://192.0.2.7/a}}]\n"
        "rules: [{patterns: [person climbing]}]\n"
    )
    assert main(["search", "-c", str(config), "parked"]) == 0, capsys.readouterr().err


def test_a_wrong_question_is_exit_code_2_and_help(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["search", "--state", str(state), "NOT", "car"]) == 2
    assert "allowed are words" in capsys.readouterr().err
    assert main(["search", "--state", str(state), "--limit", "0"]) == 2


@pytest.mark.parametrize(
    ("text", "unix_ms"),
    [("90s", 910_000), ("15m", 100_000), ("0.25h", 100_000), ("1970-01-01T00:01+00:00", 60_000)],
)
def test_times_are_ago_or_absolute(text: str, unix_ms: int) -> None:
    assert since(text, now_unix_ms=1_000_000) == unix_ms


def test_other_times_are_refused() -> None:
    with pytest.raises(ConfigError, match="2026-11-22"):
        since("soon", now_unix_ms=0)
