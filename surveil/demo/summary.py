"""What a demo amounted to: which alerts came, which were expected, how fast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surveil.demo.story import DemoCamera
from surveil.demo.subscriber import Subscriber


@dataclass(frozen=True, slots=True)
class Summary:
    """The demo's result."""

    seconds: float
    interval_s: float
    folder: Path
    captions: dict[str, int]
    alerts: list[dict[str, Any]]
    """One per alert: camera, rule, caption, confidence, latency_ms, snapshot (absolute path or None)."""
    missing: list[tuple[str, str]]
    """(camera, rule) pairs that the clips contain but that never arrived."""
    unexpected: list[tuple[str, str]]
    """(camera, rule) pairs that arrived though the clips do not contain them."""

    @property
    def passed(self) -> bool:
        return not self.missing and not self.unexpected

    @property
    def p95_ms(self) -> int | None:
        """95th percentile of capture to subscriber, milliseconds; None without alerts."""
        return percentile([alert["latency_ms"] for alert in self.alerts], 95)

    def as_json(self) -> dict[str, Any]:
        return {
            "passed": self.passed,
            "seconds": round(self.seconds, 1),
            "interval_s": self.interval_s,
            "folder": str(self.folder),
            "captions": self.captions,
            "alerts": self.alerts,
            "rules_hit": sorted({alert["rule"] for alert in self.alerts}),
            "latency_ms": {
                "p50": percentile([alert["latency_ms"] for alert in self.alerts], 50),
                "p95": self.p95_ms,
            },
            "missing": [list(pair) for pair in self.missing],
            "unexpected": [list(pair) for pair in self.unexpected],
        }


def summarise(
    subscriber: Subscriber,
    cameras: Sequence[DemoCamera],
    *,
    seconds: float,
    interval_s: float,
    folder: Path,
) -> Summary:
    """Compare what the subscriber received with what the clips contain."""
    with subscriber.lock:
        alerts = [_row(alert.payload, alert.latency_ms, folder) for alert in subscriber.alerts]
        captions = {view.camera_id: view.captions for view in subscriber.cameras.values()}
    arrived = {(alert["camera"], alert["rule"]) for alert in alerts}
    contained = {(c.camera_id, event.rule_id) for c in cameras for event in c.events}
    expected = {(c.camera_id, rule_id) for c in cameras for rule_id in c.expected(seconds)}
    return Summary(
        seconds=seconds,
        interval_s=interval_s,
        folder=folder,
        captions=captions,
        alerts=alerts,
        missing=sorted(expected - arrived),
        unexpected=sorted(arrived - contained),
    )


def percentile(values: Sequence[int], percent: int) -> int | None:
    """Nearest-rank percentile; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, -(-percent * len(ordered) // 100) - 1)]


def _row(payload: dict[str, Any], latency_ms: int, folder: Path) -> dict[str, Any]:
    snapshot = payload["snapshot"]
    return {
        "camera": payload["camera"],
        "rule": payload["rule"],
        "caption": payload["caption"],
        "confidence": payload["confidence"],
        "latency_ms": latency_ms,
        "snapshot": str(folder / "state" / "snapshots" / snapshot["path"]) if snapshot else None,
    }
