"""pydantic's errors in the operator's words: what was found, what is allowed, what was probably meant."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from surveil.config.documents import Document
from surveil.config.kinds import Kind, allowed_text, children, choices, fields_of, kind_at, kind_of
from surveil.config.model import Config
from surveil.config.problems import Loc, did_you_mean, printable, suggestion
from surveil.config.secrets import SECRET_KEYS, redacted
from surveil.fields import CONTRADICTION, REFUSED, Contradiction

_OTHER_WORDS = {
    "address": "url", "stream": "url", "source": "url", "rtsp": "url", "broker": "host", "server": "host",
    "user": "username", "pass": "password", "phrases": "patterns", "prompts": "patterns", "keywords": "patterns",
    "threshold": "min_confidence", "confidence": "min_confidence", "every": "interval", "slug": "event_type",
}  # fmt: skip
"""Keys that other programs use for the same thing."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One mistake, before it is placed in the file."""

    loc: Loc
    text: str
    section: Loc
    """The section that was judged."""
    unknown_key: bool = False
    meant: str | None = None
    """The key that an unknown one was probably to be."""
    contradiction: Contradiction | None = None


def explain(error: ValidationError, document: Document) -> list[Finding]:
    """Every mistake that pydantic found, once."""
    found: dict[tuple[Loc, str], Finding] = {}
    raws = error.errors(include_url=False, include_input=False)
    for raw in raws:
        if raw["type"] == "too_short" and any(_inside(other["loc"], raw["loc"]) for other in raws):
            continue  # pydantic does not count items that are wrong themselves
        loc = _real_loc(raw["loc"], document, missing=raw["type"] == "missing")
        for finding in _findings(raw, loc, document):
            found.setdefault((finding.loc, finding.text), finding)
    return _without_doubles(list(found.values()))


def _inside(loc: Loc, around: Loc) -> bool:
    return len(loc) > len(around) and loc[: len(around)] == around


def _findings(raw: Mapping[str, Any], loc: Loc, document: Document) -> Iterator[Finding]:
    kind = raw["type"]
    if kind == CONTRADICTION:
        for contradiction in raw["ctx"]["found"]:
            place = (*loc, *contradiction.where)
            yield Finding(place, contradiction.text, section=loc, contradiction=contradiction)
    elif kind == "extra_forbidden":
        yield _unknown_key(loc, document)
    elif raw["loc"][-1:] == ("[key]",):
        yield Finding(loc, _wrong_name(loc, document), section=loc[:-1])
    elif kind == "missing":
        yield Finding(loc, _missing(loc, document), section=loc[:-1])
    elif kind.startswith("union_tag"):
        yield Finding((*loc, "type"), _wrong_type(loc, document), section=loc)
    else:
        yield Finding(loc, _wrong_value(raw, loc, document), section=loc[:-1])


def _real_loc(loc: Loc, document: Document, *, missing: bool) -> Loc:
    """Without the names of union members and validators, which pydantic puts between the keys."""
    real: Loc = ()
    for index, part in enumerate(loc):
        if document.holds((*real, part)) or (missing and index == len(loc) - 1):
            real = (*real, part)
    return real


def _unknown_key(loc: Loc, document: Document) -> Finding:
    word, known = str(loc[-1]), _known_keys(loc[:-1], document)
    meant = _meant(word, known)
    text = _unknown_text(word, meant, known)
    return Finding(loc, text, section=loc[:-1], unknown_key=True, meant=meant)


def _unknown_text(word: str, meant: str | None, known: list[str]) -> str:
    if meant is not None:
        return f"there is no such key; did you mean {meant}?"
    homes = [place for place in _places_of(word) if place]
    if homes:
        return f"there is no such key here; it belongs {' or '.join(homes[:2])}"
    return f"there is no such key; allowed: {', '.join(known)}"


def _meant(word: str, known: list[str]) -> str | None:
    other = _OTHER_WORDS.get(word.lower())
    return other if other in known else suggestion(word, known)


def _known_keys(section: Loc, document: Document) -> list[str]:
    kind = kind_at(Config, section, document.value)
    found = (kind.section or _item_section(kind)) if kind is not None else None
    return list(fields_of(found)) if found is not None else []


