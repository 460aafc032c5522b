"""The status page is JSON as it stands, and holds no secret."""

from __future__ import annotations

import json

import pytest

from surveil.api.metrics import CaptionStats
from surveil.api.status_page import CameraReport, EngineReport, state_of, status_page
from surveil.records import CameraState, CameraStatus, Problem

DOWN = CameraStatus(
    camera_id="yard",
    state=CameraState.OFFLINE,
    reason="rtsp://u:hunter2@h/ refused",
    since_unix_ms=5,
    last_frame_age_ms=None,
    fps=None,
    width_px=None,
    height_px=None,
    frames_total=0,
    dropped_total=0,
    reconnects_total=3,
    last_error=None,
)
STATS = CaptionStats(
    captions_per_s=1.5, latency_p50_s=0.1, latency_p95_s=0.4, age_p50_s=0.2, age_p95_s=0.5
)


def test_the_page_is_plain_json() -> None:
    page = status_page(
        node="edge-01",
        version="0.1.0",
        uptime_s=12.345,
        ready=True,
        late_threads=[],
        problems=[Problem("disk", "full", 7)],
        engine=EngineReport("m", "cpu", "bf16"),
        stats=STATS,
        cameras=[CameraReport(DOWN, captions_total=4, active_rules=("climbing",))],
        deliveries_waiting={"mqtt": 2},
    )
    again = json.loads(json.dumps(page))
    assert again["state"] == "degraded"
    assert again["engine"]["precision"] == "bf16"
    camera = again["cameras"][0]
    assert (camera["camera_id"], camera["state"], camera["captions_total"]) == (
        "yard",
        "offline",
        4,
    )
    assert camera["reason"] == "rtsp://***@h/ refused"
    assert camera["active_rules"] == ["climbing"]


@pytest.mark.parametrize(
    ("ready", "late", "problems", "expected"),
    [
        (True, [], [], "ok"),
        (True, [], [Problem("x", "", 0)], "degraded"),
        (False, [], [Problem("x", "", 0)], "not ready"),
        (True, ["alerts"], [], "failed"),
        (False, ["alerts"], [], "failed"),
    ],
)
def test_the_worst_state_is_told(
    *, ready: bool, late: list[str], problems: list[Problem], expected: str
) -> None:
    assert state_of(ready=ready, late_threads=late, problems=problems) == expected
