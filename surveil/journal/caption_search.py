"""Questions to the journal in the words of a person: `red car`, `"lying on the ground"`, `(dog OR cat) NOT street`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from surveil.database import Row, Value, open_read_only, read_rows
from surveil.errors import SurveilError

Read = Callable[[str, Sequence[Value]], list[Row]]
_TOKEN = re.compile(r'"([^"]*)"|([()])|([^\s()"]+)')
_OPERATORS = {"AND", "OR", "NOT"}


class SearchError(SurveilError):
    """A question that cannot be understood; says how to put it."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Query:
    """What to find; everything that is None is not asked for."""

    words: str | None = None
    camera_id: str | None = None
    since_unix_ms: int | None = None
    until_unix_ms: int | None = None
    """Excluded."""
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Hit:
    """One caption as it was journaled."""

    camera_id: str
    region_id: str | None
    captured_unix_ms: int
    text: str
    confidence: float | None
    model_id: str
    rules: tuple[str, ...]
    """Those whose alert this caption raised."""


def find(read: Read, query: Query, *, newest_first: bool = True) -> list[Hit]:
    """At most `limit` captions in order of time. Raises SearchError, and StoreError from `read`."""
    conditions, parameters = _conditions(query)
    order = "DESC" if newest_first else "ASC"
    rows = read(
        f"""SELECT c.*, (SELECT group_concat(a.rule_id, char(10)) FROM alerts a
                WHERE a.camera_id = c.camera_id AND a.captured_unix_ms = c.captured_unix_ms) AS rules
            FROM captions c WHERE {conditions}
            ORDER BY c.captured_unix_ms {order}, c.row_id {order} LIMIT ?""",
        (*parameters, query.limit),
    )
    return [_hit(row) for row in rows]


def find_in(path: Path, query: Query) -> list[Hit]:
    """`find`, newest first, in a journal that a daemon may be writing. Raises SearchError, StoreError."""
    with closing(open_read_only(path)) as connection:
        return find(lambda sql, parameters: read_rows(connection, path, sql, parameters), query)


def to_fts5(words: str) -> str:
    """SQLite's query language, with every word quoted, so that no character of a person's has a meaning of its own.

    Raises SearchError.
    """
    parts: list[str] = []
    for phrase, parenthesis, word in _TOKEN.findall(words):
        part = parenthesis or (word if word in _OPERATORS else _quoted(phrase, word))
        if part:
            if parts and _juxtaposed(parts[-1], part):
                parts.append("AND")  # SQLite implies it between words, but not beside parentheses
            parts.append(part)
    _check(parts, words)
    return " ".join(parts)


def _conditions(query: Query) -> tuple[str, list[Value]]:
    asked: list[tuple[str, Value]] = []
    if query.words is not None:
        asked.append(
            (
                "c.row_id IN (SELECT rowid FROM captions_fts WHERE captions_fts MATCH ?)",
                to_fts5(query.words),
            )
        )
    if query.camera_id is not None:
        asked.append(("c.camera_id = ?", query.camera_id))
    if query.since_unix_ms is not None:
        asked.append(("c.captured_unix_ms >= ?", query.since_unix_ms))
    if query.until_unix_ms is not None:
        asked.append(("c.captured_unix_ms < ?", query.until_unix_ms))
    return " AND ".join(c for c, _ in asked) or "1", [value for _, value in asked]


def _quoted(phrase: str, word: str) -> str:
    if phrase:
        return f'"{phrase}"'
    stem = word.removesuffix("*")
    if not any(character.isalnum() for character in stem):
        return ""  # a lone dash or comma: the index has no such word
    return f'"{stem}"*' if word.endswith("*") else f'"{stem}"'


def _juxtaposed(before: str, after: str) -> bool:
    return before not in {*_OPERATORS, "("} and after not in {*_OPERATORS, ")"}


def _check(parts: Iterable[str], words: str) -> None:
    expects_word, depth = True, 0
    for part in parts:
        closes = part == ")"
        operator = part in _OPERATORS
        if expects_word == (closes or operator) or (depth := depth + _nesting(part)) < 0:
            break
        expects_word = operator or part == "("
    else:
        if not expects_word and depth == 0:
            return
    raise SearchError(
        f'cannot search for {words!r}: allowed are words, "exact phrases", AND, OR, NOT between two of them '
        "(red NOT car), parentheses, and a star at a word's end (climb*)"
    )


def _nesting(part: str) -> int:
    return (part == "(") - (part == ")")


def _hit(row: Row) -> Hit:
    return Hit(
        camera_id=row["camera_id"],
        region_id=row["region_id"],
        captured_unix_ms=row["captured_unix_ms"],
        text=row["text"],
        confidence=row["confidence"],
        model_id=row["model_id"],
        rules=tuple(row["rules"].split("\n")) if row["rules"] else (),
    )
