"""docs/reference/commands.md says what the parsers say, and nothing that can be typed is left unexplained."""

from __future__ import annotations

import argparse
import importlib.util
import re
import shlex
import sys
from pathlib import Path
from types import ModuleType

import pytest

from surveil.cli import COMMANDS

PROGRAM = Path(__file__).parents[2] / "docs/generate_commands.py"
REMEDY = "run: python docs/generate_commands.py"


def loaded() -> ModuleType:
    """The program, which is not in a package."""
    spec = importlib.util.spec_from_file_location("generate_commands", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by name.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


generate = loaded()


def test_the_page_is_fresh() -> None:
    assert generate.PAGE.read_text(encoding="utf-8") == generate.page(), REMEDY


def test_every_argument_is_explained() -> None:
    assert generate.unexplained() == []


def test_every_command_and_action_is_on_the_page() -> None:
    headings = re.findall(r"^## surveil (.+)$", generate.page(), re.MULTILINE)
    assert [name for name in headings if " " not in name] == list(COMMANDS)
    assert {"rules match", "model fetch", "bench caption"} <= set(headings)


def test_every_option_is_on_the_page() -> None:
    text = generate.page()
    for entry in generate.entries():
        section = text.split(f"## surveil {entry.name}\n")[1].split("\n## ")[0]
        for action in generate.arguments(entry.parser):
            for option in action.option_strings:
                assert re.search(rf"`.*{option}\b.*`", section), f"{entry.name} {option}"


def test_an_argument_without_help_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check above can fail."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--silent")
    entry = generate.Entry("example", "is an example", parser)
    monkeypatch.setattr(generate, "entries", lambda: iter([entry]))
    assert generate.unexplained() == ["example: --silent SILENT has no help"]


@pytest.mark.parametrize("name", generate.EXAMPLES)
def test_examples_belong_to_their_command(name: str) -> None:
    assert name in {entry.name for entry in generate.entries()}
    for line in generate.EXAMPLES[name]:
        words = shlex.split(line.rpartition("| ")[2])
        assert words[: 1 + len(name.split())] == ["surveil", *name.split()]
