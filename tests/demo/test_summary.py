"""The demo passes only when every expected alert arrived, and no other."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from surveil.demo.story import DemoCamera, Event
from surveil.demo.subscriber import CameraView, ReceivedAlert, Subscriber
from surveil.demo.summary import Summary, percentile, summarise
from surveil.demo.view import LineView, alert_text, camera_table, print_summary

CAMERAS = [
    DemoCamera("gate", Path("a.mp4"), (Event("fire", 2.0, 9.0), Event("climbing", 30.0, 40.0))),
    DemoCamera("yard", Path("b.mp4"), ()),
]


def received(
    camera: str, rule: str, *, latency_ms: int = 200, snapshot: bool = True
) -> ReceivedAlert:
    payload: dict[str, Any] = {
        "id": f"{camera}/{rule}",
        "camera": camera,
        "rule": rule,
        "caption": "something happens",
        "confidence": 0.87,
        "captured_at": "2026-11-22T13:04:05.123+08:00",
        "captured_ms": 1_000_000,
        "snapshot": {"path": f"{camera}/x.jpg"} if snapshot else None,
    }
    return ReceivedAlert(payload, 1_000_000 + latency_ms)


def subscriber(*alerts: ReceivedAlert) -> Subscriber:
    found = Subscriber(1883, "surveil/demo", ("gate", "yard"))
    found.cameras = {
        "gate": CameraView(
            "gate", state="online", fps=15.2, captions=7, caption="a fire", abnormal=True
        ),
        "yard": CameraView("yard", state="offline"),
    }
    found.alerts = list(alerts)
    return found


def summary(*alerts: ReceivedAlert, seconds: float = 20) -> Summary:
    return summarise(
        subscriber(*alerts), CAMERAS, seconds=seconds, interval_s=1.0, folder=Path("/out")
    )


def test_it_passes_when_what_was_due_arrived() -> None:
    found = summary(received("gate", "fire"))
    assert found.passed
    assert found.as_json()["rules_hit"] == ["fire"]
    assert found.alerts[0]["snapshot"] == "/out/state/snapshots/gate/x.jpg"


def test_it_fails_when_one_is_missing() -> None:
    found = summary(received("gate", "fire"), seconds=45)
    assert not found.passed
    assert found.missing == [("gate", "climbing")]


def test_it_fails_when_one_came_that_the_clip_does_not_contain() -> None:
    found = summary(received("gate", "fire"), received("yard", "fire"))
    assert not found.passed
    assert found.unexpected == [("yard", "fire")]


def test_an_event_that_came_earlier_than_due_is_not_unexpected() -> None:
    assert summary(received("gate", "fire"), received("gate", "climbing")).passed


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [([], 95, None), ([7], 95, 7), (list(range(1, 101)), 95, 95), ([3, 1, 2], 50, 2)],
)
def test_percentile_is_by_nearest_rank(
    values: list[int], percent: int, expected: int | None
) -> None:
    assert percentile(values, percent) == expected


def test_an_alert_line_tells_all_that_a_person_asks_first() -> None:
    text = alert_text(received("gate", "fire", latency_ms=321), Path("/snaps")).plain
    for part in (
        "13:04:05",
        "gate fire",
        "something happens",
        "(0.87)",
        "321 ms",
        "/snaps/gate/x.jpg",
    ):
        assert part in text
    assert "no snapshot" in alert_text(received("gate", "fire", snapshot=False), Path("/s")).plain


def recorder() -> Console:
    return Console(width=200, record=True, file=io.StringIO())


def test_the_table_has_a_row_a_camera() -> None:
    console = recorder()
    console.print(camera_table(subscriber()))
    text = console.export_text()
    assert "gate" in text
    assert "online" in text
    assert "15" in text
    assert "a fire" in text
    assert "offline" in text


def test_lines_tell_changes_of_state_once_and_the_end_names_what_is_missing() -> None:
    console = recorder()
    view = LineView(console, Path("/snaps"))
    listener = subscriber()
    view.refresh(listener, left_s=10)
    view.refresh(listener, left_s=9)
    view.alert(received("gate", "fire"))
    print_summary(console, summary())
    text = console.export_text()
    assert text.count("gate: online") == 1
    assert "ALERT gate fire" in text
    assert "MISSING: gate shows fire" in text
