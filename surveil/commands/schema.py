"""`surveil schema`: the JSON Schema of config.yaml, for editors."""

from __future__ import annotations

import argparse
import sys

HELP = "print the JSON Schema of the configuration"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    del parser


def run(args: argparse.Namespace) -> int:
    """Exit code: 0."""
    from surveil.config.schema import json_text

    del args
    sys.stdout.write(json_text())
    return 0
