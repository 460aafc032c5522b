"""docs/reference/config.md, written from the models.

python -m surveil.config.reference docs/reference      writes config.md and config.schema.json
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from surveil.config.kinds import Kind, allowed_text, children, fields_of
from surveil.config.model import Config
from surveil.config.schema import NAME, json_text
from surveil.fields import Unit

PAGE = "config.md"
_HEAD = """\
# config.yaml

<!-- Written by `python -m surveil.config.reference docs/reference` from the descriptions in surveil/config. -->

Every key, what it may hold, and what it is when left out. `surveil check -c config.yaml` tells every mistake with its
line; `surveil schema` prints the same as a JSON Schema, which the first line of the example `config.yaml` names for
editors.

- **Durations** carry a unit: `250ms`, `5s`, `2m`, `1h30m`, `7d`. **Sizes** too: `512MiB`, `2GB`.
- **Variables**: `${NAME}` and `${NAME:-default}` in any value come from the environment; `$${` is a literal `${`.
- **Secrets**: beside `password`, `api_key`, `token`, `secret` and `key_password` there is a `..._file` key each, whose
  file holds the secret alone. It is looked for beside the config, then in systemd's `$CREDENTIALS_DIRECTORY`.
- **Paths** that are relative start at the config's folder.
- **YAML** is read by version 1.2: only `true` and `false` are booleans (switches also take `on`, `off`, `yes`, `no`),
  and `22:00` is a text. Anchors and `<<` work; top-level keys that begin with `x-` are ignored and may hold them.

The smallest useful file:

```yaml
cameras:
  - id: entrance
    url: rtsp://192.0.2.10/stream2
rules:
  - patterns: [person climbing]
mqtt:
  host: 192.0.2.5
```
"""


def page() -> str:
    """The whole page."""
    parts = [_HEAD, _section("Top level", "", Config)]
    parts += [_section(title, text, section) for title, text, section in _sections()]
    return "\n".join(parts)


def write(folder: Path) -> None:
    """Both files, into `folder`."""
    (folder / PAGE).write_text(page(), encoding="utf-8")
    (folder / NAME).write_text(json_text(), encoding="utf-8")


def leaves() -> Iterator[tuple[str, Kind]]:
    """(path, kind) of every key, for the test that each is described."""
    for name, kind in fields_of(Config).items():
        yield name, kind
    for title, _, section in _sections():
        for name, kind in fields_of(section).items():
            yield f"{title.strip('`')}.{name}", kind


def example(kind: Kind) -> Any:
    """The first example, else the default; None where there is neither."""
    if kind.field is not None and kind.field.examples:
        return kind.field.examples[0]
    return default(kind)


def default(kind: Kind) -> Any:
    """As it would be written in YAML; None where leaving the key out means nothing."""
    field = kind.field
    if field is None or field.is_required() or field.default_factory is not None:
        return None
    extra = field.json_schema_extra
    if isinstance(extra, dict) and "default" in extra:
        return extra["default"]
    value = field.default
    unit = kind.first(Unit)
    if unit is not None and isinstance(value, int | float):
        return unit.format(value)
    return None if isinstance(value, BaseModel) or value == () else value


def _sections() -> Iterator[tuple[str, str, type[BaseModel]]]:
    """(heading, description, model) of every section, each after the one that holds it."""
    yield from _below("", Config)


def _below(path: str, section: type[BaseModel]) -> Iterator[tuple[str, str, type[BaseModel]]]:
    for name, kind in fields_of(section).items():
        for inner, mark in _inner(kind):
            place = f"{path}{name}{mark}"
            yield f"`{place}`", inner.__doc__ or "", inner
            if name != "fallback":
                yield from _below(f"{place}.", inner)


def _inner(kind: Kind) -> Iterator[tuple[type[BaseModel], str]]:
    if kind.section is not None:
        yield kind.section, ""
    for child in children(kind):
        for section in [child, *children(child)]:
            if section.section is not None:
                word = fields_of(section.section).get("type")
                yield section.section, f"[] ({allowed_text(word)})" if word else "[]"


def _section(title: str, text: str, section: type[BaseModel]) -> str:
    lines = [f"## {title}", ""]
    if text:
        lines += [text.strip(), ""]
    lines += ["| key | what it is | allowed | default | example |", "|---|---|---|---|---|"]
    lines += [_row(name, kind) for name, kind in fields_of(section).items()]
    return "\n".join(lines) + "\n"


def _row(name: str, kind: Kind) -> str:
    field = kind.field
    assert field is not None
    needed = " **Needed.**" if field.is_required() else ""
    cells = (
        f"`{name}`",
        (field.description or "") + needed,
        _allowed(kind),
        _yaml(default(kind)),
        _yaml(example(kind)),
    )
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _allowed(kind: Kind) -> str:
    if kind.section is not None:
        return "a section, below"
    if any(section for section, _ in _inner(kind)):
        return "a list of sections, below"
    return allowed_text(kind).partition(", such as ")[0]


def _yaml(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, str | Path):
        return f"`{value}`"
    return f"`{json.dumps(value, ensure_ascii=False, default=list)}`"


if __name__ == "__main__":
    write(Path(sys.argv[1]))
