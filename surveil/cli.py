"""The `surveil` command: finds the subcommand's module, hands it the arguments, turns errors into exit codes.

Only the module of the command that was asked for is imported, so `surveil --help` and `surveil check` stay fast.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from surveil import __version__
from surveil.errors import SurveilError

COMMANDS = {
    "run": "watch the cameras of a configuration until told to stop",
    "demo": "watch three drawn cameras for a minute, with everything inside one process",
    "check": "say what is wrong with a configuration, or what it amounts to",
    "schema": "print the JSON Schema of the configuration",
    "status": "say how the running daemon is; exit code 0 while it works, whatever its cameras do",
    "alerts": "list alerts, and take note of them",
    "search": "find captions by their words",
    "rules": "try patterns on captions, ask why one matched, measure them",
    "replay": "run rules over captions of the past and list the alerts they would have given",
    "probe": "open a camera as the daemon would, and print what it is and its lines for config.yaml",
    "caption": "caption pictures, folders, videos and addresses",
    "model": "fetch a model ahead of time, or make it smaller and faster (int8)",
    "bench": "measure what cameras, captions and rules cost on this box",
}
"""Name -> one line of help. The module is surveil.commands.<name>, dashes as underscores."""
_FILE_WORDS = ("PATH", "FILE", "DIR", "FOLDER")


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code of the command; argparse itself exits with 2 on wrong arguments."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    args = _parser(arguments).parse_args(arguments)
    try:
        if args.print_completion is not None:
            print(_completion(args.print_completion))
            return 0
        if args.command is None:
            _parser([]).print_help()
            return 0
        return int(args.run(args))
    except SurveilError as error:
        print(f"surveil: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        return _closed_pipe()


def _parser(arguments: Sequence[str], *, whole: bool = False) -> argparse.ArgumentParser:
    """`whole`: with the arguments of all commands, and not only of the one that is asked for."""
    parser = argparse.ArgumentParser(
        prog="surveil", description="Watches cameras by describing them.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"surveil {__version__}")
    parser.add_argument(
        "--print-completion",
        choices=("bash", "zsh"),
        metavar="SHELL",
        help="print what makes bash or zsh complete these commands, and exit",
    )
    parser.set_defaults(command=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    asked = next((word for word in arguments if not word.startswith("-")), None)
    for name, help_line in COMMANDS.items():
        command = commands.add_parser(
            name, help=help_line, description=_sentence(help_line), allow_abbrev=False
        )
        command.set_defaults(command=name)
        if whole or name == asked:
            module = importlib.import_module(f"surveil.commands.{name.replace('-', '_')}")
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    return parser


def _completion(shell: str) -> str:
    """A script for the shell, in which arguments that name files are completed as files."""
    import shtab

    parser = _parser([], whole=True)
    waiting = [parser]
    while waiting:
        for action in waiting.pop()._actions:  # argparse offers no other way to list them
            if isinstance(action, argparse._SubParsersAction):
                waiting += action.choices.values()
            elif action.type is Path or action.metavar in _FILE_WORDS:
                vars(action)["complete"] = shtab.FILE
    return str(shtab.complete(parser, shell=shell))


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _closed_pipe() -> int:
    """The reader (`| head`) went away: no error, but Python must not flush into it at exit."""
    sys.stdout = None
    return 0
