"""`surveil check`: everything that is wrong with a configuration, or what it amounts to. Imports nothing heavy."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from surveil.config import (
    Config,
    Mistake,
    Reading,
    advice,
    listing,
    missing_files,
    models_to_fetch,
    read_config,
)
from surveil.config.summary import summary
from surveil.errors import ConfigError

HELP = "say what is wrong with a configuration, or what it amounts to"
EXIT_WRONG = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        type=Path,
        default=Path("config.yaml"),
        help="default: %(default)s",
    )
    parser.add_argument("--strict", action="store_true", help="exit 1 for a warning, too")


def run(args: argparse.Namespace) -> int:
    """Exit code: 0, or 1 when `surveil run` could not do all that the file asks for; with --strict, warnings count."""
    try:
        reading = read_config(args.config, environ=os.environ, unseen_credentials=True)
    except ConfigError as error:
        return _wrong(str(error))
    absent = _placed(reading, missing_files(reading.config))
    warnings = [*reading.warnings, *_placed(reading, _warnings(reading.config, os.environ))]
    if warnings:
        print(listing(reading.file, warnings, mark="warning: "), file=sys.stderr)
    if absent:
        return _wrong(listing(reading.file, absent))
    for line in summary(reading, warnings=len(warnings)):
        print(line)
    return EXIT_WRONG if args.strict and warnings else 0


def _warnings(
    config: Config, environ: Mapping[str, str]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    yield from advice(config)
    yield from models_to_fetch(config, environ)
    yield from _unknown_words(config)


def _unknown_words(config: Config) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Words of patterns that match only themselves."""
    from surveil.language import Lexicon, unknown_words

    lexicon = Lexicon.load(config.synonyms)
    for index, rule in enumerate(config.rules):
        for key in ("patterns", "all_of", "unless"):
            for place, phrase in enumerate(getattr(rule, key)):
                words = unknown_words(phrase, lexicon)
                if words:
                    yield ("rules", index, key, place), _unknown_text(words)


def _unknown_text(words: list[str]) -> str:
    quoted = ", ".join(f'"{word}"' for word in words)
    return f"the lexicon does not know {quoted}: only the very same word matches; others can be added under synonyms:"


def _placed(reading: Reading, found: Iterable[tuple[tuple[str | int, ...], str]]) -> list[Mistake]:
    return [Mistake(reading.document.line(loc), loc, text) for loc, text in found]


def _wrong(text: str) -> int:
    print(text, file=sys.stderr)
    count = len(text.splitlines())
    print(f"{count} problem{'' if count == 1 else 's'}", file=sys.stderr)
    return EXIT_WRONG
