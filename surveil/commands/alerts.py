"""`surveil alerts`: what was raised, who has had it, where its picture is. Works while the daemon runs."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path

from surveil.alerts.alert_search import AlertFilter, StoredAlert, list_alerts, mark_seen
from surveil.clock import SystemClock, local_time, rfc3339
from surveil.commands.search import add_source, place_of, shown, since
from surveil.errors import ConfigError
from surveil.records import Severity

HELP = "list alerts, and take note of them"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "alert", nargs="?", metavar="ID", help="one alert, by the beginning or the end of its id"
    )
    add_source(parser)
    parser.add_argument("--camera", metavar="ID", help="only this camera")
    parser.add_argument("--rule", metavar="ID", help="only this rule")
    parser.add_argument(
        "--severity", choices=[s.value for s in Severity], help="only this severity and above"
    )
    parser.add_argument("--since", metavar="TIME", help="2h, 3d, or 2026-11-22T13:00")
    parser.add_argument("--unseen", action="store_true", help="only those nobody took note of")
    parser.add_argument("--limit", type=int, default=50, metavar="N", help="default: %(default)s")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--json", action="store_true", help="one JSON object a line")
    what.add_argument("--path", action="store_true", help="only the snapshots' paths, one a line")
    what.add_argument("--ack", action="store_true", help="take note of all that are listed")


def run(args: argparse.Namespace) -> int:
    """Exit code: 0, or 1 when nothing was found. Raises ConfigError, StoreError."""
    place = place_of(args)
    clock = SystemClock()
    found = list_alerts(place.alerts, _filter(args, now_unix_ms=clock.unix_ms()))
    if args.ack:
        ids = [stored.alert.alert_id for stored in found]
        marked = mark_seen(place.alerts, ids, now_unix_ms=clock.unix_ms())
        print(f"{marked} of {len(ids)} alerts were new to you")
    elif args.path:
        _print_paths(found, place.snapshots)
    else:
        for stored in found:
            print(_json(stored, place.snapshots) if args.json else _line(stored))
    return 0 if found else 1


def _filter(args: argparse.Namespace, *, now_unix_ms: int) -> AlertFilter:
    if args.limit < 1:
        raise ConfigError(f"--limit {args.limit}: allowed is 1 and more")
    return AlertFilter(
        alert_id=args.alert,
        camera_id=args.camera,
        rule_id=args.rule,
        min_severity=Severity(args.severity) if args.severity else None,
        since_unix_ms=since(args.since, now_unix_ms=now_unix_ms) if args.since else None,
        unseen=args.unseen,
        limit=args.limit,
    )


def _print_paths(found: Sequence[StoredAlert], snapshots: Path) -> None:
    for stored in found:
        if stored.alert.snapshot is not None:
            print(snapshots / stored.alert.snapshot.path)


def _line(stored: StoredAlert) -> str:
    alert = stored.alert
    moment = f"{local_time(alert.captured_unix_ms):%Y-%m-%d %H:%M:%S}"
    new = " " if stored.seen_unix_ms else "*"
    notes = [f"waits for {name}" for name in stored.waits_for]
    notes += [f"refused by {name}" for name in stored.parked]
    if alert.snapshot is None:
        notes.append(f"no picture: {alert.snapshot_reason}")
    tail = f"  [{'; '.join(notes)}]" if notes else ""
    where = f"{alert.camera_id}/{alert.region_id}" if alert.region_id else alert.camera_id
    what = f"{alert.alert_id[-8:]}  {alert.severity.value:8}  {where}  {alert.rule_id}"
    return f"{new} {moment}  {what}: {shown(alert.caption)}{tail}"


def _json(stored: StoredAlert, snapshots: Path) -> str:
    alert = stored.alert
    snapshot = alert.snapshot
    return json.dumps(
        {
            "id": alert.alert_id,
            "camera": alert.camera_id,
            "region": alert.region_id,
            "sequence": alert.sequence,
            "rule": alert.rule_id,
            "severity": alert.severity.value,
            "caption": alert.caption,
            "confidence": alert.confidence,
            "captured_at": rfc3339(alert.captured_unix_ms),
            "captured_ms": alert.captured_unix_ms,
            "snapshot": os.fspath(snapshots / snapshot.path) if snapshot else None,
            "snapshot_reason": alert.snapshot_reason,
            "clip": _clip(stored, snapshots),
            "durable": alert.durable,
            "waits_for": stored.waits_for,
            "refused_by": stored.parked,
            "seen_at": rfc3339(stored.seen_unix_ms) if stored.seen_unix_ms else None,
        },
        ensure_ascii=False,
    )


def _clip(stored: StoredAlert, snapshots: Path) -> str | None:
    path = stored.clip.path if stored.clip else None
    return os.fspath(snapshots / path) if path else None
