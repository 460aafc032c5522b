"""Small packages to be measured."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

Write = Callable[[dict[str, str]], Path]


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes files of a new package, which can be imported; `PACKAGE` in a text stands for its name."""

    def write(files: dict[str, str]) -> Path:
        package = tmp_path / f"house_{uuid.uuid4().hex}"
        for name, text in files.items():
            path = package / name
            path.parent.mkdir(parents=True, exist_ok=True)
            for folder in (path.parent, package):
                (folder / "__init__.py").touch()
            path.write_text(text.replace("PACKAGE", package.name), encoding="utf-8")
        monkeypatch.syspath_prepend(str(tmp_path))
        return package

    return write
