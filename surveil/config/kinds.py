"""What a place in the configuration may hold, read from the models: for error texts and the reference page."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from surveil.config.problems import Loc
from surveil.fields import Allowed, Unit


@dataclass(frozen=True, slots=True)
class Kind:
    """A type without its wrapping."""

    base: Any
    """A class, a generic alias, Literal or a union of several."""
    metadata: tuple[Any, ...] = ()
    """What annotates it, outermost first."""
    field: FieldInfo | None = None
    """The field that it is the type of."""

    @property
    def section(self) -> type[BaseModel] | None:
        """The model class, if it is a section."""
        return (
            self.base if isinstance(self.base, type) and issubclass(self.base, BaseModel) else None
        )

    @property
    def is_secret(self) -> bool:
        return self.base is SecretStr

    def limit(self, *names: str) -> Any:
        """The first of the limits (`ge`, `min_length` ...) that is set."""
        for item in self.metadata:
            for name in names:
                if (value := getattr(item, name, None)) is not None:
                    return value
        return None

    def first(self, kind: type) -> Any:
        """The first annotation of this class, or None."""
        return next((item for item in self.metadata if isinstance(item, kind)), None)


def kind_of(
    annotation: Any, metadata: tuple[Any, ...] = (), field: FieldInfo | None = None
) -> Kind:
    """Annotated and Optional taken off."""
    origin = get_origin(annotation)
    if origin is Annotated:
        base, *more = get_args(annotation)
        return kind_of(base, (*metadata, *_flat(more)), field)
    if origin in (Union, types.UnionType):
        rest = [arg for arg in get_args(annotation) if arg is not type(None)]
        if len(rest) == 1:
            return kind_of(rest[0], metadata, field)
    return Kind(annotation, metadata, field)


def fields_of(section: type[BaseModel]) -> dict[str, Kind]:
    """YAML key -> kind, in the order of the model."""
    return {
        field.alias or name: kind_of(field.annotation, tuple(_flat(field.metadata)), field)
        for name, field in section.model_fields.items()
    }


def children(kind: Kind) -> list[Kind]:
    """The kinds of its items or values; of a union, its members."""
    origin, args = get_origin(kind.base), get_args(kind.base)
    if origin is tuple:
        return [kind_of(arg) for arg in args if arg is not Ellipsis]
    if origin is dict:
        return [kind_of(args[1])]
    if origin in (Union, types.UnionType):
        return [kind_of(arg) for arg in args if arg is not type(None)]
    return []


def kind_at(root: type[BaseModel], loc: Loc, document: Any) -> Kind | None:
    """The kind of a place, None for one that the models don't know. `document` tells which member of a union it is."""
    kind = Kind(root)
    for part in loc:
        found = _step(kind, part, document)
        if found is None:
            return None
        kind = found
        document = _item(document, part)
    return _member(kind, document)


def allowed_text(kind: Kind) -> str:
    """What may be written there, as the end of "allowed: ..."."""
    allowed = kind.first(Allowed)
    if allowed is not None:
        return str(allowed.text)
    unit = kind.first(Unit)
    if unit is not None:
        return f"a {unit.kind}{_range(kind, unit)}, such as {example_of(kind, unit)}"
    return _plain_text(kind)


def choices(kind: Kind) -> tuple[str, ...]:
    """The words to choose from, where there are such."""
    if get_origin(kind.base) is Literal:
        return tuple(str(arg) for arg in get_args(kind.base))
    if isinstance(kind.base, type) and issubclass(kind.base, Enum):
        return tuple(str(member.value) for member in kind.base)
    return ()


def example_of(kind: Kind, unit: Unit | None = None) -> str:
    """One example of a number with a unit."""
    examples = kind.field.examples if kind.field is not None else None
    if examples and isinstance(examples[0], str):
        return examples[0]
    return "5s" if unit is None or unit.kind == "duration" else "512MiB"


def _plain_text(kind: Kind) -> str:
    if choices(kind):
        return ", ".join(choices(kind))
    if kind.section is not None:
        return f"a section with the keys {', '.join(fields_of(kind.section))}"
    origin = get_origin(kind.base)
    if origin is tuple:
        return _list_text(kind)
    if origin is dict:
        return f"a section of names, each with {allowed_text(children(kind)[0])}"
    if origin in (Union, types.UnionType):
        return " or ".join(allowed_text(member) for member in children(kind))
    return _SCALARS.get(kind.base, "text") + _range(kind, None)


_SCALARS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    SecretStr: "text (in quotes if it looks like a number)",
}


def _list_text(kind: Kind) -> str:
    items = children(kind)
    if Ellipsis not in get_args(kind.base):
        return f"a list of {len(items)}: each {allowed_text(items[0])}"
    low, high = kind.limit("min_length"), kind.limit("max_length")
    count = f" of {low} to {high}" if low and high else f" of at most {high}" if high else ""
    if items[0].section is not None:
        return f"a list{count} of sections, each beginning with '- '"
    return f"a list{count}: {allowed_text(items[0])}"


def _range(kind: Kind, unit: Unit | None) -> str:
    show = unit.format if unit is not None else _number
    low, above = kind.limit("ge"), kind.limit("gt")
    high = kind.limit("le")
    lower = f"from {show(low)}" if low is not None else ""
    low_text = f"above {show(above)}" if above is not None else lower
    if high is None:
        return f" {low_text}".rstrip()
    if not low_text:
        return f" up to {show(high)}"
    return f" {low_text}{', up' if above is not None else ''} to {show(high)}"


def _number(value: float) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _step(kind: Kind, part: str | int, document: Any) -> Kind | None:
    kind = _member(kind, document)
    if kind.section is not None:
        return fields_of(kind.section).get(str(part))
    items = children(kind)
    if not items:
        return None
    if isinstance(part, str) and items[0].section is not None and get_origin(kind.base) is tuple:
        return _step(items[0], part, document)  # one section in place of a list of one
    if get_origin(kind.base) is tuple and Ellipsis not in get_args(kind.base):
        return items[part] if isinstance(part, int) and part < len(items) else None
    return items[0]


def _member(kind: Kind, document: Any) -> Kind:
    """Of a union of sections, the one whose `type` the document names."""
    if get_origin(kind.base) not in (Union, types.UnionType):
        return kind
    wanted = document.get("type") if isinstance(document, dict) else None
    for member in children(kind):
        if member.section is not None and wanted in choices(fields_of(member.section)["type"]):
            return member
    return kind


def _item(document: Any, part: str | int) -> Any:
    if isinstance(document, dict):
        return document.get(part)
    if isinstance(document, list) and isinstance(part, int) and part < len(document):
        return document[part]
    return None


def _flat(metadata: Any) -> Iterator[Any]:
    """Fields inside Annotated hold their limits one level down."""
    for item in metadata:
        if isinstance(item, FieldInfo):
            yield from _flat(item.metadata)
        else:
            yield item
