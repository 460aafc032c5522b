"""`surveil caption`: sentences for pictures, videos and whole archives, without a daemon."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from surveil.captioning.registry import engine, engine_names
from surveil.commands.caption_output import Output, Result
from surveil.errors import CaptionError, ConfigError, OutOfMemoryError

if TYPE_CHECKING:
    from surveil.captioning import Captioner, CaptionResult
    from surveil.captioning.image_sources import Found

HELP = "caption pictures, folders, videos and addresses"
INTERRUPTED = 130

Judge = Callable[["CaptionResult"], list[str]]
"""A caption -> the patterns or rules that it matches."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="picture, folder, glob, video or http address"
    )
    parser.add_argument(
        "--model",
        default="Salesforce/blip-image-captioning-large",
        metavar="FOLDER",
        help="a folder, or a hub name that was fetched; default: %(default)s",
    )
    parser.add_argument(
        "--engine",
        choices=[name for name in engine_names() if engine(name).needs_only_model],
        default=engine_names()[0],
        help="default: %(default)s",
    )
    parser.add_argument(
        "--device", default="auto", help="cpu, cuda:0, npu:0 ...; default: %(default)s"
    )
    parser.add_argument(
        "--precision",
        default="auto",
        choices=("auto", "fp32", "bf16", "fp16", "int8"),
        help="default: %(default)s, the fastest that the device has",
    )
    parser.add_argument(
        "--allow-download", action="store_true", help="fetch a hub name that is not here yet"
    )
    _add_search_arguments(parser)
    _add_output_arguments(parser)


def _add_search_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--every", type=_seconds, default=5.0, metavar="5s", help="videos: time between pictures"
    )
    parser.add_argument(
        "--prompt", metavar="TEXT", help="how the caption begins; {category} is filled in"
    )
    parser.add_argument("--category", metavar="WORD", help="for {category} in the prompt")
    parser.add_argument(
        "--beams",
        type=int,
        default=3,
        metavar="N",
        help="sentences searched side by side; default: %(default)s",
    )
    parser.add_argument(
        "--max-new-tokens", type=int, metavar="N", help="longest caption; default: 20"
    )
    parser.add_argument("--batch", type=int, metavar="N", help="default: found by measuring")
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads; default: all cores")


def _add_output_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--format",
        choices=("text", "json", "jsonl"),
        default="text",
        help="default: %(default)s, or what the ending of --output says",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="write here; a .json or .jsonl that is there is gone on with",
    )
    parser.add_argument(
        "--match",
        action="append",
        default=[],
        metavar="PATTERN",
        help="mark what it says; repeatable",
    )
    parser.add_argument(
        "--rules", type=Path, metavar="CONFIG", help="mark what the rules of this config.yaml match"
    )


def run(args: argparse.Namespace) -> int:
    """0; 1 when a picture could not be read or captioned; 130 when interrupted, with everything so far written."""
    prompt = _prompt(args.prompt, args.category)
    judge = _judge(args.match, args.rules)
    from surveil.captioning.image_sources import expand

    names = expand(args.paths)
    output = Output.open(args.output, args.format)
    captioner = _opened(args)
    summary = Summary()
    try:
        with output, _progress(names) as advance:
            for result in _captioned(names, captioner, output.done, prompt, judge, args.every):
                output.write(result)
                summary.count(result)
                advance()
    except KeyboardInterrupt:
        print(f"interrupted; {summary}", file=sys.stderr)
        return INTERRUPTED
    finally:
        captioner.close()
    print(summary, file=sys.stderr)
    return 1 if summary.failed else 0


class Summary:
    """What is printed at the end, on standard error."""

    def __init__(self) -> None:
        self.captioned = self.failed = 0
        self.matched: dict[str, int] = {}

    def count(self, result: Result) -> None:
        if result.error is not None:
            self.failed += 1
            return
        self.captioned += 1
        for match in result.matches or ():
            self.matched[match] = self.matched.get(match, 0) + 1

    def __str__(self) -> str:
        parts = [f"{self.captioned} captioned"]
        parts += [f"{self.failed} could not be read"] if self.failed else []
        parts += [f"{count} match {match!r}" for match, count in sorted(self.matched.items())]
        return ", ".join(parts)


