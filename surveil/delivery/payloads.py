"""What goes over the wire, as bytes: the contract of docs/reference/mqtt.md."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import tzinfo
from typing import Any

from surveil.clock import rfc3339
from surveil.records import (
    Alert,
    CameraState,
    CameraStatus,
    Caption,
    Clip,
    Evidence,
    Gap,
    Outgoing,
    Problem,
)

SCHEMA = "surveil.alert/1"
MAX_ALERT_BYTES = 8 << 10
MAX_MESSAGE_BYTES = 256 << 10
MAX_CAPTION_CHARS = 500
MAX_EVIDENCE = 5
MAX_NAME_CHARS = 100

CAMERA_WORDS = {
    CameraState.CONNECTING: "offline",
    CameraState.ONLINE: "online",
    CameraState.DEGRADED: "degraded",
    CameraState.STUCK: "degraded",
    CameraState.OFFLINE: "offline",
    CameraState.DISABLED: "disabled",
}


def encode(value: object) -> bytes:
    """Compact UTF-8 JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def alert_payload(outgoing: Outgoing, *, node: str, tz: tzinfo | None = None) -> bytes:
    """At most 8 KiB: evidence captions are cut, then left out, until it fits (a caption in an alphabet of three
    bytes a letter needs that)."""
    alert = outgoing.alert
    fields = _alert_fields(outgoing, node=node, tz=tz)
    for max_chars in (MAX_CAPTION_CHARS, 250, 120, 60):
        fields["evidence"] = [_evidence(e, tz, max_chars) for e in alert.evidence[-MAX_EVIDENCE:]]
        if len(payload := encode(fields)) <= MAX_ALERT_BYTES:
            return payload
    return encode({**fields, "evidence": []})


def _alert_fields(outgoing: Outgoing, *, node: str, tz: tzinfo | None) -> dict[str, Any]:
    alert = outgoing.alert
    fields: dict[str, Any] = {
        "schema": SCHEMA,
        "id": alert.alert_id,
        "store": outgoing.store_id,
        "sequence": alert.sequence,
        "event_type": alert.event_type[:MAX_NAME_CHARS],
        "durable": alert.durable,
        "node": node,
        "camera": alert.camera_id,
        "region": alert.region_id,
        "rule": alert.rule_id[:MAX_NAME_CHARS],
        "severity": alert.severity.value,
        "caption": alert.caption[:MAX_CAPTION_CHARS],
        "pattern": alert.match.pattern[:MAX_NAME_CHARS],
        "match": _match(alert),
        "confidence": _rounded(alert.confidence),
        **_moment("captured", alert.captured_unix_ms, tz),
        "snapshot": _snapshot(alert),
        "model": alert.model_id[:MAX_NAME_CHARS],
        "timings_ms": {
            "capture_to_caption": alert.timings.capture_to_caption,
            "caption_to_commit": alert.timings.caption_to_commit,
        },
    }
    if alert.snapshot is None:
        fields["snapshot_reason"] = (alert.snapshot_reason or "")[:MAX_NAME_CHARS]
    return fields


def _match(alert: Alert) -> dict[str, Any]:
    match = alert.match
    return {
        "text": alert.caption[match.start : match.end][:MAX_NAME_CHARS],
        "start": match.start,
        "end": match.end,
        "score": round(match.score, 3),
    }


def _snapshot(alert: Alert) -> dict[str, Any] | None:
    snapshot = alert.snapshot
    if snapshot is None:
        return None
    return {
        "path": snapshot.path,
        "width_px": snapshot.width_px,
        "height_px": snapshot.height_px,
        "sha256": snapshot.sha256,
        "offset_ms": snapshot.offset_ms,
    }


def _evidence(evidence: Evidence, tz: tzinfo | None, max_chars: int) -> dict[str, Any]:
    return {
        "caption": evidence.caption[:max_chars],
        **_moment("captured", evidence.captured_unix_ms, tz),
    }


def gap_payload(gap: Gap) -> bytes:
    return encode({"store": gap.store_id, "from": gap.first, "to": gap.last, "reason": gap.reason})


def clip_payload(outgoing: Outgoing) -> bytes:
    clip = outgoing.clip or Clip(reason="it is no longer kept")
    return encode(
        {
            "id": outgoing.alert.alert_id,
            "path": clip.path,
            "seconds": _rounded(clip.seconds),
            "reason": clip.reason,
        }
    )


def status_payload(status: CameraStatus) -> bytes:
    return CAMERA_WORDS[status.state].encode()


def status_attributes(status: CameraStatus, tz: tzinfo | None = None) -> bytes:
    size = f"{status.width_px}x{status.height_px}" if status.width_px else None
    return encode(
        {
            "state": status.state.value,
            "reason": status.reason,
            **_moment("since", status.since_unix_ms, tz),
            "fps": _rounded(status.fps),
            "resolution": size,
            "reconnects": status.reconnects_total,
        }
    )


def unknown_attributes() -> bytes:
    """Of a camera whose capture thread has not spoken yet."""
    return encode(
        {
            "state": CameraState.CONNECTING.value,
            "reason": "starting",
            "since_at": None,
            "since_ms": None,
            "fps": None,
            "resolution": None,
            "reconnects": 0,
        }
    )


def caption_payload(caption: Caption, tz: tzinfo | None = None) -> bytes:
    return encode(
        {
            "text": caption.text[: 4 * MAX_CAPTION_CHARS],
            "confidence": _rounded(caption.confidence),
            **_moment("captured", caption.frame.captured_unix_ms, tz),
        }
    )


def abnormal_attributes(
    rules: Sequence[str],
    *,
    since_unix_ms: int | None,
    hits: int,
    last_caption: str | None,
    tz: tzinfo | None = None,
) -> bytes:
    since = {"since_at": None, "since_ms": None}
    if since_unix_ms is not None:
        since = _moment("since", since_unix_ms, tz)
    return encode(
        {
            "rules": list(rules),
            **since,
            "hits": hits,
            "last_caption": last_caption and last_caption[:MAX_CAPTION_CHARS],
        }
    )


def health_payload(problems: Sequence[Problem], tz: tzinfo | None = None) -> bytes:
    return encode(
        {
            "state": "degraded" if problems else "ok",
            "problems": [
                {
                    "code": problem.code,
                    "component": problem.component,
                    "text": problem.text,
                    "remedy": problem.remedy,
                    **_moment("since", problem.since_unix_ms, tz),
                }
                for problem in problems
            ],
        }
    )


def nothing_abnormal() -> bytes:
    return abnormal_attributes((), since_unix_ms=None, hits=0, last_caption=None)


def _moment(name: str, unix_ms: int, tz: tzinfo | None) -> dict[str, Any]:
    return {f"{name}_at": rfc3339(unix_ms, tz), f"{name}_ms": unix_ms}


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 3)