def _places_of(word: str) -> Iterator[str]:
    """Where a key of this name would be right: at the top, or in which top-level section."""
    for name, kind in fields_of(Config).items():
        if name == word:
            yield "at the top of the file"
        section = kind.section or _item_section(kind)
        if section is not None and word in fields_of(section):
            yield f"under {name}:"


def _item_section(kind: Kind) -> type[BaseModel] | None:

    items = children(kind)
    return items[0].section if items else None


def _missing(loc: Loc, document: Document) -> str:
    kind = kind_at(Config, loc, document.value)
    examples = kind.field.examples if kind is not None and kind.field is not None else None
    if kind is None or not examples:
        return "is missing"
    example = examples[0]
    shown = str(example) if isinstance(example, str | int | float) else "..."
    return f"is missing; needed: {allowed_text(kind)}; write {loc[-1]}: {shown}"


def _wrong_name(loc: Loc, document: Document) -> str:
    """A key of a section whose keys are names, such as `by_severity`."""
    section = kind_at(Config, loc[:-1], document.value)
    key = None if section is None else kind_of(get_args(section.base)[0])
    if key is None:
        return "is no name that can stand here"
    return f"is no name that can stand here; allowed: {allowed_text(key)}" + did_you_mean(
        str(loc[-1]), choices(key)
    )


def _wrong_type(loc: Loc, document: Document) -> str:
    kinds = ("webhook", "speech", "describe")
    word = document.get((*loc, "type"))
    if word is None:
        return f"is missing; allowed: {', '.join(kinds)}"
    return f"found {shown((*loc, 'type'), document)}; allowed: {', '.join(kinds)}" + did_you_mean(
        str(word), kinds
    )


def _wrong_value(raw: Mapping[str, Any], loc: Loc, document: Document) -> str:
    kind = kind_at(Config, loc, document.value)
    if kind is None:
        return f"found {shown(loc, document)}, which is not allowed here"
    why = raw["ctx"]["text"] if raw["type"] == REFUSED else ""
    text = f"found {shown(loc, document)}" + (f"; {why}" if why else "")
    value = document.get(loc)
    item = children(kind)[0] if isinstance(value, str) and get_origin(kind.base) is tuple else None
    if not (why and raw["ctx"]["says_all"]):
        text += f"; allowed: {allowed_text(item if item and item.section is None else kind)}"
    if isinstance(value, str) and choices(kind) and loc not in document.raw:
        text += did_you_mean(value, choices(kind))
    if (
        isinstance(value, str)
        and loc[-1:] in (("id",), ("node",))
        and _slug(value)
        and "@" not in value
    ):
        text += f"; did you mean {_slug(value)}?"
    return text


def _slug(text: str) -> str:
    return re.sub("[^a-z0-9]+", "-", text.lower()).strip("-")[:63]


def shown(loc: Loc, document: Document) -> str:
    """The value as a person may see it: cut, on one line, and nothing that may be a secret."""
    value = document.get(loc)
    if loc in document.raw:
        return (
            f"{printable(redacted(document.raw[loc]), limit=80)} (from the environment, not shown)"
        )
    if isinstance(value, dict):
        return "a section"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if value is None:
        return "nothing"
    if _secret(loc, document):
        return f"{_sort(value)} (not shown)"
    if isinstance(value, str):
        return repr(printable(redacted(value), limit=80)) if value else "an empty text"
    return f"the number {value}" if not isinstance(value, bool) else str(value).lower()


def _secret(loc: Loc, document: Document) -> bool:
    kind = kind_at(Config, loc, document.value)
    inside = any(part in (*SECRET_KEYS, "options") for part in loc)
    return inside or (kind is not None and kind.is_secret)


def _sort(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    return "a text" if isinstance(value, str) else "a number"


def _without_doubles(findings: list[Finding]) -> list[Finding]:
    """`ulr` and a missing `url` are one mistake."""
    meant = {(*finding.section, finding.meant) for finding in findings if finding.meant}
    return [one for one in findings if not (one.loc in meant and one.text.startswith("is missing"))]
