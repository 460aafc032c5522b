"""`surveil rules`: try patterns on captions, ask why, and measure."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from surveil.errors import ConfigError
from surveil.language import Lexicon, Matcher
from surveil.rules.scoring import Labelled, PatternScore, Score, score

HELP = "try patterns on captions, ask why one matched, measure them"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    match = actions.add_parser("match", help="which captions assert which patterns, as JSON lines")
    match.add_argument(
        "--pattern", action="append", required=True, metavar="P", help="may be repeated"
    )
    match.add_argument(
        "file",
        nargs="?",
        metavar="FILE",
        help="JSONL with a `caption` each, or lines of text; - or none: standard input",
    )
    match.set_defaults(action=_match)
    explain = actions.add_parser(
        "explain", help="why a caption matches a pattern, or what is missing"
    )
    explain.add_argument("--pattern", required=True, metavar="P", help="a phrase")
    explain.add_argument("caption", metavar="CAPTION", help="a sentence, in quotes")
    explain.set_defaults(action=_explain)
    measure = actions.add_parser("score", help="precision, recall and F1 over labelled captions")
    measure.add_argument(
        "file", metavar="FILE.jsonl", help='lines {"caption", "patterns": [...], "unsure": [...]}'
    )
    measure.add_argument("--totals", action="store_true", help="only the totals, not the misses")
    measure.add_argument("--json", action="store_true", help="the figures as one JSON object")
    measure.set_defaults(action=_score)
    for action in (match, explain, measure):
        action.add_argument(
            "-c",
            "--config",
            type=Path,
            metavar="FILE",
            help="take `synonyms:` from this configuration",
        )


def run(args: argparse.Namespace) -> int:
    """Exit code 0. Raises ConfigError for input that cannot be read."""
    return int(args.action(args, Matcher(Lexicon.load(_synonyms(args.config)))))


def _synonyms(config: Path | None) -> dict[str, tuple[str, ...]]:
    if config is None:
        return {}
    import os

    from surveil.config import read_config

    return dict(read_config(config, environ=os.environ, unseen_credentials=True).config.synonyms)


def _match(args: argparse.Namespace, matcher: Matcher) -> int:
    for pattern in args.pattern:
        if not matcher.compile(pattern).alternatives:
            raise ConfigError(f"--pattern {pattern!r}: has no words to look for")
    for caption in captions_of(_lines(args.file)):
        print(
            json.dumps(
                {"caption": caption, "matches": list(_matches(args.pattern, caption, matcher))},
                ensure_ascii=False,
            )
        )
    return 0


def _matches(patterns: Iterable[str], caption: str, matcher: Matcher) -> Iterator[dict[str, Any]]:
    for pattern in patterns:
        found = matcher.match(pattern, caption)
        if found is not None:
            yield {
                "pattern": pattern,
                "text": caption[found.start : found.end],
                "start": found.start,
                "end": found.end,
                "score": found.score,
            }


def _explain(args: argparse.Namespace, matcher: Matcher) -> int:
    from surveil.language import explain

    print("\n".join(explain(args.pattern, args.caption, matcher)))
    return 0


def _score(args: argparse.Namespace, matcher: Matcher) -> int:
    rows = [
        _labelled(number, line, args.file)
        for number, line in enumerate(_lines(args.file), 1)
        if line.strip()
    ]
    result = score(rows, lambda pattern, caption: matcher.match(pattern, caption) is not None)
    print(json.dumps(_figures(result)) if args.json else _table(result, totals_only=args.totals))
    return 0


def _labelled(number: int, line: str, file: str) -> Labelled:
    try:
        row = json.loads(line)
        return Labelled(
            row["caption"], frozenset(row["patterns"]), frozenset(row.get("unsure") or ())
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f'{file}:{number}: needs {{"caption": "...", "patterns": [...]}}, found {line.strip()[:80]!r}'
        ) from error


def _figures(result: Score) -> dict[str, Any]:
    named = {**result.by_pattern, "micro": result.micro}
    figures: dict[str, Any] = {
        name: {
            "precision": round(t.precision, 4),
            "recall": round(t.recall, 4),
            "f1": round(t.f1, 4),
        }
        for name, t in named.items()
    }
    return {**figures, "macro_f1": round(result.macro_f1, 4)}


def _table(result: Score, *, totals_only: bool) -> str:
    lines = [f"{'pattern':32} precision  recall     F1"]
    if not totals_only:
        lines += [_row(pattern, score) for pattern, score in result.by_pattern.items()]
    lines += [_row("micro", result.micro), f"{'macro':32} {'':9}  {'':6}  {result.macro_f1:5.3f}"]
    if not totals_only:
        lines += _misses(result)
    return "\n".join(lines)


def _row(name: str, score: PatternScore) -> str:
    return f"{name:32} {score.precision:9.3f}  {score.recall:6.3f}  {score.f1:5.3f}"


def _misses(result: Score) -> Iterator[str]:
    for pattern, found in result.by_pattern.items():
        yield from (f"missed  {pattern}: {caption}" for caption in found.missed)
        yield from (f"wrong   {pattern}: {caption}" for caption in found.wrong)


def captions_of(lines: Iterable[str]) -> Iterator[str]:
    """A caption a line: JSON objects with a `caption`, or plain text; blank lines are skipped."""
    for line in lines:
        text = line.strip()
        if text.startswith("{"):
            yield _json_caption(text)
        elif text:
            yield text


def _json_caption(text: str) -> str:
    try:
        caption = json.loads(text)["caption"]
    except (ValueError, KeyError) as error:
        raise ConfigError(f'each JSON line needs a "caption", found {text[:80]!r}') from error
    return str(caption)


def _lines(file: str | None) -> Iterator[str]:
    if file in (None, "-"):
        yield from sys.stdin
        return
    try:
        with open(str(file), encoding="utf-8", errors="replace") as stream:
            yield from stream
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror})") from error
