"""The JSON Schema of config.yaml, for editors: descriptions while typing, and mistakes underlined."""

from __future__ import annotations

import json
from typing import Any

from surveil.config.model import Config

NAME = "config.schema.json"
_VARIABLE = {"$ref": "#/$defs/Variable"}
_LIMITS = {
    "ge": "minimum",
    "le": "maximum",
    "gt": "exclusiveMinimum",
    "lt": "exclusiveMaximum",
}


def json_schema() -> dict[str, Any]:
    """Draft 2020-12. It knows single values; what does not fit together is told by `surveil check`."""
    schema: dict[str, Any] = _tidy(Config.model_json_schema(by_alias=True))
    schema["$defs"]["Variable"] = {
        "type": "string",
        "pattern": r"\$\{[A-Za-z_]",
        "description": "Taken from the environment.",
    }
    schema["patternProperties"] = {"^x-": {"description": "Ignored: a place for YAML anchors."}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Surveil's config.yaml",
        **schema,
    }


def json_text() -> str:
    """What `surveil schema` prints and docs/reference holds."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def _tidy(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_tidy(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    tidy = {key: _part(key, value) for key, value in schema.items() if key != "title"}
    return _or_variable(_limits_by_their_names(_without_null(tidy)))


def _part(key: str, value: Any) -> Any:
    """Names and examples are not schemas, whatever they look like."""
    if key in ("properties", "$defs"):
        return {name: _tidy(item) for name, item in value.items()}
    return value if key in ("examples", "default", "enum", "required") else _tidy(value)


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Absence is told by leaving a key out, and a section's defaults by its keys."""
    if schema.get("default", "") is None or isinstance(schema.get("default"), dict | list):
        schema.pop("default")
    if "anyOf" in schema:
        options: list[Any] = []
        for option in schema["anyOf"]:
            options += option["anyOf"] if set(option) == {"anyOf"} else [option]
        distinct = {json.dumps(one): one for one in options if one != {"type": "null"}}
        schema["anyOf"] = list(distinct.values())
        if len(distinct) == 1:
            schema = {**schema.pop("anyOf")[0], **schema}
    return schema


def _limits_by_their_names(schema: dict[str, Any]) -> dict[str, Any]:
    """Limits that stand behind a converter are left by pydantic under their Python names."""
    for name, proper in _LIMITS.items():
        if name in schema and schema.get("type") in ("integer", "number"):
            schema[proper] = schema[name]
        schema.pop(name, None)
    if schema.get("type") == "array":
        for name in ("minLength", "maxLength"):
            if name in schema:
                schema[name.replace("Length", "Items")] = schema.pop(name)
    return schema


def _or_variable(schema: dict[str, Any]) -> dict[str, Any]:
    """Numbers and words to choose from may come from a variable too; other texts accept one anyway."""
    described: dict[str, Any] = {
        key: schema.pop(key) for key in ("description", "default", "examples") if key in schema
    }
    if schema.get("type") in ("integer", "number") or "enum" in schema or "pattern" in schema:
        schema = {"anyOf": [schema, _VARIABLE]}
    elif "anyOf" in schema and _VARIABLE not in schema["anyOf"] and _simple(schema["anyOf"]):
        schema["anyOf"] = [*schema["anyOf"], _VARIABLE]
    return {**described, **schema}


def _simple(options: list[Any]) -> bool:
    return any("enum" in option or "type" in option for option in options)
