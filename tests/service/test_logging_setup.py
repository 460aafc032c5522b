"""One line an event, stamped as its reader needs it, and never a secret."""

from __future__ import annotations

import io
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveil.redact import register_secret
from surveil.service.logging_setup import (
    MAX_KEYS,
    MAX_TEXTS,
    QUIET,
    WINDOW_S,
    LogFormat,
    RepeatFilter,
    one_line,
    priority,
    setup_logging,
    to_journal,
)
from tests.fakes import FakeClock
from tests.support.secrets import forget_secrets

SECRET = 'hun"ter\n2&'
"""With what JSON, line breaks and addresses would each write differently."""


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    yield
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)
    forget_secrets()


def logged(fmt: LogFormat, act: Callable[[logging.Logger], None]) -> list[str]:
    """The lines that `act` caused."""
    stream = io.StringIO()
    logging.getLogger().handlers.clear()  # pytest's own raises for a line that cannot be formed
    setup_logging("debug", fmt, stream, clock=FakeClock(), environ={})
    act(logging.getLogger("surveil.test"))
    return stream.getvalue().splitlines()


def boom(text: str = "boom") -> None:
    raise ValueError(text)


def log_failure(logger: logging.Logger) -> None:
    try:
        boom()
    except ValueError:
        logger.exception("camera %s failed", "yard")


def test_a_text_line_has_time_level_thread_logger_and_message() -> None:
    (line,) = logged("text", lambda log: log.info("camera %s is up", "yard"))
    stamp, rest = line.split(" ", 1)
    assert stamp[:2] == "20"
    assert rest == "INFO     [MainThread] surveil.test: camera yard is up"


def test_a_journal_line_has_a_priority_and_no_time() -> None:
    lines = logged("journal", lambda log: log.warning("disk %d %%", 93))
    assert lines == ["<4>[MainThread] surveil.test: disk 93 %"]


@pytest.mark.parametrize(
    ("level", "expected"),
    [("CRITICAL", 2), ("ERROR", 3), ("WARNING", 4), ("INFO", 6), ("DEBUG", 7)],
)
def test_priorities_are_those_of_syslog(level: str, expected: int) -> None:
    assert priority(logging.getLevelNamesMapping()[level]) == expected


def test_a_json_line_is_one_object_with_the_whole_traceback() -> None:
    (line,) = logged("json", log_failure)
    entry = json.loads(line)
    assert entry["level"] == "error"
    assert entry["message"] == "camera yard failed"
    assert "Traceback" in entry["exception"]


def test_a_text_exception_is_one_line_that_names_its_places() -> None:
    (line,) = logged("text", log_failure)
    assert "camera yard failed: ValueError: boom (test_logging_setup.py:" in line
    assert "boom" in line.rpartition(" > ")[2]


def test_causes_are_told_and_circles_end() -> None:
    error = ValueError("a")
    error.__cause__ = KeyError("b")
    error.__cause__.__cause__ = error
    assert one_line(error) == "ValueError: a, because of KeyError: 'b'"


@pytest.mark.parametrize("fmt", ["text", "journal", "json"])
@pytest.mark.parametrize(
    "hostile",
    ["a\nb", "a\r\x1b[2Jb", "a\x00b", "a\u2028b", "a\udc80b", "a\x7fb", "a\x9b2Jb", "a\u202eb"],
)
def test_a_name_from_outside_cannot_make_a_second_line_or_drive_a_terminal(
    fmt: LogFormat, hostile: str
) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    setup_logging("info", fmt, stream, environ={})
    logging.getLogger("surveil.test").info("camera %s", hostile)
    stream.flush()
    line = stream.buffer.getvalue().decode()
    assert line.count("\n") == 1
    assert line[:-1].isprintable()


@pytest.mark.parametrize("fmt", ["text", "journal", "json"])
def test_no_path_into_the_log_carries_a_secret(fmt: LogFormat) -> None:
    """Message, arguments, exception, its cause, thread name, logger name, a warning, a line that cannot be formed."""
    register_secret(SECRET)
    address = f"rtsp://u:{SECRET}@h/"

    def everywhere(logger: logging.Logger) -> None:
        logger.info(address)
        logger.info("%s %r", address, SECRET)
        logger.info("%s", {"password": SECRET})
        logging.getLogger(f"x.{SECRET}").info("named")
        named = threading.Thread(target=logger.info, args=("in a thread",), name=address)
        named.start()
        named.join()
        try:
            boom(address)
        except ValueError as error:
            logger.exception("failed")
            logger.error("%s", error)  # noqa: TRY400 # the exception's text as an argument
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn(address, stacklevel=1)
        logger.info("%d", SECRET)

    lines = logged(fmt, everywhere)
    assert len(lines) == 9
    assert "hun" not in "\n".join(lines)


