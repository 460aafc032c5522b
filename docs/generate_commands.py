"""docs/reference/commands.md, written from the parsers of the commands themselves.

python docs/generate_commands.py            writes the page
python docs/generate_commands.py --check    exits 1 when the page is stale or an option is not explained
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from surveil.cli import COMMANDS
from surveil.commands.bench import BENCHES

PAGE = Path(__file__).parent / "reference" / "commands.md"
PROBLEMS_SHOWN = 20

_HEAD = """\
# Commands

<!-- Written by `python docs/generate_commands.py` from the parsers in surveil/commands. -->

`surveil COMMAND --help` prints the same for one command. Options may stand before or after the other arguments, and are
never abbreviated. `surveil --version` prints the version, `surveil --print-completion bash` (or `zsh`) what makes the
shell complete all of this; [Install](../guide/install.md#completion) says where to put it.

| exit code | meaning |
|---|---|
| 0 | done; `status`: it works; `alerts`, `search`: something was found |
| 1 | `check`: there are mistakes; `status`: degraded, or nobody answers; `alerts`, `search`: nothing was found |
| 1 | `demo`: the alerts are not those that the clips contain; `caption`: a picture could not be read |
| 1 | any error that has no code of its own |
| 2 | wrong arguments, or a configuration that cannot be used |
| 3 | the device or the model cannot be used |
| 130 | interrupted |

Results go to standard output, everything else to standard error, so `--json` can be piped. On a box where Surveil runs
as a service, `--state /var/lib/surveil` shows `alerts` and `search` where its databases are.
"""

EXAMPLES: dict[str, tuple[str, ...]] = {
    "run": ("surveil run -c /etc/surveil/config.yaml",),
    "demo": ("surveil demo --seconds 45 --json", "surveil demo --clip yard=porch.mp4"),
    "check": ("surveil check -c /etc/surveil/config.yaml",),
    "schema": ("surveil schema > config.schema.json",),
    "status": ("surveil status", "surveil status --url http://127.0.0.1:9878 --json"),
    "alerts": (
        "surveil alerts --since 1d --severity warning",
        "surveil alerts 9a41c07e --json",
        "surveil alerts --unseen --ack",
    ),
    "search": ("surveil search red car --camera yard --since 2h", "surveil search 'climb*' --json"),
    "rules match": (
        "echo 'two lads clamber over the wall' | surveil rules match --pattern 'person climbing'",
    ),
    "rules explain": ("surveil rules explain --pattern fire 'a fire hydrant beside a road'",),
    "replay": (
        "surveil replay --since 3d --rule night-visitor",
        "surveil replay --since 1d --pattern 'person on a ladder'",
    ),
    "probe": (
        "surveil probe rtsp://192.0.2.10/stream2 --username viewer --password-file entrance-password",
        "surveil probe /dev/video0 --seconds 5",
    ),
    "caption": (
        "surveil caption --model ./models/blip holiday.jpg",
        "surveil caption --model ./models/blip --every 10s --match 'person climbing' --output seen.jsonl yard.mp4",
    ),
    "model fetch": ("surveil model fetch Salesforce/blip-image-captioning-large",),
    "model quantize": (
        "surveil model quantize ./models/blip ./models/blip-int8 --images ./frames",
    ),
    "bench capture": ("surveil bench capture --cameras 8 --seconds 10",),
    "bench caption": ("surveil bench caption --geometry base --beams 1,3 --batches 1,4",),
    "bench rules": ("surveil bench rules",),
}
"""Command -> lines that work; tests parse each with the real parser."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One command, or one action of a command."""

    name: str
    """As typed, without `surveil`: `alerts`, `rules match`."""
    about: str
    parser: argparse.ArgumentParser


def main() -> int:
    """Exit code."""
    if "--check" in sys.argv[1:]:
        problems = [*unexplained(), *([] if is_fresh() else [f"{PAGE} is stale: run this program"])]
        print("\n".join(problems[:PROBLEMS_SHOWN]), file=sys.stderr)
        return 1 if problems else 0
    PAGE.write_text(page(), encoding="utf-8")
    return 0


def page() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(_section(entry) for entry in entries())])


def is_fresh() -> bool:
    return PAGE.is_file() and PAGE.read_text(encoding="utf-8") == page()


