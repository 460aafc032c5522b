"""A failure is told once, then counted."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from surveil.service.logging_setup import MAX_KEYS, WINDOW_S, RepeatFilter, setup_logging
from tests.fakes import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def stream(clock: FakeClock) -> Iterator[io.StringIO]:
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    stream = io.StringIO()
    setup_logging("info", "journal", stream, environ={}, clock=clock)
    yield stream
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def log() -> logging.Logger:
    return logging.getLogger("surveil.test")


def messages(stream: io.StringIO) -> list[str]:
    return [line.partition("surveil.test: ")[2] for line in stream.getvalue().splitlines()]


def test_a_repeated_failure_is_told_once_then_counted(
    stream: io.StringIO, log: logging.Logger, clock: FakeClock
) -> None:
    for number in range(5):
        log.warning("camera %s: no frame for %d s", "yard", number)
    clock.advance(WINDOW_S)
    log.info("something else")
    assert messages(stream) == [
        "camera yard: no frame for 0 s",
        "camera yard: no frame for 4 s (came 4 more times within 600 s)",
        "something else",
    ]


def test_after_the_window_it_is_told_again_with_the_count_first(
    stream: io.StringIO, log: logging.Logger, clock: FakeClock
) -> None:
    log.warning("broker %s is down", "b")
    log.warning("broker %s is down", "b")
    clock.advance(WINDOW_S)
    log.warning("broker %s is down", "b")
    assert messages(stream) == [
        "broker b is down",
        "broker b is down (came 1 more times within 600 s)",
        "broker b is down",
    ]


def test_each_camera_has_its_own_failure(stream: io.StringIO, log: logging.Logger) -> None:
    for camera in ("yard", "gate", "yard"):
        log.warning("camera %s: connection refused", camera)
    assert len(messages(stream)) == 2


def test_news_is_never_held_back(stream: io.StringIO, log: logging.Logger) -> None:
    log.info("camera %s is online", "yard")
    log.info("camera %s is online", "yard")
    assert len(messages(stream)) == 2


def test_a_failure_that_came_once_needs_no_count(
    stream: io.StringIO, log: logging.Logger, clock: FakeClock
) -> None:
    log.error("once")
    clock.advance(WINDOW_S * 2)
    log.info("later")
    assert messages(stream) == ["once", "later"]


def test_the_memory_is_bounded(clock: FakeClock) -> None:
    """A message that is different each time is a mistake, but must not eat the box."""
    repeats = RepeatFilter(clock)
    for number in range(MAX_KEYS * 3):
        record = logging.LogRecord("x", logging.ERROR, "", 0, f"failure {number}", None, None)
        assert repeats.filter(record)
        repeats.summaries()
    assert len(repeats._repeats) == MAX_KEYS
