"""`surveil model`: models ahead of time (fetch) and made smaller (quantize)."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from surveil.errors import ConfigError
from surveil.records import PictureSize, Rgb

HELP = "fetch a model ahead of time, or make it smaller and faster (int8)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    fetch = commands.add_parser(
        "fetch", help="download a model and check it, for boxes that are offline later"
    )
    fetch.add_argument(
        "name", metavar="NAME", help="hub name (HF_ENDPOINT names a mirror) or git address"
    )
    fetch.add_argument(
        "folder", nargs="?", type=Path, metavar="DIR", help="default: the hub's own cache"
    )
    small = commands.add_parser("quantize", help="int8 for OpenVINO, calibrated on your own frames")
    small.add_argument("source", metavar="SRC", help="a model's folder or a fetched hub name")
    small.add_argument("target", type=Path, metavar="DST", help="a new folder")
    small.add_argument(
        "--images", type=Path, required=True, metavar="DIR", help="pictures from your cameras"
    )
    small.add_argument(
        "--limit", type=int, default=300, metavar="N", help="pictures at most; default: %(default)s"
    )
    small.add_argument(
        "--min-agreement",
        type=_share,
        default=0.8,
        metavar="SHARE",
        help="refuse when fewer held-out captions stay the same; default: %(default)s",
    )


def run(args: argparse.Namespace) -> int:
    """Exit code 0; 3 when the model can't be had, can't be read, or the copy is refused."""
    return _fetch(args) if args.action == "fetch" else _quantize(args)


def _fetch(args: argparse.Namespace) -> int:
    # Read by huggingface_hub when it is first imported: this is the one command that may go online.
    os.environ["HF_HUB_OFFLINE"] = "0"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "0" if sys.stderr.isatty() else "1"
    from surveil.captioning.model_fetch import fetch

    print(fetch(args.name, args.folder, report=_tell))
    return 0


def _quantize(args: argparse.Namespace) -> int:
    from surveil.captioning.registry import quiet_libraries

    pictures = _pictures(args.images, args.limit)
    quiet_libraries(allow_download=False)
    from surveil.captioning.openvino.quantization import quantize

    drift = quantize(
        args.source, args.target, pictures, least_agreement=args.min_agreement, report=_tell
    )
    print(f"{args.target}: {drift}")
    return 0


def _pictures(folder: Path, limit: int) -> list[Rgb]:
    """Evenly over the folder, so that no camera and no hour is left out."""
    from surveil.captioning.image_sources import expand, pictures

    if not folder.is_dir():
        raise ConfigError(f"--images {folder}: there is no such folder")
    names = expand([str(folder)])
    step = max(1, len(names) // limit)
    found = pictures(names[::step], size=PictureSize(384), every_s=10.0)
    return [one.picture for one in found if one.picture is not None][:limit]


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"{text!r}: give a share from 0 to 1")
    return share
