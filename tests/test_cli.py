"""The command line: every command exists, is explained, and costs only what it needs."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from pathlib import Path

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


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_shell_can_complete_every_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--print-completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(f"_shtab_surveil_{name}" in script for name in COMMANDS)
    assert "--every" in script, "options of commands that were not asked for"


def test_bash_takes_the_completion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--config` is completed with files, a half-typed command with the command."""
    if shutil.which("bash") is None:
        pytest.skip("needs bash")
    main(["--print-completion", "bash"])
    script = tmp_path / "surveil.bash"
    script.write_text(capsys.readouterr().out)
    (tmp_path / "yard.yaml").write_text("")
    program = (
        f'source {script}; COMP_WORDS=(surveil $1 $2 $3); COMP_CWORD=$#; COMP_LINE="surveil $*"; '
        "_shtab_surveil; echo ${COMPREPLY[@]}"
    )
    for typed, expected in ((["rep"], "replay"), (["run", "-c", "yar"], "yard.yaml")):
        done = subprocess.run(
            ["bash", "-c", program, "bash", *typed],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout.split() == [expected], done.stderr


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
        "heavy = {'torch', 'transformers', 'cv2', 'av', 'shtab'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
