"""`surveil bench caption`: how many cameras this box carries, and what each engine, precision and batch is worth."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from surveil.captioning.registry import engine, engine_names
from surveil.errors import DeviceError

if TYPE_CHECKING:
    from surveil.captioning.caption_bench import Measured, Plan

HELP = "measure captions per second of each engine, beside the script one would otherwise write"

WAYS = tuple(
    f"{name}:{precision}" for name in engine_names() for precision in engine(name).bench_precisions
)
DEFAULT_WAYS = tuple(f"{engine_names()[0]}:{precision}" for precision in ("bf16", "fp32"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model",
        nargs="?",
        metavar="MODEL",
        help="a model's folder; none: random weights of the published geometry, which are as slow as the real ones",
    )
    parser.add_argument(
        "--geometry",
        choices=("base", "large"),
        default="large",
        help="of the random weights; default: %(default)s",
    )
    parser.add_argument(
        "--engines",
        type=_ways,
        default=DEFAULT_WAYS,
        metavar="LIST",
        help=f"of {', '.join(WAYS)}; default: {','.join(DEFAULT_WAYS)}; int8 first makes a quantised copy (6 GB)",
    )
    parser.add_argument("--device", default="auto", help="default: %(default)s")
    parser.add_argument(
        "--batches",
        type=_numbers,
        default=(1, 4),
        metavar="LIST",
        help="pictures in one go; default: 1,4",
    )
    parser.add_argument(
        "--beams",
        type=_numbers,
        default=(1, 3),
        metavar="LIST",
        help="sentences searched side by side; default: 1,3",
    )
    _add_measuring_arguments(parser)


def _add_measuring_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--repeats",
        type=int,
        default=3,
        metavar="N",
        help="measurements of each; the best counts; default: %(default)s",
    )
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads; default: all cores")
    parser.add_argument(
        "--interval",
        type=float,
        default=5.0,
        metavar="SECONDS",
        help="between two captions of a camera, for the last line; default: %(default)s",
    )
    parser.add_argument("--no-naive", action="store_true", help="leave the naive script out")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def run(args: argparse.Namespace) -> int:
    """Exit code 0, or 3 when not one engine could be measured."""
    from surveil.captioning.caption_bench import NAIVE, Plan, cameras_carried, quickest_naive_s

    measured: list[Measured] = []
    with _model(args) as folder:
        plan = Plan(
            model=str(folder),
            device=args.device,
            batches=args.batches,
            beams=args.beams,
            repeats=args.repeats,
            threads=args.threads,
        )
        for row in _rows(args, plan):
            measured.append(row)
            _show(row, measured, as_json=args.json)
    ours = [row for row in measured if row.way != NAIVE]
    if not ours:
        return DeviceError.exit_code
    beams = max(args.beams)
    searched = [row for row in ours if row.beams == beams]
    best, cameras = cameras_carried(searched, interval_s=args.interval)
    if not args.json:
        naive_s = quickest_naive_s(measured, beams=beams)
        if naive_s is not None:
            ratios = (
                f"{row.way} batch {row.batch} {naive_s / row.per_picture_s:.1f}" for row in searched
            )
            print(f"\ntimes the quicker naive run ({naive_s:.3f} s), beams {beams}:", end=" ")
            print(*ratios, sep=", ")
        print(
            f"\nat {args.interval:g} s per camera this box carries {cameras} cameras "
            f"({best.way}, batch {best.batch}, beams {best.beams})"
        )
    return 0


def _rows(args: argparse.Namespace, plan: Plan) -> Iterator[Measured]:
    """The naive way first, and again last: a box that is busy or warm shows in their difference."""
    from surveil.captioning import caption_bench as bench

    if not args.no_naive:
        yield from bench.in_own_process(bench.measure_naive, plan)
    for way in args.engines:
        engine, precision = way.split(":")
        try:
            with _prepared(plan, precision) as ready:
                yield from bench.in_own_process(bench.measure_engine, ready, engine, precision)
        except DeviceError as error:
            print(f"{way}: {error}", file=sys.stderr)
    if not args.no_naive:
        yield from bench.in_own_process(bench.measure_naive, plan)


@contextmanager
def _model(args: argparse.Namespace) -> Iterator[Path]:
    if args.model is not None:
        yield Path(args.model).expanduser()
        return
    from surveil.captioning import caption_bench as bench

    with tempfile.TemporaryDirectory(prefix="surveil-bench-") as folder:
        print(f"random weights of BLIP-{args.geometry}'s geometry", file=sys.stderr)
        bench.in_own_process(bench.make_random, args.geometry, str(Path(folder) / "random"))
        yield Path(folder) / "random"


@contextmanager
def _prepared(plan: Plan, precision: str) -> Iterator[Plan]:
    """An int8 copy where one is needed and the folder is not one itself."""
    from dataclasses import replace

    from surveil.captioning import caption_bench as bench
    from surveil.captioning.engine import is_quantized

    if precision != "int8" or is_quantized(Path(plan.model)):
        yield plan
        return
    with tempfile.TemporaryDirectory(prefix="surveil-bench-") as folder:
        print("making an int8 copy", file=sys.stderr)
        copy = str(Path(folder) / "int8")
        bench.in_own_process(bench.make_int8, plan.model, copy)
        yield replace(plan, model=copy)


def _show(row: Measured, all_so_far: Sequence[Measured], *, as_json: bool) -> None:
    from surveil.captioning.caption_bench import NAIVE

    if as_json:
        print(json.dumps(asdict(row)), flush=True)
        return
    if len(all_so_far) == 1:
        print(
            f"{'way':<15} {'device':<8} batch beams  s/picture  per second  latency s  x naive  "
            "cpu s/picture  resident MiB"
        )
    naive = [one for one in all_so_far if one.way == NAIVE and one.beams == row.beams]
    ratio = f"{naive[0].per_picture_s / row.per_picture_s:7.1f}" if naive else "      -"
    print(
        f"{row.way:<15} {row.device:<8} {row.batch:>5} {row.beams:>5}  {row.per_picture_s:>9.3f}  "
        f"{row.per_second:>10.2f}  {row.best_s:>9.3f}  {ratio}  {row.cpu_s / row.batch:>13.3f}  {row.resident_mib:>12}",
        flush=True,
    )


def _ways(text: str) -> tuple[str, ...]:
    ways = tuple(text.split(","))
    for way in ways:
        if way not in WAYS:
            raise argparse.ArgumentTypeError(f"{way!r}: allowed are {', '.join(WAYS)}")
    return ways


def _numbers(text: str) -> tuple[int, ...]:
    try:
        numbers = tuple(int(word) for word in text.split(","))
    except ValueError:
        numbers = (0,)
    if min(numbers) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: give whole numbers above 0, like 1,4")
    return numbers
