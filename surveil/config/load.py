"""config.yaml -> Config."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from surveil.config.model import Config


def load_config(path: Path | str, *, environ: Mapping[str, str]) -> Config:
    """The configuration in the file. Raises ConfigError."""
    document = yaml.load(Path(path).read_text(encoding="utf-8"), yaml.BaseLoader)
    return Config.model_validate(document, context={"folder": Path(path).parent})
