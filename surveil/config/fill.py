"""A section of the configuration -> a room's own dataclass, field by field of the same name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, cast

from pydantic import BaseModel, SecretStr

T = TypeVar("T")


def fill(cls: type[T], section: BaseModel, **given: object) -> T:
    """A `cls` (a dataclass) with the section's values; `given` adds what has another name or form there.

    What the section calls its field or property by the same name is taken, secrets unwrapped. Raises TypeError for a
    `given` that `cls` does not have, for a field of `cls` that gets no value and has no default, and for a section
    where a plain value is expected.
    """
    names = filled(cls, section) - given.keys()
    make = cast("Callable[..., T]", cls)
    return make(**{name: _plain(getattr(section, name), name) for name in names}, **given)


def filled(cls: type[Any], section: BaseModel | type[BaseModel]) -> set[str]:
    """The fields of `cls` that the section has under the same name."""
    if not is_dataclass(cls):
        raise TypeError(f"{cls.__name__} is no dataclass")
    model = section if isinstance(section, type) else type(section)
    return {field.name for field in fields(cls) if field.init and _has(model, field.name)}


def _has(model: type[BaseModel], name: str) -> bool:
    return name in model.model_fields or isinstance(getattr(model, name, None), property)


def _plain(value: object, name: str) -> object:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, BaseModel):
        raise TypeError(f"{name} is a section of its own: give its dataclass")
    return dict(value) if isinstance(value, dict) else value
