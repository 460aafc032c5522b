"""The way of a frame counts what runs in its threads, and a run in which nothing arrived proves nothing."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.house.conftest import Write
from tests.house.frame_way import SECONDS, THREADS, CallRecorder, Run, frame_way, judged


def way(files: list[str], *, acknowledged: int = 1, threads: tuple[str, ...] = THREADS) -> Run:
    return Run({name: list(threads) for name in files}, acknowledged)


def package_of(written: Write, count: int, *, lines: int = 1) -> tuple[Path, list[str]]:
    package = written({f"room/file{n}.py": "x = 1\n" * lines for n in range(count)})
    return package, [f"{package.name}/room/file{n}.py" for n in range(count)]


def test_forty_files_are_a_way_and_forty_one_are_not(written: Write) -> None:
    package, files = package_of(written, 41)
    assert not judged(way(files[:40]), package).faults
    assert judged(way(files), package).faults == ["41 files; at most 40 are allowed"]


def test_the_language_does_not_count(written: Write) -> None:
    package = written({"language/reader.py": "x = 1\n" * 500, "room/a.py": ""})
    run = way([f"{package.name}/language/reader.py", f"{package.name}/room/a.py"])
    assert not judged(run, package).faults
    assert judged(run, package).figure.startswith("1 files")


def test_a_long_file_on_the_way_is_a_fault(written: Write) -> None:
    package, files = package_of(written, 1, lines=401)
    assert judged(way(files), package).faults == [f"{files[0]}: 401 lines"]


def test_a_run_without_an_acknowledged_alert_is_tried_once_more_and_then_a_fault(
    written: Write,
) -> None:
    package, files = package_of(written, 1)
    tried: list[float] = []

    def runs(seconds: float) -> Run:
        tried.append(seconds)
        return way(files, acknowledged=0)

    assert "no alert was acknowledged" in frame_way(package, runs).faults[0]
    assert tuple(tried) == SECONDS
    assert not frame_way(package, lambda _: way(files)).faults


def test_a_thread_of_the_way_that_was_not_seen_is_a_fault(written: Write) -> None:
    package, files = package_of(written, 1)
    faults = judged(way(files, threads=THREADS[1:]), package).faults
    assert faults == ["no thread named cap-* ran anything"]


TALKS = """
import logging

class Lazy:
    def __str__(self) -> str:
        from PACKAGE.room import said
        return said.text()

class OnlyABody:
    x = 1

def run() -> None:
    logging.getLogger("house").warning("%s", Lazy())
"""


@pytest.fixture
def recorded(written: Write) -> Callable[[str], dict[str, list[str]]]:
    package = written(
        {"room/talks.py": TALKS, "room/said.py": "def text() -> str:\n    return 'said'\n"}
    )
    module = importlib.import_module(f"{package.name}.room.talks")

    def record(thread_name: str) -> dict[str, list[str]]:
        recorder = CallRecorder(package, THREADS)
        before = threading.gettrace()
        threading.settrace(recorder.begin)
        try:
            thread = threading.Thread(target=module.run, name=thread_name)
            thread.start()
            thread.join()
        finally:
            threading.settrace(before)
        return {Path(name).name: kinds for name, kinds in recorder.files().items()}

    return record


def test_what_runs_in_a_thread_of_the_way_is_noted(
    recorded: Callable[[str], dict[str, list[str]]],
) -> None:
    assert recorded("cap-yard") == {"talks.py": ["cap-"]}


def test_other_threads_are_not(recorded: Callable[[str], dict[str, list[str]]]) -> None:
    assert recorded("http") == {}
