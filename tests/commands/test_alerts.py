"""`surveil alerts` over the databases of a daemon that is running."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from surveil.cli import main
from surveil.records import Receipt, Severity
from tests.support.alerts import Room


@pytest.fixture
def room(tmp_path: Path) -> Room:
    made = Room(tmp_path)
    made.open("yard", severity=Severity.INFO, text="a dog\x1b[2J runs")
    made.open("gate", severity=Severity.CRITICAL, rule_id="fire")
    return made


def run(room: Room, *words: str) -> int:
    return main(["alerts", "--state", str(room.folder), *words])


def test_alerts_are_listed_newest_first_without_control_characters(
    room: Room, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(room) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert "critical" in first
    assert "fire" in first
    assert "waits for mqtt" in first
    assert "a dog [2J runs" in second


def test_the_region_that_was_captioned_is_told_where_a_camera_has_regions(
    room: Room, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the list, of one alert alone, and as JSON, where null is the whole picture."""
    alert = room.open("yard", region_id="shed")
    run(room, "--camera", "yard")
    in_region, whole = capsys.readouterr().out.splitlines()
    assert "  yard/shed  person-climbing: " in in_region
    assert "  yard  person-climbing: " in whole
    run(room, alert.alert_id[-8:])
    assert "  yard/shed  " in capsys.readouterr().out
    run(room, "--json", "--camera", "yard")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["camera"], line["region"]) for line in lines] == [
        ("yard", "shed"),
        ("yard", None),
    ]


@pytest.mark.parametrize(
    ("words", "cameras"),
    [
        (["--camera", "yard"], ["yard"]),
        (["--rule", "fire"], ["gate"]),
        (["--severity", "warning"], ["gate"]),
        (["--since", "1h"], []),
        (["--limit", "1"], ["gate"]),
    ],
)
def test_alerts_are_filtered(
    room: Room, words: list[str], cameras: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(room, "--json", *words)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["camera"] for line in lines] == cameras
    assert code == (0 if cameras else 1)


def test_the_path_of_the_picture_can_be_opened(
    room: Room, capsys: pytest.CaptureFixture[str]
) -> None:
    alert = room.open("yard")
    assert run(room, "--path", alert.alert_id[-8:]) == 0
    assert Path(capsys.readouterr().out.strip()).read_bytes().startswith(b"\xff\xd8")


def test_taking_note_is_remembered(room: Room, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(room, "--ack", "--camera", "yard") == 0
    assert capsys.readouterr().out == "1 of 1 alerts were new to you\n"
    run(room, "--json", "--unseen")
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["camera"] == "gate"
    room.store.acknowledged("mqtt", [Receipt(json.loads(line)["id"], "alert")])


def test_wrong_words_are_answered_with_what_is_allowed(
    room: Room, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(room, "--since", "yesterday") == 2
    assert "15m" in capsys.readouterr().err
    assert main(["alerts", "--state", str(room.folder / "none")]) == 1
    assert "has the daemon run" in capsys.readouterr().err
