"""`surveil bench`: what things cost on this box."""

from __future__ import annotations

import argparse
import importlib

HELP = "measure what cameras, captions and rules cost on this box"
BENCHES = {
    "capture": "CPU and memory per camera, beside a plain OpenCV loop",
    "caption": "pictures a second and delay, by batch size",
    "rules": "captions a second that rules can read",
}
"""Name -> one line of help. The module is surveil.commands.bench_<name>, imported when it is run."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "bench",
        choices=tuple(BENCHES),  # a dict would look like sub-commands to shtab
        help="; ".join(f"{name}: {what}" for name, what in BENCHES.items()),
    )
    parser.add_argument(
        "arguments",
        nargs=argparse.REMAINDER,
        help="the bench's own; `surveil bench capture --help` lists them",
    )


def run(args: argparse.Namespace) -> int:
    """Hands over to the bench that was asked for."""
    module = importlib.import_module(f"surveil.commands.bench_{args.bench}")
    what = BENCHES[args.bench]
    parser = argparse.ArgumentParser(
        prog=f"surveil bench {args.bench}",
        description=f"{what[0].upper()}{what[1:]}.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    module.add_arguments(parser)
    return int(module.run(parser.parse_args(args.arguments)))
