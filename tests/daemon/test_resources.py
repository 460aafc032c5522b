"""What the captioner's model is taken to need when memory is planned."""

from __future__ import annotations

from pathlib import Path

import pytest

from surveil.config import load_config
from surveil.daemon.resources import plan_resources

MIB = 2**20


INT8 = {"seeing_int8.bin": 200, "saying_int8.bin": 100}


@pytest.mark.parametrize(
    ("files", "flags", "mib"),
    [
        ({"model.safetensors": 300}, "avx512f amx_tile amx_bf16", 300),
        (INT8, "avx2 avx512f", 200 + 2 * 100),
        (INT8, "avx512f amx_tile amx_bf16", 2 * (200 + 100)),
        (INT8, None, 200 + 2 * 100),
    ],
    ids=["as published", "int8", "int8 with AMX", "int8, nobody knows on what"],
)
def test_a_models_weights_are_planned_as_often_as_they_are_laid_out(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: dict[str, int],
    flags: str | None,
    mib: int,
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    if flags is not None:
        cpuinfo.write_text(f"processor : 0\nflags : fpu {flags} sse\n")
    monkeypatch.setattr("surveil.daemon.resources.CPUINFO", cpuinfo)
    folder = tmp_path / "model"
    folder.mkdir()
    for name, size_mib in files.items():
        with (folder / name).open("wb") as file:
            file.truncate(size_mib * MIB)  # sparse: no disk is used
    assert planned(tmp_path, folder) - planned(tmp_path, tmp_path / "none") == (mib - 1900) * MIB


@pytest.mark.parametrize(
    ("options", "mib"),
    [
        ("threads: 2", 2 * (200 + 100)),
        ("threads: 1", 200 + 2 * 100),
        ("threads: 2, max_batch: 1", 200 + 100),
    ],
)
def test_what_only_batches_need_is_planned_for_batches_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: str, mib: int
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("flags : fpu amx_bf16\n")
    monkeypatch.setattr("surveil.daemon.resources.CPUINFO", cpuinfo)
    folder = tmp_path / "model"
    folder.mkdir()
    for name, size_mib in INT8.items():
        with (folder / name).open("wb") as file:
            file.truncate(size_mib * MIB)
    assert planned(tmp_path, folder, options) == mib * MIB


def planned(tmp_path: Path, model: Path, options: str = "threads: 2") -> int:
    path = tmp_path / "config.yaml"
    path.write_text(
        f"""
captioner: {{model: {model}, device: cpu, {options}}}
cameras:
  - {{id: yard, url: "rtsp://camera/1"}}
"""
    )
    return plan_resources(load_config(path, environ={})).memory.model_bytes
