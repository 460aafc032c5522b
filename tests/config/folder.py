"""A folder with a config.yaml in it, and the smallest configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from surveil.config import Config, load_config
from surveil.errors import ConfigError

MINIMAL = """\
cameras:
  - id: entrance
    url: rtsp://192.0.2.10/stream2
rules:
  - patterns: [person climbing]
mqtt:
  host: broker
"""


class Folder:
    """Writes config.yaml and reads it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def file(self) -> Path:
        return self.path / "config.yaml"

    def write(self, text: str | bytes) -> Path:
        self.file.write_bytes(text.encode() if isinstance(text, str) else text)
        return self.file

    def load(self, text: str | bytes, **environ: str) -> Config:
        return load_config(self.write(text), environ=environ)

    def problems(self, text: str | bytes, **environ: str) -> list[str]:
        """The lines of the error, without the folder's name."""
        with pytest.raises(ConfigError) as raised:
            self.load(text, **environ)
        return str(raised.value).replace(f"{self.path}/", "").splitlines()

    def problem(self, text: str | bytes, **environ: str) -> str:
        """The only line of the error."""
        (line,) = self.problems(text, **environ)
        return line
