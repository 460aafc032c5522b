"""`surveil schema` prints what docs/reference holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from surveil.cli import main

ROOT = Path(__file__).parents[2]


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert capsys.readouterr().out == (ROOT / "docs/reference/config.schema.json").read_text()