def _captioned(
    names: Sequence[str],
    captioner: Captioner,
    done: set[str],
    prompt: str | None,
    judge: Judge,
    every_s: float,
) -> Iterator[Result]:
    from surveil.captioning.image_sources import pictures

    batch: list[Found] = []
    limit = captioner.max_batch
    found_all = pictures(
        names, size=captioner.picture_size, every_s=every_s, wanted=lambda name: name not in done
    )
    for found in found_all:
        if found.picture is None:
            yield Result(found.name, error=found.error)
            continue
        batch.append(found)
        if len(batch) >= limit:
            yield from _caption_batch(batch, captioner, prompt, judge)
            batch = []
    yield from _caption_batch(batch, captioner, prompt, judge)


def _caption_batch(
    batch: list[Found], captioner: Captioner, prompt: str | None, judge: Judge
) -> Iterator[Result]:
    """Halves what does not fit; a batch that fails otherwise is an error of each of its pictures."""
    try:
        answers = captioner.caption(
            [found.picture for found in batch if found.picture is not None], prompt=prompt
        )
    except OutOfMemoryError as error:
        if len(batch) == 1:
            yield Result(batch[0].name, error=str(error))
            return
        half = len(batch) // 2
        yield from _caption_batch(batch[:half], captioner, prompt, judge)
        yield from _caption_batch(batch[half:], captioner, prompt, judge)
    except CaptionError as error:
        yield from (Result(found.name, error=str(error)) for found in batch)
    else:
        for found, result in zip(batch, answers, strict=True):
            yield Result(
                found.name, result.text, result.confidence, captioner.model_id, judge(result)
            )


def _opened(args: argparse.Namespace) -> Captioner:
    from surveil.captioning import CaptionerSpec, GenerationSpec, open_captioner

    spec = CaptionerSpec(
        model=args.model,
        engine=args.engine,
        device=args.device,
        precision=args.precision,
        threads=args.threads,
        max_batch=args.batch,
        allow_download=args.allow_download,
        generation=GenerationSpec(num_beams=args.beams, max_new_tokens=args.max_new_tokens),
    )
    captioner = open_captioner(spec)
    captioner.warm_up()
    return captioner


def _judge(patterns: Sequence[str], config: Path | None) -> Judge:
    """Raises ConfigError for a configuration that can't be read."""
    if not patterns and config is None:
        return lambda result: []
    from surveil.language import Lexicon
    from surveil.rules import RuleEngine, RuleSpec

    rules = [RuleSpec(rule_id=text, patterns=(text,)) for text in patterns]
    lexicon = Lexicon.load()
    if config is not None:
        from surveil.config import read_config
        from surveil.config.specs import rule_specs

        loaded = read_config(config, environ=os.environ, unseen_credentials=True).config
        lexicon = Lexicon.load(loaded.synonyms)
        rules += rule_specs(loaded)
    engine = RuleEngine(rules, lexicon)
    sure = {rule.rule_id: rule.min_confidence or 0.0 for rule in rules}
    return lambda result: [
        rule_id
        for rule_id in engine.rules_matching(result.text)
        if (result.confidence or 0.0) >= sure[rule_id]
    ]


def _prompt(prompt: str | None, category: str | None) -> str | None:
    if prompt is None or "{category}" not in prompt:
        if category is not None:
            raise ConfigError("--category is given, but --prompt has no {category}")
        return prompt
    if category is None:
        raise ConfigError("--prompt has {category}: say which with --category WORD")
    return prompt.replace("{category}", category)


def _progress(names: Sequence[str]) -> Progress:
    from surveil.captioning.image_sources import is_video

    return Progress(total=None if any(map(is_video, names)) else len(names))


class Progress:
    """A bar on standard error when that is a terminal; nothing otherwise."""

    def __init__(self, *, total: int | None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns = (
            TextColumn("captioning"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        console = Console(stderr=True)
        self._bar = Bar(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task("captioning", total=total)

    def __enter__(self) -> Callable[[], None]:
        self._bar.start()
        return lambda: self._bar.advance(self._task)

    def __exit__(self, *error: object) -> None:
        self._bar.stop()


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h)?", text)
    seconds = (
        float(found[1]) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600}[found[2] or "s"]
        if found
        else 0.0
    )
    if seconds <= 0:
        raise argparse.ArgumentTypeError(f"{text!r}: write a time above 0, like 5s")
    return seconds
