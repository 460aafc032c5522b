"""The command line: every command exists, is explained, and costs only what it needs."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from surveil import __version__
from surveil.cli import COMMANDS, main


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_its_module_and_help(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    module = importlib.import_module(f"surveil.commands.{name}")
    assert callable(module.run)
    assert COMMANDS[name] == module.HELP
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert f"usage: surveil {name}" in capsys.readouterr().out


def test_without_a_command_it_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    listed = capsys.readouterr().out
    assert all(f"\n    {name} " in listed for name in COMMANDS)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"surveil {__version__}\n"


def test_an_unknown_command_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["wach"])
    assert ended.value.code == 2
    assert "wach" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--help"], ["check", "--help"], ["schema"]])
def test_light_commands_load_no_heavy_library(arguments: list[str]) -> None:
    """Neither torch nor OpenCV nor FFmpeg: a box with an N100 answers at once."""
    program = (
        "import sys\n"
        "from surveil.cli import main\n"
        "try:\n"
        f"    main({arguments!r})\n"
        "except SystemExit:\n"
        "    pass\n"
        "heavy = {'torch', 'transformers', 'cv2', 'av'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
