"""A whole configuration for the real process: sample clips, demo model, short intervals."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
NODE = "test-node"
PREFIX = f"surveil/{NODE}"
RULES: list[dict[str, Any]] = [
    {"id": "person-climbing", "patterns": ["person climbing"], "severity": "critical"},
    {"id": "person-running", "patterns": ["person running"]},
    {"id": "person-fighting", "patterns": ["people fighting"], "severity": "critical"},
    {"id": "fire", "patterns": ["fire"], "severity": "critical"},
]


def clip(name: str) -> Path:
    """One of the sample clips."""
    return SAMPLES / "clips" / name


def write_config(
    folder: Path, cameras: Mapping[str, str | Path], *, port: int | None, **sections: Any
) -> Path:
    """config.yaml in `folder`: these cameras (id -> url), the demo model, the broker on `port` (None: none)."""
    document: dict[str, Any] = {
        "node": NODE,
        "state_dir": "state",
        "sampling": {"interval": "500ms", "max_interval": "5s"},
        "captioner": {
            "model": str(SAMPLES / "model"),
            "generation": {"num_beams": 1, "max_new_tokens": 24},
            "max_batch": 4,
        },
        "cameras": [{"id": camera_id, "url": str(url)} for camera_id, url in cameras.items()],
        "rules": [{**rule, "confirm": {"hits": 2, "of": 3}, "cooldown": "5s"} for rule in RULES],
        "http": {"listen": "off"},
        "canary": "off",
        **sections,
    }
    if port is not None:
        document["mqtt"] = {"host": "127.0.0.1", "port": port}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return path
