"""`surveil bench caption` on the demo model: small enough to measure for real."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from surveil.captioning.caption_bench import Measured
from surveil.commands import bench_caption

DEMO_MODEL = Path(__file__).parents[2] / "samples" / "model"


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(exit_on_error=False)
    bench_caption.add_arguments(parser)
    return parser.parse_args(words)


def test_every_engine_is_measured_beside_the_naive_script(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The naive way at both ends of the same run, each engine and batch between them."""
    args = parsed(
        str(DEMO_MODEL),
        "--engines",
        "torch:fp32",
        "--batches",
        "1,2",
        "--beams",
        "3",
        "--repeats",
        "1",
        "--threads",
        "1",
        "--json",
    )

    assert bench_caption.run(args) == 0

    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["way"], row["batch"]) for row in rows] == [
        ("naive", 1),
        ("torch fp32", 1),
        ("torch fp32", 2),
        ("naive", 1),
    ]
    assert all(row["best_s"] > 0 and row["resident_mib"] > 0 for row in rows)


def test_the_operator_gets_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    args = parsed(
        str(DEMO_MODEL),
        "--engines",
        "torch:fp32",
        "--batches",
        "1",
        "--beams",
        "1",
        "--repeats",
        "1",
        "--threads",
        "1",
        "--no-naive",
    )
    assert bench_caption.run(args) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("at 5 s per camera this box carries ")
    assert "cameras (torch fp32, batch 1, beams 1)" in last


def test_ratios_are_to_the_quicker_naive_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a box with neighbours the two differ, and the slower one flatters."""

    def row(way: str, batch: int, beams: int, best_s: float) -> Measured:
        return Measured(way, "cpu", batch, beams, best_s, best_s, best_s, 1, 1)

    rows = [
        row("naive", 1, 1, 1.0),
        row("naive", 1, 3, 2.6),
        row("torch fp32", 1, 1, 0.5),
        row("torch fp32", 1, 3, 0.5),
        row("torch fp32", 4, 3, 1.0),
        row("naive", 1, 1, 0.9),
        row("naive", 1, 3, 2.0),
    ]
    monkeypatch.setattr(bench_caption, "_rows", lambda args, plan: rows)
    assert bench_caption.run(parsed(str(DEMO_MODEL))) == 0
    told = capsys.readouterr().out
    assert (
        "times the quicker naive run (2.000 s), beams 3: torch fp32 batch 1 4.0, torch fp32 batch 4 8.0\n"
        in told
    )


def test_an_engine_that_is_not_there_is_told_and_the_others_measured(
    capsys: pytest.CaptureFixture[str],
) -> None:
    args = parsed(str(DEMO_MODEL), "--engines", "torch:fp16", "--no-naive", "--device", "cpu")
    assert bench_caption.run(args) == 3
    assert "torch:fp16: precision fp16 can't be had on cpu" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [("--engines", "torch:fp8"), ("--batches", "0"), ("--beams", "x")]
)
def test_wrong_arguments_are_told(words: tuple[str, str]) -> None:
    with pytest.raises(argparse.ArgumentError):
        parsed(*words)
