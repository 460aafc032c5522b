"""What the captioner's model is taken to need when memory is planned."""

from __future__ import annotations

from pathlib import Path

import pytest

from surveil.config import load_config
from surveil.daemon.resources import plan_resources

MIB = 2**20


@pytest.mark.parametrize(
    "files",
    [{"model.safetensors": 300}, {"seeing_int8.bin": 200, "saying_int8.bin": 100}],
    ids=["as published", "int8"],
)
def test_a_models_weights_are_planned_at_their_size(tmp_path: Path, files: dict[str, int]) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for name, mib in files.items():
        with (folder / name).open("wb") as file:
            file.truncate(mib * MIB)  # sparse: no disk is used
    assert planned(tmp_path, folder) - planned(tmp_path, tmp_path / "none") == (300 - 1900) * MIB


def planned(tmp_path: Path, model: Path) -> int:
    path = tmp_path / "config.yaml"
    path.write_text(
        f"""
captioner: {{model: {model}, device: cpu}}
cameras:
  - {{id: yard, url: "rtsp://camera/1"}}
"""
    )
    return plan_resources(load_config(path, environ={})).memory.model_bytes
