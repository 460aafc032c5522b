"""The page behind `/status` and `surveil status`: plain values only, so that it is JSON as it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from surveil.api.metrics import CaptionStats
from surveil.records import CameraStatus, Problem
from surveil.redact import redact

SCHEMA = "surveil.status/1"


@dataclass(frozen=True, slots=True)
class EngineReport:
    """The engine that writes the sentences now."""

    model: str
    device: str
    precision: str
    fallback: bool = False
    """Not the one that was configured, which could not run."""


@dataclass(frozen=True, slots=True)
class CameraReport:
    """One row of the table."""

    status: CameraStatus
    captions_total: int = 0
    alerts_total: int = 0
    unwatched_s: float = 0.0
    last_caption: str | None = None
    last_caption_unix_ms: int | None = None
    active_rules: tuple[str, ...] = ()


def status_page(
    *,
    node: str,
    version: str,
    uptime_s: float,
    ready: bool,
    late_threads: Sequence[str],
    problems: Sequence[Problem],
    engine: EngineReport | None,
    stats: CaptionStats,
    cameras: Sequence[CameraReport],
    deliveries_waiting: Mapping[str, int],
    disk_free_bytes: int | None = None,
) -> dict[str, object]:
    """All that a person asks first, with credentials taken out of every text."""
    return {
        "schema": SCHEMA,
        "node": node,
        "version": version,
        "state": state_of(ready=ready, late_threads=late_threads, problems=problems),
        "uptime_s": round(uptime_s, 1),
        "late_threads": list(late_threads),
        "problems": [problem_row(problem) for problem in problems],
        "engine": None if engine is None else asdict(engine),
        "stats": asdict(stats),
        "cameras": [_camera(camera) for camera in cameras],
        "deliveries_waiting": dict(deliveries_waiting),
        "disk_free_bytes": disk_free_bytes,
    }


def problem_row(problem: Problem) -> dict[str, object]:
    """What the pages say of one problem; field by field, so that a field added to Problem is published on purpose."""
    return {
        "code": problem.code,
        "component": problem.component,
        "text": problem.text,
        "remedy": problem.remedy,
        "since_unix_ms": problem.since_unix_ms,
    }


def state_of(*, ready: bool, late_threads: Sequence[str], problems: Sequence[Problem]) -> str:
    """`ok`, `degraded`, `not ready` or `failed`, the worst that holds."""
    if late_threads:
        return "failed"
    if not ready:
        return "not ready"
    return "degraded" if problems else "ok"


def _camera(camera: CameraReport) -> dict[str, object]:
    row = asdict(camera)
    row |= row.pop("status")
    row["state"] = camera.status.state.value
    return {key: redact(value) if isinstance(value, str) else value for key, value in row.items()}
