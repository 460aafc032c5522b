"""`surveil bench rules`: what reading captions costs on this machine."""

from __future__ import annotations

import argparse
import json
import statistics
import time

from surveil.commands.rules import captions_of
from surveil.errors import ConfigError
from surveil.language import Lexicon, Matcher

HELP = "time the rules: milliseconds a caption for fifty rules"

_WHO = ("person", "man", "child", "two people", "dog")
_DOES = (
    "running",
    "climbing a fence",
    "carrying a bag",
    "lying on the ground",
    "riding a bicycle",
    "entering a building",
    "on a roof",
    "pushing a cart",
    "with a knife",
    "alone",
)
CAPTIONS = (
    "a man in a dark jacket climbs over a metal fence next to a parked car",
    "there is a woman with a red umbrella walking across a wet street at night",
    "two children run past a row of bicycles while a dog watches them",
    "an empty corridor with a fire extinguisher on the wall",
    "a delivery driver leaves a cardboard box on the doorstep of a brick house",
    "the man in blue pushed the door open, looked around, and then walked back to the counter with a bag in his hand",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file",
        nargs="?",
        metavar="FILE",
        help="captions to time, as for `rules match`; none: built-in ones",
    )
    parser.add_argument("--rounds", type=int, default=50, metavar="N", help="default: %(default)s")
    parser.add_argument("--json", action="store_true", help="as one JSON object")


def run(args: argparse.Namespace) -> int:
    """Exit code 0."""
    captions = _captions(args.file)
    figures = measure(captions, rounds=max(1, args.rounds))
    if args.json:
        print(json.dumps(figures))
    else:
        print(
            f"{figures['patterns']} patterns, {figures['captions']} captions: "
            f"median {figures['median_ms']:.3f} ms, p95 {figures['p95_ms']:.3f} ms a caption; "
            f"start {figures['load_ms']:.0f} ms"
        )
    return 0


def measure(captions: list[str], *, rounds: int) -> dict[str, float]:
    """Milliseconds of processor time a caption, over all fifty patterns, after one round to warm up."""
    began = time.perf_counter()
    matcher = Matcher(Lexicon.load())
    patterns = [f"{who} {does}" for who in _WHO for does in _DOES]
    for pattern in patterns:
        matcher.compile(pattern)
    load_ms = (time.perf_counter() - began) * 1e3
    spent_ms: list[float] = []
    for turn in range(rounds + 1):
        for caption in captions:
            began = time.thread_time()
            for pattern in patterns:
                matcher.match(pattern, caption)
            if turn:
                spent_ms.append((time.thread_time() - began) * 1e3)
            matcher.analyse("")
    return {
        "patterns": len(patterns),
        "captions": len(captions),
        "median_ms": round(statistics.median(spent_ms), 4),
        "p95_ms": round(statistics.quantiles(spent_ms, n=20)[-1], 4),
        "load_ms": round(load_ms, 1),
    }


def _captions(file: str | None) -> list[str]:
    if file is None:
        return list(CAPTIONS)
    try:
        with open(file, encoding="utf-8") as stream:
            captions = list(captions_of(stream))
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror})") from error
    if not captions:
        raise ConfigError(f"{file}: holds no captions")
    return captions