def unexplained() -> list[str]:
    """`command: option` of everything that has no help."""
    return [
        f"{entry.name}: {_spelling(action)} has no help"
        for entry in entries()
        for action in arguments(entry.parser)
        if not action.help
    ]


def entries() -> Iterator[Entry]:
    """Every command in the order of `surveil --help`; one that has actions is followed by them."""
    for name, about in COMMANDS.items():
        module = importlib.import_module(f"surveil.commands.{name}")
        yield from _with_actions(Entry(name, about, _parser(name, module)))
        if name == "bench":
            for bench, measures in BENCHES.items():
                module = importlib.import_module(f"surveil.commands.bench_{bench}")
                yield Entry(f"bench {bench}", measures, _parser(f"bench {bench}", module))


def arguments(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Without --help, which all have, and without the actions, which are entries of their own."""
    return [
        action
        for action in parser._actions  # argparse offers no other way to list them
        if not isinstance(action, argparse._HelpAction | argparse._SubParsersAction)
    ]


def _with_actions(entry: Entry) -> Iterator[Entry]:
    yield entry
    for action in entry.parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            help_of = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, parser in action.choices.items():
                yield Entry(f"{entry.name} {name}", help_of.get(name, ""), parser)


def _parser(name: str, module: ModuleType) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"surveil {name}", allow_abbrev=False)
    module.add_arguments(parser)
    return parser


def _section(entry: Entry) -> str:
    about = entry.about[:1].upper() + entry.about[1:]
    lines = [f"## surveil {entry.name}", "", about.rstrip(".") + ".", ""]
    lines += [f"    {_synopsis(entry)}", ""]
    rows = [_row(action) for action in arguments(entry.parser)]
    if rows:
        lines += ["| argument | what it is | allowed | default |", "|---|---|---|---|", *rows, ""]
    examples = EXAMPLES.get(entry.name, ())
    if examples:
        lines += ["```sh", *examples, "```", ""]
    return "\n".join(lines)


def _synopsis(entry: Entry) -> str:
    """What must be typed in full, the rest in brackets."""
    parts = [f"surveil {entry.name}"]
    listed = arguments(entry.parser)
    options = [action for action in listed if action.option_strings]
    if any(not action.required for action in options):
        parts.append("[options]")
    parts += [_spelling(action) for action in options if action.required]
    parts += [_positional(action) for action in listed if not action.option_strings]
    if any(isinstance(action, argparse._SubParsersAction) for action in entry.parser._actions):
        parts.append("ACTION ...")
    return " ".join(parts)


def _positional(action: argparse.Action) -> str:
    name = _value(action)
    if action.nargs == "?":
        return f"[{name}]"
    if action.nargs == "*":
        return f"[{name} ...]"
    if action.nargs == "+":
        return f"{name} [{name} ...]"
    return "..." if action.nargs == argparse.REMAINDER else name


def _row(action: argparse.Action) -> str:
    explained = (action.help or "").replace("%%", "%")
    default = _default(action)
    explained = explained.replace("%(default)s", default or "none")
    needed = " **Needed.**" if action.required and action.option_strings else ""
    allowed = ", ".join(f"`{choice}`" for choice in action.choices or ())
    in_text = default is None or default in explained
    cells = (
        f"`{_spelling(action)}`",
        (explained + needed).strip(),
        allowed,
        "" if in_text else f"`{default}`",
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(action: argparse.Action) -> str | None:
    """As it would be typed; None where leaving it out means nothing."""
    value = action.default
    if value is None or value is False or value == [] or value == argparse.SUPPRESS:
        return None
    if isinstance(value, tuple | list):
        return ",".join(str(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _spelling(action: argparse.Action) -> str:
    """`-c, --config FILE`; for a positional its name."""
    if not action.option_strings:
        return _value(action)
    names = ", ".join(action.option_strings)
    return names if action.nargs == 0 else f"{names} {_value(action)}"


def _value(action: argparse.Action) -> str:
    if action.metavar is not None:
        return action.metavar if isinstance(action.metavar, str) else " ".join(action.metavar)
    return action.dest.upper().replace("-", "_")


if __name__ == "__main__":
    sys.exit(main())
