"""`surveil search`: what was seen, in words. Works while the daemon runs."""

from __future__ import annotations

import argparse
import json
import os
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from surveil.clock import SystemClock, local_time, rfc3339
from surveil.errors import ConfigError
from surveil.journal.caption_search import Hit, Query, find_in

HELP = "find captions by their words"

_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a daemon keeps what it remembers."""

    alerts: Path
    journal: Path
    snapshots: Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "words",
        nargs="*",
        metavar="WORD",
        help="'red car', '\"lying on the ground\"', '(dog OR cat) NOT street', 'climb*'; none: everything",
    )
    add_source(parser)
    parser.add_argument("--camera", metavar="ID", help="only this camera")
    parser.add_argument("--since", metavar="TIME", help="2h, 3d, or 2026-11-22T13:00")
    parser.add_argument("--until", metavar="TIME", help="likewise")
    parser.add_argument("--limit", type=int, default=50, metavar="N", help="default: %(default)s")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def run(args: argparse.Namespace) -> int:
    """Exit code: 0, or 1 when nothing was found. Raises ConfigError, SearchError, StoreError."""
    if args.limit < 1:
        raise ConfigError(f"--limit {args.limit}: allowed is 1 and more")
    now_ms = SystemClock().unix_ms()
    query = Query(
        words=" ".join(args.words) or None,
        camera_id=args.camera,
        since_unix_ms=since(args.since, now_unix_ms=now_ms) if args.since else None,
        until_unix_ms=since(args.until, now_unix_ms=now_ms) if args.until else None,
        limit=args.limit,
    )
    hits = find_in(place_of(args).journal, query)
    for hit in hits:
        print(_json(hit) if args.json else _line(hit))
    return 0 if hits else 1


def add_source(parser: argparse.ArgumentParser) -> None:
    """-c or --state: where the databases are."""
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        type=Path,
        help="the daemon's configuration; default: config.yaml here, else /etc/surveil/config.yaml",
    )
    source.add_argument("--state", metavar="DIR", type=Path, help="or its state folder")


def place_of(args: argparse.Namespace) -> Place:
    """Raises ConfigError."""
    if args.state is not None:
        return Place(args.state / "alerts.db", args.state / "journal.db", args.state / "snapshots")
    from surveil.config.places import read_places

    places = read_places(args.config, environ=os.environ)
    state = places.state_dir
    return Place(state / "alerts.db", state / "journal.db", places.snapshots_dir)


def since(text: str, *, now_unix_ms: int) -> int:
    """Unix milliseconds of `2h` ago, or of a local date and time. Raises ConfigError."""
    ago = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])", text.strip())
    if ago:
        return now_unix_ms - round(float(ago[1]) * _UNITS_S[ago[2]] * 1000)
    try:
        return round(datetime.fromisoformat(text).astimezone().timestamp() * 1000)
    except ValueError:
        raise ConfigError(
            f"{text!r} is no time: allowed are 90s, 15m, 2h, 3d, 1w ago, or 2026-11-22, or 2026-11-22T13:00"
        ) from None


def shown(text: str) -> str:
    """Without control characters: a caption must not move somebody's cursor."""
    return "".join(character if character.isprintable() else " " for character in text)


def _line(hit: Hit) -> str:
    moment = f"{local_time(hit.captured_unix_ms):%Y-%m-%d %H:%M:%S}"
    camera = f"{hit.camera_id}/{hit.region_id}" if hit.region_id else hit.camera_id
    rules = f"  [alert: {', '.join(hit.rules)}]" if hit.rules else ""
    return f"{moment}  {camera}: {shown(hit.text)}{rules}"


def _json(hit: Hit) -> str:
    return json.dumps(
        {
            "camera": hit.camera_id,
            "region": hit.region_id,
            "captured_at": rfc3339(hit.captured_unix_ms),
            "captured_ms": hit.captured_unix_ms,
            "caption": hit.text,
            "confidence": hit.confidence,
            "model": hit.model_id,
            "rules": hit.rules,
        },
        ensure_ascii=False,
    )
