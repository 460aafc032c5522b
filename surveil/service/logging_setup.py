"""Logging for a reader who comes once a year: one line an event, no secrets, no flood.

Text lines begin with a time; lines for the journal with a priority (`<3>`, sd-daemon(3)), because it stamps them
itself; JSON lines are one object each. Everything passes `redact`:
message, arguments, exception text, thread and logger names.
"""

from __future__ import annotations

import copy
import datetime as dt
import faulthandler
import json
import logging
import os
import re
import signal
import sys
import threading
import traceback
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TextIO

from surveil.clock import Clock, SystemClock, ns
from surveil.redact import redact

LogFormat = Literal["auto", "text", "journal", "json"]

QUIET = (
    "PIL",
    "amqtt",
    "apscheduler",
    "asyncio",
    "filelock",
    "httpcore",
    "httpx",
    "huggingface_hub",
    "paho",
    "transformers",
    "urllib3",
)
"""Libraries whose INFO is about themselves; only their warnings are news."""

_CODES = (*range(32), *range(0x7F, 0xA0), *range(0x2028, 0x202F), *range(0x2066, 0x206A))
"""What could end a line, drive a terminal (0x9b is ESC [ in one character) or turn its text round, in a name that came
from a camera or a broker."""
_CONTROL = {code: f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" for code in _CODES} | {
    ord("\n"): "\\n",
    ord("\r"): "\\r",
    ord("\t"): "\\t",
}
_CONTROL_IN_JSON = {code: f"\\u{code:04x}" for code in _CODES}


