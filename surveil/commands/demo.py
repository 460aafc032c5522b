"""`surveil demo`: Surveil at work for a minute, with everything it needs inside."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "watch three drawn cameras for a minute, with everything inside one process"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--seconds", type=_seconds, default=60.0, help="how long to watch (default: 60)"
    )
    parser.add_argument("--json", action="store_true", help="print only the summary, as JSON")
    parser.add_argument(
        "--dir",
        type=Path,
        default=Path("demo-out"),
        help="where configuration, databases and snapshots go; nothing is written elsewhere (default: %(default)s)",
    )
    parser.add_argument("--samples", type=Path, help="folder of clips and demo model")
    parser.add_argument(
        "--clip",
        action="append",
        default=[],
        type=_clip,
        metavar="CAMERA=CLIP",
        help="play another clip as this camera, such as yard=porch.mp4; may be repeated",
    )
    parser.add_argument("--svg", type=Path, help="save what the terminal shows as a picture")


def run(args: argparse.Namespace) -> int:
    """Exit code: 0 when every alert that the clips contain arrived, and no other."""
    from surveil.demo import play

    return play(
        seconds=args.seconds,
        as_json=args.json,
        folder=args.dir,
        samples=args.samples,
        clips=dict(args.clip),
        svg=args.svg,
    )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 1 to 86400")
    return seconds


def _clip(text: str) -> tuple[str, str]:
    camera_id, mark, clip = text.partition("=")
    if not (camera_id and mark and clip):
        raise argparse.ArgumentTypeError(f"{text!r} is not CAMERA=CLIP, such as yard=porch.mp4")
    return camera_id, clip
