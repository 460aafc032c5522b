"""The bench measures what it says, on a small clip and for a short time."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from surveil.capture import capture_bench as measuring
from surveil.commands import bench, bench_capture
from surveil.errors import ConfigError, SourceError


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    parser = argparse.ArgumentParser()
    bench.add_arguments(parser)
    assert bench.run(parser.parse_args(["capture", *arguments])) == 0
    return capsys.readouterr().out


def test_all_modes_are_measured_on_one_clip(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    short = ("--cameras", "2", "--seconds", "1.5", "--warm-up", "1.5", "--ring", "8")
    told = json.loads(printed(capsys, "--clip", str(clip), *short, "--json"))
    assert told["clip"] == "h264 320x180, 25 fps, a keyframe every 25 frames"
    costs = {cost["mode"]: cost for cost in told["costs"]}
    assert set(costs) == {"keyframes", "auto", "all", "opencv"}
    for cost in costs.values():
        assert 30 < cost["fps"] < 65, "both cameras' 25, fewer on a busy machine"
        assert cost["cores"] > 0
    assert costs["keyframes"]["cores"] < costs["all"]["cores"]
    assert costs["keyframes"]["oldest_ms"] < 2_000
    assert costs["all"]["ring_bytes"] <= 8 << 20


def test_the_table_compares_at_the_full_rate() -> None:
    """Given a loop that kept up with half of the frames, its cost is told as if it had kept up with all."""
    costs = [
        measuring.Cost("keyframes", 4, 0.02, 1 << 24, 100.0, 900, 1 << 20),
        measuring.Cost("opencv", 4, 0.2, 1 << 26, 50.0, None, None),
    ]
    table = bench_capture._as_table(measuring.Clip("a clip", 25.0), costs)
    assert "20.0x less" in table
    assert "0.0050" in table
    assert "50%" in table


def test_an_unknown_mode_and_a_bad_clip_are_told(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    bench_capture.add_arguments(parser)
    with pytest.raises(ConfigError, match=r"found fast; allowed are auto, keyframes, all, opencv"):
        bench_capture.run(parser.parse_args(["--modes", "fast"]))
    with pytest.raises(SourceError, match="is no video that can be measured with"):
        bench_capture.run(parser.parse_args(["--clip", str(tmp_path / "none.mp4")]))
