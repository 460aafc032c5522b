"""Home Assistant's own discovery schemas, taken from its wheel and run in a process of their own.

`python ha_schemas.py FOLDER < payload` validates one device discovery message as Home Assistant does: abbreviations,
the device schema, then each component by its platform's strict schema, where a misspelt key is an error.

What is Home Assistant's: the abbreviations, all keys, which are required, which exclude each other, device classes and
platforms. What stands in for it: its schema library (voluptuous, which its own follows), the validators of plain text,
templates, icons and URLs, and everything that needs a running system. Its newer Python cannot be expected here.
"""

from __future__ import annotations
import __future__

import enum
import importlib
import importlib.abc
import importlib.machinery
import json
import sys
import types
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jinja2
import voluptuous  # type: ignore[import-not-found]

MQTT = "homeassistant.components.mqtt"
REAL = {"homeassistant.const"} | {
    f"{MQTT}.{name}"
    for name in (
        "abbreviations",
        "const",
        "schemas",
        "config",
        "util",
        "discovery",
        "event",
        "image",
        "sensor",
        "binary_sensor",
        "switch",
    )
}
"""Modules that are executed as they are; every other one of the package is hollow."""


class Hollow(type):
    """A class of which any attribute is such a class again; it can be called, subscripted, and derived from."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return hollow(name)

    def __getitem__(cls, item: object) -> Any:
        return cls

    def __or__(cls, other: object) -> Any:
        return cls

    __ror__ = __or__

    def __iter__(cls) -> Any:
        return iter(())


def hollow(name: str) -> Hollow:
    def new(cls: type, *args: Any, **kwargs: Any) -> Any:
        # A decorator gives back what it decorates.
        return args[0] if len(args) == 1 and callable(args[0]) else object.__new__(cls)

    return Hollow(name, (), {"__new__": new, "__init__": lambda self, *a, **k: None})


class HollowModule(types.ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return hollow(name)


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Real modules from the folder, hollow ones for the rest of the package and what it depends on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname in REAL:
            return importlib.machinery.ModuleSpec(fullname, self)
        if fullname.partition(".")[0] in {"homeassistant", "httpx2", "orjson", "propcache"}:
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        real = spec.name in REAL
        return types.ModuleType(spec.name) if real else HollowModule(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        if module.__name__ in REAL:
            file = self.folder / f"{module.__name__.replace('.', '/')}.py"
            # Python 3.14 leaves annotations unevaluated, and these modules rely on it.
            lazy = __future__.annotations.compiler_flag
            code = compile(file.read_text(), str(file), "exec", flags=lazy, dont_inherit=True)
            exec(code, module.__dict__)


def string(value: Any) -> str:
    if value is None or isinstance(value, list | dict):
        raise voluptuous.Invalid("value should be a string")
    return str(value)


def template(value: Any) -> str:
    try:
        jinja2.Environment(autoescape=True).parse(string(value))
    except jinja2.TemplateError as error:
        raise voluptuous.Invalid(f"invalid template: {error}") from error
    return string(value)


def icon(value: Any) -> str:
    if ":" not in string(value):
        raise voluptuous.Invalid('Icons should be specified in the form "prefix:name"')
    return string(value)


def url(value: Any) -> str:
    if urlsplit(string(value)).scheme not in ("http", "https"):
        raise voluptuous.Invalid("invalid url")
    return string(value)


def removed(key: str, **kwargs: Any) -> Any:
    def check(config: dict[str, Any]) -> dict[str, Any]:
        if key in config:
            raise voluptuous.Invalid(f"{key} was removed")
        return config

    return check


def ensure_list(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def device_classes(folder: Path, platform: str) -> Any:
    """The enumeration of a platform's device classes."""
    name = "".join(word.capitalize() for word in platform.split("_")) + "DeviceClass"
    return declared(folder, platform, name)


def declared(folder: Path, platform: str, name: str) -> Any:
    """An enumeration of a platform, from whichever of its files declares it."""
    for file in ("const.py", "__init__.py"):
        source = folder / "homeassistant/components" / platform / file
        lines = source.read_text().splitlines() if source.exists() else []
        values = _enum_values(lines, f"class {name}(StrEnum):")
        if values:
            return enum.StrEnum(name, values)
    raise LookupError(name)


def _enum_values(lines: list[str], head: str) -> dict[str, str]:
    if head not in lines:
        return {}
    values = {}
    for line in lines[lines.index(head) + 1 :]:
        if line and not line.startswith(" "):
            break
        key, mark, value = line.strip().partition(" = ")
        if mark and key.isupper():
            values[key] = value.strip("\"'")
    return values


def prepare(folder: Path) -> None:
    """Put everything in place for the real modules to be imported."""
    library = types.ModuleType("probatio")
    library.__dict__.update(vars(voluptuous))
    library.__dict__["EnsureList"] = lambda: ensure_list
    sys.modules["probatio"] = library
    typing.override = lambda method: method  # type: ignore[attr-defined]
    sys.meta_path.insert(0, Finder(folder))
    validators = HollowModule("homeassistant.helpers.config_validation")
    validators.__dict__.update(
        string=string,
        template=template,
        icon=icon,
        url=url,
        configuration_url=url,
        boolean=voluptuous.Boolean(),
        positive_int=voluptuous.All(int, voluptuous.Range(min=0)),
        removed=removed,
    )
    import homeassistant.components  # type: ignore[import-not-found]
    import homeassistant.const  # type: ignore[import-not-found]
    import homeassistant.helpers  # type: ignore[import-not-found]
    import homeassistant.helpers.entity  # type: ignore[import-not-found]

    sys.modules[validators.__name__] = validators
    homeassistant.helpers.config_validation = validators
    category = voluptuous.Coerce(homeassistant.const.EntityCategory)
    homeassistant.helpers.entity.ENTITY_CATEGORIES_SCHEMA = category
    for platform in ("event", "binary_sensor", "sensor", "switch"):
        module = importlib.import_module(f"homeassistant.components.{platform}")
        classes = device_classes(folder, platform)
        module.__dict__[classes.__name__] = classes
        module.__dict__["DEVICE_CLASSES_SCHEMA"] = voluptuous.All(
            voluptuous.Lower, voluptuous.Coerce(classes)
        )
    sensor = importlib.import_module("homeassistant.components.sensor")
    states = declared(folder, "sensor", "SensorStateClass")
    sensor.__dict__.update(
        CONF_STATE_CLASS="state_class",
        STATE_CLASSES_SCHEMA=voluptuous.All(voluptuous.Lower, voluptuous.Coerce(states)),
    )


def validate(payload: dict[str, Any]) -> dict[str, Any]:
    """As discovery.py and the platforms do. Raises voluptuous.Invalid."""
    discovery = importlib.import_module(f"{MQTT}.discovery")
    schemas = importlib.import_module(f"{MQTT}.schemas")
    discovery._replace_all_abbreviations(payload)
    config = schemas.validate_device_discovery_components(schemas.DEVICE_DISCOVERY_SCHEMA(payload))
    shared = {key: config[key] for key in schemas.SHARED_OPTIONS if key in config}
    for component in config["components"].values():
        own = {key: value for key, value in component.items() if key != "platform"}
        platform = importlib.import_module(f"{MQTT}.{component['platform']}")
        component.update(platform.PLATFORM_SCHEMA_MODERN({**shared, **own}))
    return dict(config)


if __name__ == "__main__":
    prepare(Path(sys.argv[1]))
    print(json.dumps(validate(json.load(sys.stdin)), default=str))
