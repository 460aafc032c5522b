"""What sections are made of: the base model, and the types of their values.

YAML keys read naturally (`interval: 5s`); attributes carry their unit (`interval_s`). The alias of a field is its key.
Each type says in an `Allowed` what a person may write, for error texts and the reference page alike.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import regex
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from surveil.records import Severity
from surveil.scalars import (
    DURATION_PATTERN,
    SIZE_PATTERN,
    format_duration,
    format_size,
    parse_duration,
    parse_size,
)

CONTRADICTION = "contradiction"
"""Type of the pydantic error that carries `Contradiction`s."""
REFUSED = "refused"
"""Type of the pydantic errors whose message is already fit for a person."""

_SWITCH_WORDS = [True, False, "on", "off", "yes", "no"]
CAMERA_ID = r"^[a-z0-9][a-z0-9_-]{0,62}$"
NODE_ID = r"^[a-z0-9-]{1,63}$"


class Contradiction(NamedTuple):
    """Values that are fine by themselves but not together."""

    where: tuple[str | int, ...]
    """Keys from the section on; empty names the section itself."""
    text: str
    name: str | None = None
    """The id or slug that is not there, or there twice."""


class Section(BaseModel):
    """Base of all sections: frozen, no unknown keys, and checked as a whole by `contradictions`."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        defer_build=True,  # one validator is built, not one a section: 50 ms of every command
    )

    def contradictions(self) -> Iterator[Contradiction]:
        """Everything that does not fit together inside this section."""
        yield from ()

    @model_validator(mode="before")
    @classmethod
    def _empty_is_default(cls, value: Any) -> Any:
        """A section whose keys are all commented out is null in YAML, and means its defaults."""
        return {} if value is None else value

    @model_validator(mode="after")
    def _fits_together(self) -> Section:
        found = tuple(self.contradictions())
        if found:
            summary = "; ".join(one.text for one in found)
            raise PydanticCustomError(
                CONTRADICTION, "{summary}", {"summary": summary, "found": found}
            )
        return self


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a person may write, as the end of the sentence "allowed: ..."."""

    text: str


@dataclass(frozen=True, slots=True)
class Unit:
    """Marks a number that is written with a unit; `kind` is `duration` or `size`."""

    kind: str

    def format(self, value: float) -> str:
        return format_duration(value) if self.kind == "duration" else format_size(int(value))


def refuse(text: str, *, says_all: bool = False) -> PydanticCustomError:
    """An error whose text reaches the person as it is; what is allowed is added unless it `says_all`."""
    return PydanticCustomError(REFUSED, "{text}", {"text": text, "says_all": says_all})


def _duration(value: Any) -> float:
    if isinstance(value, str):
        try:
            return parse_duration(value)
        except ValueError as error:
            raise refuse(str(error)) from None
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise refuse(f"a bare number has no unit: write {value}s for seconds, {value}m for minutes")
    raise refuse("")


def _size(value: Any) -> int:
    if isinstance(value, str):
        try:
            return parse_size(value)
        except ValueError as error:
            raise refuse(str(error)) from None
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise refuse(f"a bare number has no unit: write {value}MiB or {value}GB")
    raise refuse("")


class OneOrMany:
    """In the JSON Schema: a list, or one of its items by itself."""

    def __get_pydantic_json_schema__(self, core: Any, handler: GetJsonSchemaHandler) -> Any:
        schema = handler(core)
        return {"anyOf": [schema, schema["items"]]}


class OrSwitch:
    """In the JSON Schema: a section (or number), or on and off."""

    def __get_pydantic_json_schema__(self, core: Any, handler: GetJsonSchemaHandler) -> Any:
        return {"anyOf": [handler(core), {"enum": _SWITCH_WORDS}]}


def _switch(value: Any) -> Any:
    """YAML 1.2 knows only true and false; people also write on, off, yes and no."""
    words = {"on": True, "yes": True, "true": True, "off": False, "no": False, "false": False}
    if isinstance(value, str) and value.lower() in words:
        return words[value.lower()]
    if not isinstance(value, bool):
        raise refuse("")
    return value


def _not_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise refuse("")
    return value


def many(value: Any) -> Any:
    """One word is a list of one."""
    return [value] if isinstance(value, str) else value


def off_is_none(value: Any) -> Any:
    return None if value is False or value == "off" else value


def _path(value: Path, info: ValidationInfo) -> Path:
    """Absolute; relative ones start at the config's folder. Without a folder in the context they stay as written."""
    expanded = value.expanduser() if str(value).startswith("~/") else value
    folder = (info.context or {}).get("folder")
    return expanded if folder is None else Path(os.path.normpath(Path(folder) / expanded))


def _regex(value: str) -> str:
    try:
        regex.compile(value)
    except (regex.error, RecursionError, OverflowError) as error:
        raise refuse(f"not a regular expression: {error}") from None
    return value


def _text_path(value: Any) -> Any:
    if isinstance(value, str) and (not value.strip() or "\0" in value):
        raise refuse("a path can't be empty")
    return value


Duration = Annotated[
    float,
    BeforeValidator(_duration),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN}),
    Unit("duration"),
]
"""Seconds."""
Size = Annotated[
    int,
    BeforeValidator(_size),
    WithJsonSchema({"type": "string", "pattern": SIZE_PATTERN}),
    Unit("size"),
]
"""Bytes."""
Switch = Annotated[
    bool,
    BeforeValidator(_switch),
    WithJsonSchema({"enum": _SWITCH_WORDS}),
    Allowed("true or false"),
]
Whole = Annotated[int, BeforeValidator(_not_bool)]
Number = Annotated[float, BeforeValidator(_not_bool), Field(allow_inf_nan=False)]
Fraction = Annotated[Number, Field(ge=0, le=1)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
Phrase = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    Allowed("a phrase of 1 to 200 characters"),
]
RelativePath = Annotated[
    Path,
    BeforeValidator(_text_path),
    AfterValidator(_path),
    Allowed("a path, absolute or from the config's folder"),
]
Regex = Annotated[
    str,
    StringConstraints(min_length=1, max_length=1000),
    AfterValidator(_regex),
    Allowed("a regular expression of Python's re module"),
]
CameraId = Annotated[
    str,
    StringConstraints(pattern=CAMERA_ID),
    Allowed("1 to 63 of a-z, 0-9, - and _, starting with a letter or digit"),
]
Slug = Annotated[
    str,
    StringConstraints(pattern=CAMERA_ID),
    Allowed("1 to 63 of a-z, 0-9, - and _, starting with a letter or digit"),
]
Level = Annotated[Severity, Allowed("info, warning, critical")]


def seconds(key: str, default: str | None, description: str, **limits: str) -> Any:
    """A field in seconds. `default` and the limits (`ge`, `gt`, `le`, `example`) are written as in YAML."""
    return _with_unit(key, default, description, limits, parse_duration)


def size(key: str, default: str | None, description: str, **limits: str) -> Any:
    """A field in bytes; the rest as in `seconds`."""
    return _with_unit(key, default, description, limits, parse_size)


def _with_unit(
    key: str, default: str | None, description: str, limits: dict[str, str], parse: Any
) -> Any:
    example = limits.pop("example", default)
    return Field(
        default=None if default is None else parse(default),
        alias=key,
        description=description,
        examples=[example],
        json_schema_extra={"default": default},
        **{name: parse(limit) for name, limit in limits.items()},
    )
