"""`surveil status`: how the running daemon is, as a table, as JSON, and as an exit code."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surveil.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

HELP = "say how the running daemon is; exit code 0 while it works, whatever its cameras do"

OF_A_CAMERA = "camera:"
"""Begins the component of a problem that keeps no other camera from being watched."""
PIPED_WIDTH = 2000
"""Columns of what no terminal shows: a line stays a line for grep."""
COLOURS = {
    "ok": "green",
    "online": "green",
    "degraded": "yellow",
    "connecting": "yellow",
    "not ready": "yellow",
    "disabled": "dim",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-c",
        "--config",
        type=Path,
        help="where http.listen is read; default: config.yaml here, else /etc/surveil/config.yaml",
    )
    parser.add_argument("--url", help="ask here instead: http://127.0.0.1:9878 or unix:/path")
    parser.add_argument("--token-file", type=Path, help="a file that holds http.token")
    parser.add_argument("--json", action="store_true", help="print the page as it came")


def run(args: argparse.Namespace) -> int:
    """0 when it works and nothing is wrong but with cameras; 1 for anything else, also when nothing answers."""
    from surveil.api.client import fetch_status

    address, token = _where(args)
    page = fetch_status(address, token=token)
    if args.json:
        print(json.dumps(page, indent=2, ensure_ascii=False))
    else:
        _print(page)
    return 0 if _works(page) else 1


def _works(page: Mapping[str, Any]) -> bool:
    if page.get("state") == "degraded":
        problems = page.get("problems") or [{}]
        return all(str(p.get("component")).startswith(OF_A_CAMERA) for p in problems)
    return page.get("state") == "ok"


def _where(args: argparse.Namespace) -> tuple[str, str | None]:
    """Address and token. The configuration is read only when it is needed."""
    token = _token(args.token_file)
    if args.url is not None:
        return args.url, token
    from surveil.config.places import read_places

    places = read_places(args.config, environ=os.environ)
    if places.listen == "off":
        raise ConfigError(
            f"{places.file}: http.listen is off, so there is nobody to ask; set it to 127.0.0.1:9878"
        )
    return places.listen, token or places.token


def _token(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(f"--token-file {path} cannot be read: {error.strerror}") from error


def _print(page: Mapping[str, Any]) -> None:
    from rich.console import Console

    known = sys.stdout.isatty() or "COLUMNS" in os.environ
    console = Console(highlight=False, width=None if known else PIPED_WIDTH)
    for part in render(page):
        console.print(part)


def render(page: Mapping[str, Any]) -> list[RenderableType]:
    """Head lines and the table of cameras. A page of another version may lack or add keys; both are borne."""
    from rich.text import Text

    head = Text.assemble(
        (str(page.get("node", "?")), "bold"),
        "  surveil ",
        str(page.get("version", "?")),
        "  ",
        _coloured(str(page.get("state", "?"))),
        f"  up {_duration(page.get('uptime_s'))}",
    )
    lines: list[RenderableType] = [head, *(Text(line) for line in _facts(page))]
    lines += [Text(f"hung: {name}", "red") for name in page.get("late_threads") or ()]
    for problem in page.get("problems") or ():
        lines += _problem(problem)
    return [*lines, _cameras(page.get("cameras") or [])]


def _problem(problem: Mapping[str, Any]) -> list[RenderableType]:
    from rich.text import Text

    of = f" ({problem['component']})" if problem.get("component") else ""
    lines: list[RenderableType] = [
        Text(f"problem {problem.get('code')}{of}: {problem.get('text')}", "yellow")
    ]
    if problem.get("remedy"):
        lines.append(Text(f"  to do: {problem['remedy']}"))
    return lines


def _facts(page: Mapping[str, Any]) -> list[str]:
    facts = []
    engine = page.get("engine")
    if engine:
        fallback = ", the fall-back" if engine.get("fallback") else ""
        facts.append(
            f"engine {engine.get('model')} on {engine.get('device')}, {engine.get('precision')}{fallback}"
        )
    stats = page.get("stats") or {}
    if stats:
        facts.append(
            f"{stats.get('captions_per_s') or 0:.2f} captions/s, latency p50 {_duration(stats.get('latency_p50_s'))}"
            f" p95 {_duration(stats.get('latency_p95_s'))}"
        )
    waiting = page.get("deliveries_waiting") or {}
    if waiting:
        facts.append("waiting: " + ", ".join(f"{name} {count}" for name, count in waiting.items()))
    if page.get("disk_free_bytes") is not None:
        facts.append(f"disk free {page['disk_free_bytes'] / 1e9:.1f} GB")
    return facts


def _cameras(cameras: list[Mapping[str, Any]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("camera", "state"):
        table.add_column(name, no_wrap=True)
    for name in ("fps", "age", "captions", "alerts", "unwatched"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("last caption, or what is wrong")
    for camera in cameras:
        table.add_row(
            str(camera.get("camera_id")),
            _coloured(str(camera.get("state"))),
            _number(camera.get("fps")),
            _duration(_seconds(camera.get("last_frame_age_ms"))),
            str(camera.get("captions_total", "")),
            str(camera.get("alerts_total", "")),
            _duration(camera.get("unwatched_s")),
            Text(str(camera.get("reason") or camera.get("last_caption") or "")),
        )
    return table


def _coloured(state: str) -> Any:
    from rich.text import Text

    return Text(state, COLOURS.get(state, "red"))


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _duration(seconds: float | None) -> str:
    """`12 ms`, `3.4 s`, `7 min`, `5.2 h`, `12 d`; `-` for none."""
    if seconds is None:
        return "-"
    if 0 < seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    for limit_s, unit_s, unit, digits in (
        (120, 1, "s", 1),
        (7200, 60, "min", 0),
        (172_800, 3600, "h", 1),
    ):
        if seconds < limit_s:
            return f"{seconds / unit_s:.{digits}f} {unit}"
    return f"{seconds / 86_400:.0f} d"
