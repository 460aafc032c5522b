"""`surveil bench capture`: cost per camera, decode modes side by side with a plain OpenCV loop on the same clip."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from surveil.capture.capture_bench import Clip, Cost

SPARE = 0.7
"""Part of the box that capture may take: captions need the rest."""
MIB = 1 << 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--clip", help="a video file; by default 8 s of 1080p25 are drawn, 4 Mbit/s"
    )
    parser.add_argument(
        "--gop", type=int, default=50, help="frames from keyframe to keyframe in the drawn clip"
    )
    parser.add_argument("--cameras", type=int, default=4, help="how many play the clip at once")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each measurement")
    parser.add_argument(
        "--interval", type=float, default=5.0, help="seconds between looks, for `auto`"
    )
    parser.add_argument("--ring", type=int, default=256, metavar="MIB", help="the ring's cap")
    parser.add_argument("--warm-up", type=float, default=8.0, help="seconds before the measurement")
    parser.add_argument(
        "--modes",
        default="keyframes,auto,all,opencv",
        help="which to measure, with commas between",
    )
    parser.add_argument("--json", action="store_true", help="figures for programs")


def run(args: argparse.Namespace) -> int:
    from surveil.capture.capture_bench import MODES, Load, describe_clip, measure, render_clip
    from surveil.errors import ConfigError

    modes = [mode.strip() for mode in args.modes.split(",")]
    if unknown := sorted(set(modes) - set(MODES)):
        raise ConfigError(f"--modes: found {', '.join(unknown)}; allowed are {', '.join(MODES)}")
    with tempfile.TemporaryDirectory(prefix="surveil-bench-") as folder:
        clip = args.clip
        if clip is None:
            print("drawing 8 s of 1080p25 ...", file=sys.stderr)
            clip = str(Path(folder) / "clip.mp4")
            render_clip(Path(clip), gop=args.gop)
        played = describe_clip(clip)
        load = Load(
            clip=clip,
            cameras=args.cameras,
            seconds=args.seconds,
            interval_s=args.interval,
            ring_bytes=args.ring * MIB,
            warm_up_s=args.warm_up,
        )
        print(f"measuring for {args.seconds:g} s ...", file=sys.stderr)
        costs = measure(modes, load)
    print(_as_json(played, costs) if args.json else _as_table(played, costs))
    return 0


def _as_json(clip: Clip, costs: list[Cost]) -> str:
    told = [{**asdict(cost), "cores_per_camera": cost.cores_per_camera(clip.fps)} for cost in costs]
    return json.dumps({"clip": clip.about, "box_cores": os.cpu_count() or 1, "costs": told})


def _as_table(clip: Clip, costs: list[Cost]) -> str:
    box_cores = os.cpu_count() or 1
    loop = next((cost for cost in costs if cost.mode == "opencv"), None)
    lines = [
        f"{costs[0].cameras} cameras of {clip.about}; {box_cores} cores",
        f"{'mode':<10} {'cores/camera':>12} {'MiB/camera':>10} {'oldest ms':>9} {'kept up':>8} "
        f"{'vs OpenCV':>10} {'this box carries':>16}",
    ]
    for cost in costs:
        cores = cost.cores_per_camera(clip.fps)
        less = loop.cores_per_camera(clip.fps) / cores if loop else 0.0
        times = f"{less:.1f}x less" if loop and cost is not loop else ""
        kept_up = cost.fps / (cost.cameras * clip.fps)
        lines.append(
            f"{cost.mode:<10} {cores:>12.4f} {cost.memory_bytes / MIB / cost.cameras:>10.1f} "
            f"{cost.oldest_ms or '':>9} {kept_up:>8.0%} {times:>10} {int(SPARE * box_cores / cores):>16}"
        )
    lines.append(
        f"cores/camera: at the clip's full rate; carries: what fits into {SPARE:.0%} of the cores; "
        "under 98% kept up, the box was too busy to measure well"
    )
    return "\n".join(lines)
