"""The machine is shared out inside its cap, and capture is served first."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveil.daemon.resources import (
    CAPTIONER_NICE,
    FRAME_BYTES,
    MIB,
    MIN_FRAMES,
    Wishes,
    memory_cap_bytes,
    plan_cpu,
    plan_memory,
    usable_cores,
    yield_to_capture,
)
from surveil.errors import ConfigError

GIB = 1024 * MIB
WISHES = Wishes(ring_bytes=256 * MIB, packets_bytes=128 * MIB)


@given(
    cap_bytes=st.integers(0, 64 * GIB),
    cameras=st.integers(0, 64),
    model_bytes=st.integers(0, 8 * GIB),
    wishes=st.builds(
        Wishes,
        ring_bytes=st.integers(8 * MIB, 8 * GIB),
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
        + plan.inbox_bytes
        + plan.ring_bytes
        + plan.packets_bytes
    )
    assert parts <= cap_bytes
    assert 1 <= plan.batch <= wishes.batch
    assert plan.caption_queue >= 4
    assert plan.ring_bytes <= wishes.ring_bytes
    assert plan.packets_bytes <= wishes.packets_bytes
    least_ring = cameras * MIN_FRAMES * wishes.frame_bytes
    assert plan.ring_bytes >= min(wishes.ring_bytes, least_ring)


def test_with_room_to_spare_every_wish_is_granted() -> None:
    plan = plan_memory(WISHES, cap_bytes=16 * GIB, cameras=4, model_bytes=GIB)
    assert (plan.ring_bytes, plan.packets_bytes) == (256 * MIB, 128 * MIB)
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


def test_the_captioner_yields_and_so_do_the_threads_it_starts() -> None:
    """torch's pool is started by the captioner's thread, so it inherits; the capture threads do not."""
    found: list[int] = []

    def nice() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    def captioner() -> None:
        yield_to_capture()
        found.append(nice())
        child = threading.Thread(target=lambda: found.append(nice()))
        child.start()
        child.join()

    before = nice()
    thread = threading.Thread(target=captioner)
    thread.start()
    thread.join()
    assert found == [CAPTIONER_NICE, CAPTIONER_NICE]
    assert nice() == before


def test_a_1080p_frame_is_three_megabytes() -> None:
    assert FRAME_BYTES == 3_110_400