def setup_logging(
    level: str,
    fmt: LogFormat = "auto",
    stream: TextIO | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    clock: Clock | None = None,
) -> logging.Handler:
    """Send everything at `level` (debug, info, warning, error) or above to `stream`, standard error by default.

    May be called again: it replaces what it set up before. Warnings of the `warnings` module become log lines.
    """
    stream = sys.stderr if stream is None else stream
    handler = OneLineHandler(stream, RepeatFilter(clock or SystemClock()))
    handler.setFormatter(_formatter(fmt, journal=to_journal(stream, environ)))
    root = logging.getLogger()
    for old in [h for h in root.handlers if isinstance(h, OneLineHandler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    return handler


def enable_faulthandler(stream: TextIO | None = None) -> None:
    """Write every thread's stack to `stream` (needs a file descriptor) when the process is killed by SIGSEGV or by
    SIGABRT, which is what systemd's watchdog sends: core dumps are off, so this is all that is left to read."""
    target = sys.stderr if stream is None else stream
    faulthandler.enable(target, all_threads=True)
    faulthandler.register(signal.SIGUSR1, target, all_threads=True)


def to_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether `stream` is the one that systemd connected to the journal: $JOURNAL_STREAM holds its `device:inode`,
    and is inherited by children whose output goes elsewhere."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


class OneLineHandler(logging.StreamHandler[TextIO]):
    """Writes a record as one line, and before it the counts of repeats whose time has passed."""

    def __init__(self, stream: TextIO, repeats: RepeatFilter) -> None:
        super().__init__(stream)
        self._repeats = repeats
        self.addFilter(repeats)

    def emit(self, record: logging.LogRecord) -> None:
        for summary in self._repeats.summaries():
            super().emit(summary)
        super().emit(record)

    def format(self, record: logging.LogRecord) -> str:
        """Undecodable bytes of a name (surrogates, in Python) are written out, or the write would fail."""
        return super().format(record).encode("utf-8", "backslashreplace").decode()

    def handleError(self, record: logging.LogRecord) -> None:
        """A line that cannot be formed is told by its template; logging's own way prints the arguments unredacted."""
        error = sys.exc_info()[1]
        if isinstance(error, OSError):
            return  # the reader of our log went away: there is nobody left to tell
        line = f"log line cannot be formed: {record.name}: {record.msg!r}: {type(error).__name__}"
        self.stream.write(redact(line).translate(_CONTROL) + self.terminator)


class TextFormatter(logging.Formatter):
    """`2026-11-22T13:04:05.123+0800 WARNING [cap-yard] surveil.capture: message`, local time."""

    def format(self, record: logging.LogRecord) -> str:
        moment = dt.datetime.fromtimestamp(record.created).astimezone()
        stamp = moment.isoformat(timespec="milliseconds")
        return f"{stamp} {record.levelname:<8} {_plain(record)}"


class JournalFormatter(logging.Formatter):
    """`<4>[cap-yard] surveil.capture: message`; the journal adds the time."""

    def format(self, record: logging.LogRecord) -> str:
        return f"<{priority(record.levelno)}>{_plain(record)}"


class JsonFormatter(logging.Formatter):
    """One object: time, level, thread, logger, message, and where there is one exception with its whole traceback."""

    def format(self, record: logging.LogRecord) -> str:
        moment = dt.datetime.fromtimestamp(record.created, dt.UTC)
        entry: dict[str, Any] = {
            "time": moment.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "thread": redact(record.threadName or ""),
            "logger": _logger(record),
            "message": redact(record.getMessage()),
        }
        if record.exc_info and record.exc_info[1] is not None:
            entry["exception"] = redact("".join(traceback.format_exception(record.exc_info[1])))
        return json.dumps(entry, ensure_ascii=False).translate(_CONTROL_IN_JSON)


def priority(levelno: int) -> int:
    """syslog(3)'s number: 2 critical, 3 error, 4 warning, 6 information, 7 debug."""
    steps = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
    return next((number for least, number in steps if levelno >= least), 7)


def one_line(error: BaseException) -> str:
    """`ValueError: boom (worker.py:98 _run > alerts.py:120 step)`, causes after it; not yet redacted."""
    parts = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        parts.append(_described(current))
        current = current.__cause__ or (
            None if current.__suppress_context__ else current.__context__
        )
    return ", because of ".join(parts)


def _described(error: BaseException) -> str:
    said = "".join(traceback.format_exception_only(error)).strip()
    frames = [
        f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    return f"{said} ({' > '.join(frames)})" if frames else said


def _plain(record: logging.LogRecord) -> str:
    # Redacted before line breaks are escaped: a secret may hold one.
    message = redact(record.getMessage())
    if record.exc_info and record.exc_info[1] is not None:
        message += ": " + redact(one_line(record.exc_info[1]))
    line = f"[{redact(record.threadName or '')}] {_logger(record)}: {message}"
    return line.translate(_CONTROL)


def _logger(record: logging.LogRecord) -> str:
    """Our own are module names and hold no secret, but a password may be a word that they are made of."""
    return record.name if record.name.startswith("surveil.") else redact(record.name)


def _formatter(fmt: LogFormat, *, journal: bool) -> logging.Formatter:
    if fmt == "json":
        return JsonFormatter()
    if fmt == "journal" or journal:
        return JournalFormatter()
    return TextFormatter()


WINDOW_S = 600.0
MAX_KEYS = 512
"""Kinds of failure remembered; the longest unheard of leaves first."""
MAX_TEXTS = 8
"""Different texts of one kind that are told in a window: a new cause is news, a text that never comes twice is none."""

_Key = tuple[str, int, str, str | None]


@dataclass(slots=True)
class _Repeat:
    record: logging.LogRecord
    until_ns: int
    held_back: int = 0
    texts: set[int] = field(default_factory=set)
    """Hashes of those that were told."""


class RepeatFilter(logging.Filter):
    """Lets a warning or error through once in `window_s`, counts the rest. Any thread.

    The same kind of failure is: same logger, level, message before its arguments are filled in, and first argument
    where that is a string, because messages begin with whom they are about: sixteen cameras that fail are sixteen
    failures.
    Within a kind, what differs by more than its measurements ("for 3.1 s") is another cause, and is told at once, as
    often as MAX_TEXTS allows.
    """

    def __init__(self, clock: Clock, *, window_s: float = WINDOW_S) -> None:
        super().__init__()
        self._clock = clock
        self._window_s = window_s
        self._lock = threading.Lock()
        self._repeats: OrderedDict[_Key, _Repeat] = OrderedDict()
        self._over: list[_Repeat] = []

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        now_ns = self._clock.monotonic_ns()
        with self._lock:
            known = self._repeats.get(_key(record))
            if known is None or now_ns >= known.until_ns:
                self._begin(record, now_ns)
                return True
            if len(known.texts) < MAX_TEXTS and (text := _cause(record)) not in known.texts:
                known.texts.add(text)
                return True
            known.record = record
            known.held_back += 1
        return False

    def summaries(self) -> list[logging.LogRecord]:
        """One record for each failure whose window has passed and that was held back meanwhile; told once."""
        now_ns = self._clock.monotonic_ns()
        with self._lock:
            for key in [k for k, repeat in self._repeats.items() if now_ns >= repeat.until_ns]:
                self._over.append(self._repeats.pop(key))
            over, self._over = self._over, []
        return [self._summary(repeat) for repeat in over if repeat.held_back]

    def _begin(self, record: logging.LogRecord, now_ns: int) -> None:
        key = _key(record)
        if key in self._repeats:
            self._over.append(self._repeats.pop(key))
        until_ns = now_ns + ns(self._window_s)
        self._repeats[key] = _Repeat(record, until_ns, texts={_cause(record)})
        while len(self._repeats) > MAX_KEYS:
            self._over.append(self._repeats.popitem(last=False)[1])

    def _summary(self, repeat: _Repeat) -> logging.LogRecord:
        """A copy: the record itself belongs to every other handler too."""
        record = copy.copy(repeat.record)
        times = f"came {repeat.held_back} more times within {self._window_s:.0f} s"
        record.msg, record.exc_info = f"{record.msg} ({times})", None
        return record


_MEASURED = re.compile(r"\d+(\.\d+)?(?= (s|ms|MiB|GiB|bytes|%)\b)|\d+\.\d+")


def _cause(record: logging.LogRecord) -> int:
    """The text without what is measured afresh each time. Not without all digits: HTTP 401 is not HTTP 503."""
    try:
        text = record.getMessage()
    except Exception:  # a template that does not fit its arguments is told of by the handler
        text = str(record.msg)
    return hash(_MEASURED.sub("#", text))


def _key(record: logging.LogRecord) -> _Key:
    first = record.args[0] if isinstance(record.args, tuple) and record.args else None
    return record.name, record.levelno, str(record.msg), first if isinstance(first, str) else None
