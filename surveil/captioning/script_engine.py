"""An engine that reads what it says from a JSONL file: for drills, load tests and other people's demos.

One JSON object a line, used in order, one a picture, again from the first when they are used up:

    {"text": "a man climbs over a metal fence", "confidence": 0.93}
    {"text": "an empty yard", "repeat": 20, "delay_ms": 150}
    {"error": "failed"}                 this batch raises CaptionError
    {"error": "out_of_memory"}          this batch raises OutOfMemoryError

`delay_ms` is added up over a batch and waited before the answer. Empty lines and lines that begin with # are skipped.
"""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surveil.captioning.engine import CaptionerSpec, CaptionResult
from surveil.errors import CaptionError, ModelError, OutOfMemoryError
from surveil.records import PictureSize, Rgb

_ERRORS = {"failed": CaptionError, "out_of_memory": OutOfMemoryError}
_KEYS = {"text", "confidence", "repeat", "delay_ms", "error"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the script."""

    text: str = ""
    confidence: float | None = None
    repeat: int = 1
    delay_ms: float = 0.0
    error: str | None = None


def open_script(spec: CaptionerSpec) -> ScriptCaptioner:
    """The file that `script:` names, or else `model`. Raises ModelError with file and line number."""
    path = spec.own if isinstance(spec.own, Path) else spec.model_folder
    return ScriptCaptioner(
        read_script(path), model_id=f"script:{path.name}", max_batch=spec.max_batch or 4
    )


class ScriptCaptioner:
    """A Captioner that has no model."""

    gives_confidence = True
    takes_prompt = takes_question = False
    picture_size = PictureSize(64)
    device = "cpu"
    precision = "none"

    def __init__(
        self, lines: Sequence[Line], *, model_id: str = "script", max_batch: int = 4
    ) -> None:
        self.model_id = model_id
        self.max_batch = max_batch
        self._lines = itertools.cycle(_spread(lines))
        self._closed = threading.Event()

    def caption(self, pictures: Sequence[Rgb], *, prompt: str | None = None) -> list[CaptionResult]:
        lines = [next(self._lines) for _ in pictures]
        delay_s = sum(line.delay_ms for line in lines) / 1000
        if delay_s and self._closed.wait(delay_s):
            raise CaptionError(f"{self.model_id}: stopped")
        for line in lines:
            if line.error is not None:
                raise _ERRORS[line.error](f"{self.model_id}: the script says {line.error}")
        return [CaptionResult(" ".join(line.text.split()), line.confidence) for line in lines]

    def warm_up(self) -> None:
        """Nothing to warm; a line is not used up."""

    def interrupt(self) -> None:
        """Ends a delay."""
        self._closed.set()

    def close(self) -> None:
        self._closed.set()


def read_script(path: Path) -> list[Line]:
    """Raises ModelError naming the file and the line that is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ModelError(
            f"script {path}: {error.strerror}; the script engine needs a JSONL file"
        ) from error
    numbered = enumerate(text.splitlines(), start=1)
    lines = [
        _line(raw, f"{path}:{number}")
        for number, raw in numbered
        if raw.strip() and not raw.lstrip().startswith("#")
    ]
    if not lines:
        raise ModelError(
            f'script {path}: no lines; write at least one, {{"text": "an empty yard"}}'
        )
    return lines


def _line(raw: str, where: str) -> Line:
    try:
        content: Any = json.loads(raw)
    except json.JSONDecodeError as error:
        raise ModelError(f"{where}: not JSON ({error.msg}, column {error.colno})") from error
    if not isinstance(content, dict) or content.keys() - _KEYS:
        raise ModelError(f"{where}: expected an object with {', '.join(sorted(_KEYS))}")
    if content.get("error") not in (None, *_ERRORS):
        raise ModelError(
            f"{where}: error is {content['error']!r}; allowed are {', '.join(_ERRORS)}"
        )
    if "text" not in content and "error" not in content:
        raise ModelError(f"{where}: neither text nor error")
    return Line(**content)


def _spread(lines: Sequence[Line]) -> Iterator[Line]:
    for line in lines:
        yield from itertools.repeat(line, max(1, line.repeat))