@given(st.text(min_size=4), st.sampled_from(["text", "journal", "json"]))
def test_no_secret_of_any_shape_reaches_a_line(secret: str, fmt: LogFormat) -> None:
    """The message is a masked secret and nothing else, whatever characters it is made of."""
    register_secret(secret)
    lines = logged(fmt, lambda log: log.info("%s", secret))
    # A thread that another test left behind may have something to say as well.
    (line,) = [line for line in lines if "surveil.test" in line]
    said = json.loads(line)["message"] if fmt == "json" else line.rpartition(": ")[2]
    assert said == ("***" if secret.strip("*") else secret)
    forget_secrets()


def test_a_password_that_is_a_word_of_ours_does_not_hide_where_a_line_comes_from() -> None:
    register_secret("surveil")
    (line,) = logged("journal", lambda log: log.info("user surveil, password surveil"))
    assert line == "<6>[MainThread] surveil.test: user ***, password ***"


def test_a_line_that_cannot_be_formed_is_told_without_its_arguments(
    capsys: pytest.CaptureFixture[str],
) -> None:
    (line,) = logged("text", lambda log: log.info("%d frames", "many"))
    assert "cannot be formed" in line
    assert "many" not in line
    assert capsys.readouterr().err == ""


def test_a_reader_that_went_away_does_not_stop_the_daemon() -> None:
    class Gone(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    setup_logging("info", "text", Gone(), environ={})
    logging.getLogger("surveil.test").info("into the void")


@pytest.mark.parametrize("name", QUIET)
def test_libraries_speak_only_of_warnings(name: str) -> None:
    lines = logged("text", lambda _: logging.getLogger(name).info("chatter"))
    assert lines == []


def test_set_up_twice_it_speaks_once() -> None:
    setup_logging("info", "text", io.StringIO(), environ={})
    assert len(logged("text", lambda log: log.info("x"))) == 1


def test_the_journal_is_known_by_its_inode(tmp_path: Path) -> None:
    with (tmp_path / "a").open("w") as ours, (tmp_path / "b").open("w") as other:
        found = os.fstat(ours.fileno())
        environ = {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
        assert to_journal(ours, environ)
        assert not to_journal(other, environ), "a child whose output was sent elsewhere"
        assert not to_journal(ours, {})
        assert not to_journal(io.StringIO(), environ)


def test_an_abort_leaves_the_stacks_of_all_threads() -> None:
    """What systemd's watchdog sends is SIGABRT; core dumps are off."""
    code = (
        "import os, signal, threading\n"
        "from surveil.service.logging_setup import enable_faulthandler\n"
        "enable_faulthandler()\n"
        "def hang_here(): threading.Event().wait()\n"
        "threading.Thread(target=hang_here, daemon=True).start()\n"
        "os.kill(os.getpid(), signal.SIGABRT)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGABRT
    assert "hang_here" in done.stderr


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


def test_a_new_cause_is_told_though_another_was_a_moment_ago(
    stream: io.StringIO, log: logging.Logger, clock: FakeClock
) -> None:
    """The second cause would have been hidden behind the first for ten minutes."""
    for cause in ("HTTP 503", "HTTP 503", "HTTP 401: check the API key", "HTTP 503"):
        log.warning("captioner %s: %s", "blip", cause)
    clock.advance(WINDOW_S)
    log.info("something else")
    assert messages(stream) == [
        "captioner blip: HTTP 503",
        "captioner blip: HTTP 401: check the API key",
        "captioner blip: HTTP 503 (came 2 more times within 600 s)",
        "something else",
    ]


def test_a_text_that_is_never_the_same_is_no_flood(
    stream: io.StringIO, log: logging.Logger
) -> None:
    for number in range(1000):
        log.warning("frame refused: %s", [number])
    assert len(messages(stream)) == MAX_TEXTS


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
