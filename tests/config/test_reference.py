"""The schema, the reference page and the example file say what the models say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from surveil.config import load_config, missing_files
from surveil.config.documents import parse
from surveil.config.reference import PAGE, example, leaves, page
from surveil.config.schema import NAME, json_schema, json_text

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs/reference"
EXAMPLE = ROOT / "config.yaml"
REMEDY = "run: python -m surveil.config.reference docs/reference"


def all_options() -> str:
    """The example with every option that is off switched on."""
    return re.sub(r"^( *)#(?! \S)(?=.)", r"\1", EXAMPLE.read_text(), flags=re.MULTILINE)


def raw(text: str) -> Any:
    """As an editor sees it: variables are not put in."""
    document = parse(text, environ={})
    for loc, written in document.raw.items():
        document.get(loc[:-1])[loc[-1]] = written
    return document.value


@pytest.mark.parametrize(
    ("path", "kind"), list(leaves()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_key_has_a_description_and_an_example(path: str, kind: Any) -> None:
    assert kind.field.description, path
    assert kind.field.description.rstrip().endswith("."), path
    has_own_page_part = "section" in repr(kind) or kind.section is not None
    assert example(kind) is not None or has_own_page_part or kind.field.default is not None, path


def test_the_page_is_fresh() -> None:
    assert (REFERENCE / PAGE).read_text() == page(), REMEDY


def test_the_schema_is_fresh() -> None:
    assert (REFERENCE / NAME).read_text() == json_text(), REMEDY


def test_every_key_is_on_the_page() -> None:
    text = page()
    for path, _ in leaves():
        assert f"| `{path.rpartition('.')[2]}` |" in text


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("text", [EXAMPLE.read_text(), all_options()], ids=["as it is", "all on"])
def test_the_schema_accepts_the_example(text: str) -> None:
    errors = jsonschema.Draft202012Validator(json_schema()).iter_errors(raw(text))
    assert [f"{list(error.path)}: {error.message}" for error in errors] == []


@pytest.mark.parametrize(
    "document",
    [
        {"camera": []},
        {"sampling": {"interval": 5}},
        {"sampling": {"interval": "5"}},
        {"cameras": [{"id": "Yard", "url": "rtsp://h"}]},
        {"cameras": [{"id": "yard"}]},
        {"cameras": [{"id": "yard", "url": "rtsp://h", "decode": "some"}]},
        {"captioner": {"generation": {"num_beams": 0}}},
        {"captioner": {"generation": {"top_p": 1.5}}},
        {"mqtt": {"host": "h", "port": "many"}},
        {"snapshots": "maybe"},
        {"notify": [{"type": "pigeon"}]},
    ],
)
def test_the_schema_refuses_what_the_models_refuse(document: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, json_schema(), cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize(
    "document",
    [
        {"x-anchors": {"anything": 1}},
        {"mqtt": {"host": "h", "port": "${PORT:-1883}", "tls": "on"}},
        {"mqtt": {"host": "h", "tls": {"ca": "ca.pem"}}},
        {"snapshots": "off", "journal": False},
        {"rules": [{"patterns": "fire", "cameras": "yard", "schedule": {"from": "22:00"}}]},
        {"rules": [{"patterns": ["fire"], "schedule": [{"days": "mon-fri"}]}]},
        {"sampling": {"motion_area": "off"}},
        {"watch": "on"},
    ],
)
def test_the_schema_accepts_the_short_ways(document: dict[str, Any]) -> None:
    jsonschema.validate(document, json_schema(), cls=jsonschema.Draft202012Validator)


def test_the_example_names_the_schema_for_editors() -> None:
    first = EXAMPLE.read_text().splitlines()[0]
    named = first.removeprefix("# yaml-language-server: $schema=")
    assert json.loads((ROOT / named).read_text())["title"] == "Surveil's config.yaml"


def test_the_example_loads_on_a_fresh_clone() -> None:
    config = load_config(EXAMPLE, environ={})
    assert list(missing_files(config)) == []


def test_the_example_loads_with_every_option_switched_on(tmp_path: Path) -> None:
    for name in ("entrance-password", "vision-api-key", "http-token"):
        (tmp_path / name).write_text("hunter2\n")
    (tmp_path / "config.yaml").write_text(all_options())
    environ = {"MQTT_PASSWORD": "hunter2", "WEBHOOK_SECRET": "hunter2"}
    config = load_config(tmp_path / "config.yaml", environ=environ)
    assert len(config.notify) == 3
    assert config.captioner.fallback is not None


def test_the_example_shows_every_section() -> None:
    shown = set(yaml.load(all_options(), yaml.BaseLoader))
    assert shown == {path for path, _ in leaves() if "." not in path}
