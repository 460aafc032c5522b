"""The machine is shared out inside its cap, capture is served first, and a model needs what its files say."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveil.config import load_config
from surveil.daemon.resources import (
    FRAME_BYTES,
    MIB,
    MIN_FRAMES,
    Wishes,
    memory_cap_bytes,
    plan_cpu,
    plan_memory,
    plan_resources,
    usable_cores,
)
from surveil.errors import ConfigError

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


GIB = 1024 * MIB
WISHES = Wishes(frame_buffer_bytes=256 * MIB, packets_bytes=128 * MIB)


@given(
    cap_bytes=st.integers(0, 64 * GIB),
    cameras=st.integers(0, 64),
    model_bytes=st.integers(0, 8 * GIB),
    wishes=st.builds(
        Wishes,
        frame_buffer_bytes=st.integers(8 * MIB, 8 * GIB),
        packets_bytes=st.integers(MIB, 8 * GIB),
        batch=st.integers(1, 64),
        batch_picture_bytes=st.integers(MIB, 200 * MIB),
        frame_bytes=st.integers(100_000, 13_000_000),
    ),
)
def test_the_parts_never_exceed_the_cap_or_the_wish(
    cap_bytes: int, cameras: int, model_bytes: int, wishes: Wishes
) -> None:
    """Either the cap is refused as too small, or the sum fits and every part can work."""
    try:
        plan = plan_memory(wishes, cap_bytes=cap_bytes, cameras=cameras, model_bytes=model_bytes)
    except ConfigError:
        return
    parts = (
        plan.process_bytes
        + plan.decoders_bytes
        + plan.model_bytes
        + plan.batch_bytes
        + plan.caption_queue_bytes
        + plan.frame_buffer_bytes
        + plan.packets_bytes
    )
    assert parts <= cap_bytes
    assert 1 <= plan.batch <= wishes.batch
    assert plan.caption_queue >= 4
    assert plan.frame_buffer_bytes <= wishes.frame_buffer_bytes
    assert plan.packets_bytes <= wishes.packets_bytes
    least_frames = cameras * MIN_FRAMES * wishes.frame_bytes
    assert plan.frame_buffer_bytes >= min(wishes.frame_buffer_bytes, least_frames)


def test_with_room_to_spare_every_wish_is_granted() -> None:
    plan = plan_memory(WISHES, cap_bytes=16 * GIB, cameras=4, model_bytes=GIB)
    assert (plan.frame_buffer_bytes, plan.packets_bytes) == (256 * MIB, 128 * MIB)
    assert plan.batch == 8
    assert plan.caption_queue == 64


def test_a_cap_that_is_too_small_names_the_least_that_would_do() -> None:
    with pytest.raises(
        ConfigError, match=r"1024 MiB are too little for 16 cameras .* need \d+ MiB"
    ):
        plan_memory(WISHES, cap_bytes=GIB, cameras=16, model_bytes=GIB)


def test_the_plan_prints_as_one_line() -> None:
    text = str(plan_memory(WISHES, cap_bytes=4 * GIB, cameras=4, model_bytes=GIB))
    assert text.startswith("memory 4096 MiB: process 450 MiB, decoders 120 MiB, model 1024 MiB")
    assert "\n" not in text


@pytest.mark.parametrize(
    ("cores", "cameras", "captioner", "decoder"),
    [(1, 1, 1, 1), (2, 1, 2, 2), (4, 4, 3, 1), (4, 2, 3, 2), (16, 16, 12, 1), (64, 4, 48, 2)],
)
def test_capture_keeps_one_core_in_four(
    cores: int, cameras: int, captioner: int, decoder: int
) -> None:
    plan = plan_cpu(cores=cores, cameras=cameras, on_cpu=True)
    assert (plan.captioner, plan.decoder) == (captioner, decoder)


def test_a_model_elsewhere_needs_few_threads_and_a_person_may_insist() -> None:
    assert plan_cpu(cores=16, cameras=4, on_cpu=False).captioner == 2
    assert plan_cpu(cores=16, cameras=4, on_cpu=True, asked=5).captioner == 5
    assert "captioner 5 threads" in str(plan_cpu(cores=16, cameras=4, on_cpu=True, asked=5))


def test_usable_cores_are_those_that_this_process_may_run_on() -> None:
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)


def test_the_cap_is_the_least_of_wish_control_group_and_machine(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text(f"MemTotal:  {8 * GIB // 1024} kB\nMemFree: 1 kB\n")
    assert memory_cap_bytes(meminfo=meminfo, cgroup=tmp_path) == round(8 * GIB * 0.8)
    assert memory_cap_bytes(2 * GIB, meminfo=meminfo, cgroup=tmp_path) == 2 * GIB
    (tmp_path / "memory.max").write_text("max\n")
    assert memory_cap_bytes(2 * GIB, meminfo=meminfo, cgroup=tmp_path) == 2 * GIB
    (tmp_path / "memory.max").write_text(f"{GIB}\n")
    assert memory_cap_bytes(2 * GIB, meminfo=meminfo, cgroup=tmp_path) == GIB


def test_a_1080p_frame_is_three_megabytes() -> None:
    assert FRAME_BYTES == 3_110_400
