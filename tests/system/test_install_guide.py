"""What the install and operations guides tell people to type exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from surveil.cli import COMMANDS

PROJECT = Path(__file__).parents[2]
GUIDES = ("docs/guide/install.md", "docs/operations.md")
TARGETS = (PROJECT / "install.mk").read_text() + (PROJECT / "Makefile").read_text()


def typed(guide: str) -> str:
    """Indented blocks and inline code of a guide."""
    text = (PROJECT / guide).read_text(encoding="utf-8")
    blocks = re.findall(r"^    .*$", text, re.MULTILINE)
    return "\n".join([*blocks, *re.findall(r"`([^`]+)`", text)])


@pytest.mark.parametrize("guide", GUIDES)
def test_every_command_of_surveil_exists(guide: str) -> None:
    named = set(re.findall(r"(?:^|sudo )\s*surveil ([a-z]+)", typed(guide), re.MULTILINE))
    assert named
    assert named <= set(COMMANDS)


@pytest.mark.parametrize("guide", GUIDES)
def test_every_make_target_exists(guide: str) -> None:
    named = set(re.findall(r"\bmake ([a-z-]+)", typed(guide)))
    assert named
    assert {name for name in named if f"\n{name}:" not in TARGETS} == {"python"} & named


@pytest.mark.parametrize("guide", GUIDES)
def test_every_link_leads_somewhere(guide: str) -> None:
    text = (PROJECT / guide).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert ((PROJECT / guide).parent / target).exists(), target


def test_the_guide_names_every_dropin() -> None:
    text = (PROJECT / "docs/guide/install.md").read_text(encoding="utf-8")
    names = [path.stem for path in (PROJECT / "systemd/surveil.service.d").glob("*.conf")]
    assert names
    assert [name for name in names if f"DROPINS={name}" not in text] == []
