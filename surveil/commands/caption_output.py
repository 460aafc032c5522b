"""What `surveil caption` writes, and reads again to go on where an earlier run stopped: text, JSON, JSON lines."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from surveil.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the output; its fields are the JSON's."""

    name: str
    caption: str | None = None
    confidence: float | None = None
    model: str | None = None
    matches: list[str] | None = None
    error: str | None = None


class Output:
    """Where results go, and what an earlier run already put there. JSONL is flushed line by line."""

    def __init__(
        self, file: TextIO | None, path: Path | None, form: str, earlier: list[Result]
    ) -> None:
        self.done = {result.name for result in earlier if result.error is None}
        self._file, self._path, self._form = file, path, form
        self._all = [result for result in earlier if result.error is None]

    @classmethod
    def open(cls, path: Path | None, form: str) -> Output:
        """Raises ConfigError when a file that is there is not one of ours."""
        if path is None:
            return cls(sys.stdout, None, form, [])
        form = {".json": "json", ".jsonl": "jsonl"}.get(path.suffix, form)
        earlier = _earlier(path, form) if path.exists() else []
        if form == "json":
            return cls(None, path, form, earlier)
        file = path.open("w" if form == "jsonl" else "a", encoding="utf-8")
        output = cls(file, path, form, earlier)
        for result in output._all:  # without the errors of the last run: those are tried again
            output._line(result)
        return output

    def __enter__(self) -> Output:
        return self

    def __exit__(self, *error: object) -> None:
        if self._form == "json":
            self._write_array()
        if self._file is not None and self._path is not None:
            self._file.close()

    def write(self, result: Result) -> None:
        self._all.append(result)
        if self._form != "json":
            self._line(result)

    def _line(self, result: Result) -> None:
        assert self._file is not None
        text = (
            json.dumps(_plain(result), ensure_ascii=False)
            if self._form == "jsonl"
            else _text(result)
        )
        self._file.write(text + "\n")
        self._file.flush()

    def _write_array(self) -> None:
        """Whole or not at all: a torn array could not be gone on with."""
        text = (
            json.dumps([_plain(result) for result in self._all], ensure_ascii=False, indent=1)
            + "\n"
        )
        if self._path is None:
            sys.stdout.write(text)
            return
        beside = self._path.with_name(self._path.name + ".part")
        beside.write_text(text, encoding="utf-8")
        beside.replace(self._path)


def _earlier(path: Path, form: str) -> list[Result]:
    if form == "text":
        raise ConfigError(f"{path} is there already; name a .jsonl to go on with, or another file")
    text = path.read_text(encoding="utf-8")
    try:
        rows = json.loads(text or "[]") if form == "json" else _rows(text)
        return [Result(**row) for row in rows]
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"{path} is not what surveil caption writes ({error}); name another file"
        ) from error


def _rows(text: str) -> list[dict[str, object]]:
    """Without a last line that was torn when the power went."""
    lines = text.splitlines()
    if text and not text.endswith("\n"):
        lines.pop()
    return [json.loads(line) for line in lines]


def _plain(result: Result) -> dict[str, object]:
    return {key: value for key, value in asdict(result).items() if value not in (None, [])} | {
        "name": result.name
    }


def _text(result: Result) -> str:
    if result.error is not None:
        return f"{result.name}\tERROR {result.error}"
    marks = "".join(f"\t[{match}]" for match in result.matches or ())
    return f"{result.name}\t{result.caption}{marks}"
