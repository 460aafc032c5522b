"""`surveil replay`: what rules would have done with the captions of the past, before they are armed."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from surveil.clock import SystemClock, local_time
from surveil.commands.search import shown, since
from surveil.errors import ConfigError
from surveil.journal.caption_search import Query, find_in
from surveil.language import Lexicon
from surveil.rules import RuleEngine, RuleSpec
from surveil.rules.replay import PastAlert, PastCaption, Recorded, replay

HELP = "run rules over captions of the past and list the alerts they would have given"
HOUR_MS = 3_600_000
ALL = 10_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file",
        nargs="?",
        metavar="FILE.jsonl",
        help='records {"camera", "captured_ms", "caption"}; none: the journal',
    )
    parser.add_argument(
        "-c",
        "--config",
        type=Path,
        metavar="FILE",
        help="whose rules and journal; default: config.yaml here, else /etc/surveil/config.yaml",
    )
    parser.add_argument(
        "--since",
        default="7d",
        metavar="TIME",
        help="of the journal: 2h, 3d, or 2026-11-22T13:00 (default: %(default)s)",
    )
    parser.add_argument(
        "--rule",
        action="append",
        metavar="R",
        help="only this rule, even if it is not enabled; may be repeated",
    )
    parser.add_argument(
        "--pattern",
        action="append",
        metavar="P",
        help="try this phrase as a rule instead of those of the configuration",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object an alert")


def run(args: argparse.Namespace) -> int:
    """Exit code 0. Raises ConfigError, StoreError."""
    specs, synonyms = _rules(args)
    captions = _from_file(args.file) if args.file else _from_journal(args)
    alerts = list(replay(RuleEngine(specs, Lexicon.load(synonyms)), captions))
    alerts.sort(key=lambda alert: (alert.started_unix_ms, alert.camera_id, alert.rule_id))
    for line in _json_lines(alerts) if args.json else _report(alerts):
        print(line)
    return 0


def _rules(args: argparse.Namespace) -> tuple[list[RuleSpec], dict[str, tuple[str, ...]]]:
    if args.pattern:
        return [RuleSpec(pattern, patterns=(pattern,)) for pattern in args.pattern], {}
    from surveil.config.places import read_rules
    from surveil.config.specs import rule_specs

    config = read_rules(args.config, environ=os.environ)
    specs = rule_specs(config)
    for wanted in args.rule or ():
        if wanted not in {spec.rule_id for spec in specs}:
            known = ", ".join(spec.rule_id for spec in specs)
            raise ConfigError(f"--rule {wanted}: there is no such rule; there are {known}")
    if args.rule:
        specs = [replace(spec, enabled=True) for spec in specs if spec.rule_id in args.rule]
    return specs, dict(config.synonyms)


def _from_journal(args: argparse.Namespace) -> Iterator[Recorded]:
    """Oldest first, an hour at a time, so that a week of many cameras does not have to fit into memory."""
    from surveil.config.places import read_places

    path = read_places(args.config, environ=os.environ).state_dir / "journal.db"
    now_ms = SystemClock().unix_ms()
    for from_ms in range(since(args.since, now_unix_ms=now_ms), now_ms + 1, HOUR_MS):
        hour = Query(since_unix_ms=from_ms, until_unix_ms=from_ms + HOUR_MS, limit=ALL)
        yield from reversed(find_in(path, hour))


def _from_file(file: str) -> list[Recorded]:
    try:
        lines = Path(file).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror})") from error
    records = [_record(file, number, line) for number, line in enumerate(lines, 1) if line.strip()]
    return sorted(records, key=lambda record: record.captured_unix_ms)


def _record(file: str, number: int, line: str) -> Recorded:
    try:
        row = json.loads(line)
        return PastCaption(
            camera_id=str(row["camera"]),
            captured_unix_ms=int(row["captured_ms"]),
            text=str(row["caption"]),
            confidence=row.get("confidence"),
            region_id=row.get("region"),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f'{file}:{number}: needs {{"camera", "captured_ms", "caption"}}, found {line.strip()[:80]!r}'
        ) from error


def _json_lines(alerts: Iterable[PastAlert]) -> Iterator[str]:
    for alert in alerts:
        fields: dict[str, Any] = {
            "rule": alert.rule_id,
            "camera": alert.camera_id,
            "started_ms": alert.started_unix_ms,
            "ended_ms": alert.ended_unix_ms,
            "hits": alert.hits,
            "caption": alert.caption,
        }
        yield json.dumps(fields, ensure_ascii=False)


def _report(alerts: list[PastAlert]) -> Iterator[str]:
    """Per day, then per camera."""
    if not alerts:
        yield "No alerts."
    for day, of_day in groupby(alerts, key=lambda alert: f"{_moment(alert):%Y-%m-%d %A}"):
        todays = sorted(of_day, key=lambda alert: alert.camera_id)
        yield f"{day}: {len(todays)} alert{'s' if len(todays) != 1 else ''}"
        for camera, of_camera in groupby(todays, key=lambda alert: alert.camera_id):
            yield f"  {camera}"
            for alert in of_camera:
                yield f"    {_moment(alert):%H:%M:%S}  {alert.rule_id}  {alert.hits}x  {shown(alert.caption)}"


def _moment(alert: PastAlert) -> datetime:
    return local_time(alert.started_unix_ms)
