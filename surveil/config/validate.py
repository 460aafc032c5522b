"""All mistakes in one go.

pydantic does not look at a section as a whole while one of its values is wrong, and the whole file is such a section.
So what is wrong is taken out and the rest is judged again, until nothing new is found. What follows only from the
taking out is not told.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from surveil.config.documents import Document
from surveil.config.explain import Finding, explain
from surveil.config.kinds import kind_at
from surveil.config.model import PLACEHOLDER, Config
from surveil.config.problems import Loc, Mistake
from surveil.fields import Contradiction

ROUNDS = 8
_URL = "rtsp://placeholder.invalid/"
_ITEMS: dict[str, dict[str, Any]] = {"cameras": {"url": _URL}, "rules": {"regex": "placeholder"}}


def validate(document: Document, *, folder: Path) -> tuple[Config | None, list[Mistake]]:
    """The configuration, None when there are problems; and all of them, those of the document itself included."""
    judged = _Judged(document)
    context = {"folder": folder}
    config: Config | None = None
    for _ in range(ROUNDS):
        try:
            config = Config.model_validate(judged.value, context=context)
            break
        except ValidationError as error:
            if not judged.take_out(explain(error, document)):
                break
    return (None if judged.problems else config), judged.problems


class _Judged:
    """The document's value with the wrong parts taken out, and what was wrong with them."""

    def __init__(self, document: Document) -> None:
        self.value: Any = copy.deepcopy(document.value)
        self.problems: list[Mistake] = list(document.problems)
        self._document = document
        self._doubtful: set[Loc] = set()
        """Sections that lost a value, so that what they are as a whole says nothing any more."""
        self._names = _names_in(document.value)
        """Ids as the file has them, right or wrong; None when some can't be told."""
        self._taken: set[Loc] = set()
        for problem in document.problems:
            self._take(problem.loc)

    def take_out(self, findings: Iterable[Finding]) -> bool:
        """Keep what is news, and remove its cause; False when nothing could be removed."""
        fresh = list(findings)
        self.problems += [self._problem(finding) for finding in fresh if self._is_news(finding)]
        progress = [self._take(finding.loc, unknown=finding.unknown_key) for finding in fresh]
        for finding in fresh:
            if finding.meant and not self._document.holds((*finding.section, finding.meant)):
                self._take((*finding.section, finding.meant))
        return any(progress)

    def _problem(self, finding: Finding) -> Mistake:
        return Mistake(self._document.line(finding.loc), finding.loc, finding.text)

    def _is_news(self, finding: Finding) -> bool:
        if any(finding.loc[: len(loc)] == loc for loc in self._taken):
            return False
        if finding.contradiction is None:
            return True
        if finding.contradiction.name is not None:
            return self._is_news_of_name(finding.contradiction)
        depths = range(1, max(len(finding.loc), len(finding.section) + 1))
        around = (finding.loc[:depth] for depth in depths)
        return not any(loc in self._doubtful for loc in around)

    def _is_news_of_name(self, found: Contradiction) -> bool:
        """A name that is twice in the file, or nowhere in it, is so whatever else is wrong."""
        if self._names is None or found.name is None or found.name.startswith(PLACEHOLDER):
            return False
        missing = found.where[-1] not in ("id", "event_type")
        return not (missing and found.name in self._names)

    def _take(self, loc: Loc, *, unknown: bool = False) -> bool:
        """Remove the innermost key around a place, or put an example there where the key is needed."""
        if len(loc) == 2 and loc[0] in _ITEMS and isinstance(loc[1], int):
            return self._replace_item(str(loc[0]), loc[1])
        while loc and not isinstance(loc[-1], str):
            loc = loc[:-1]
        if not loc or loc in self._taken:
            return self._take(loc[:-1]) if loc else False
        parent = _inside(self.value, loc[:-1])
        if not isinstance(parent, dict):
            return False
        self._taken.add(loc)
        if not unknown:
            self._doubtful.add(loc[:-1])
        if len(loc) == 1 and (loc[0] in _ITEMS or "cameras" not in self._document.value):
            self._names = None
        placeholder = self._placeholder(loc)
        parent.pop(loc[-1], None)
        if placeholder is not None:
            parent[loc[-1]] = placeholder
        return True

    def _replace_item(self, key: str, index: int) -> bool:
        """Put a camera or rule that is right in the place of one that is wrong as a whole."""
        loc = (key, index)
        if loc in self._taken or not isinstance(_inside(self.value, loc), dict):
            return self._take((key,))
        self._taken.add(loc)
        self.value[key][index] = {"id": f"{PLACEHOLDER}{index}", **_ITEMS[key]}
        return True

    def _placeholder(self, loc: Loc) -> Any:
        if loc[-1] == "id":
            return PLACEHOLDER + "-".join(str(part) for part in loc if isinstance(part, int))
        kind = kind_at(Config, loc, self._document.value)
        if kind is None or kind.field is None or not kind.field.is_required():
            return None
        return (
            _URL if loc[-1] == "url" and loc[0] == "cameras" else (kind.field.examples or [None])[0]
        )


def _names_in(value: Any) -> frozenset[str] | None:
    """Ids of cameras and rules; None when a camera has none."""
    cameras = value.get("cameras") if isinstance(value, dict) else None
    rules = value.get("rules") if isinstance(value, dict) else None
    named = (
        [_inside(entry, ("id",)) for entry in cameras or ()] if isinstance(cameras, list) else []
    )
    if any(name is None for name in named):
        return None
    named += [_inside(entry, ("id",)) for entry in rules or ()] if isinstance(rules, list) else []
    return frozenset(str(name) for name in named)


def _inside(value: Any, loc: Loc) -> Any:
    for part in loc:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value
