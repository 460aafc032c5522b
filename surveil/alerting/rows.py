"""An Alert as the JSON that its row keeps, and back."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from surveil.records import Alert, Evidence, Match, Severity, Snapshot, Timings


def alert_to_json(alert: Alert) -> str:
    """Everything but the snapshot, which has columns of its own because retention changes it."""
    fields = asdict(alert)
    del fields["snapshot"], fields["snapshot_reason"]
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def alert_from_json(body: str, *, snapshot: str | None, snapshot_reason: str | None) -> Alert:
    """The record that `alert_to_json` wrote; `snapshot` is `snapshot_to_json`'s text."""
    fields: dict[str, Any] = json.loads(body)
    fields["severity"] = Severity(fields["severity"])
    fields["match"] = Match(**fields["match"])
    fields["evidence"] = tuple(Evidence(**item) for item in fields["evidence"])
    fields["timings"] = Timings(**fields["timings"])
    picture = Snapshot(**json.loads(snapshot)) if snapshot else None
    return Alert(**fields, snapshot=picture, snapshot_reason=snapshot_reason)


def snapshot_to_json(snapshot: Snapshot | None) -> str | None:
    """The snapshot column of an alert's row."""
    return None if snapshot is None else json.dumps(asdict(snapshot), separators=(",", ":"))
