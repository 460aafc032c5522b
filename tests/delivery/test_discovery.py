"""Discovery messages, validated with the schemas of Home Assistant's current wheel."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import jinja2
import pytest

from surveil.delivery.mqtt.discovery import CameraInfo, discovery_payload, node_payload
from surveil.delivery.mqtt.topics import Topics

CACHE = Path(__file__).parents[1] / ".cache" / "homeassistant"
FRESH_S = 14 * 86_400
SCRIPT = Path(__file__).with_name("ha_schemas.py")
TOPICS = Topics("surveil/edge-01", "edge-01")
PLATFORMS = ("mqtt", "event", "sensor", "binary_sensor", "switch")
NEEDED = ("const.py", *(f"components/{name}/" for name in PLATFORMS))


@pytest.fixture(scope="session")
def schemas() -> Path:
    """The parts of the wheel that matter, from the cache or from PyPI."""
    stamp = CACHE / "stamp"
    fresh = stamp.exists() and time.time() - stamp.stat().st_mtime < FRESH_S
    if not fresh and not _fetch() and not stamp.exists():
        pytest.skip("PyPI cannot be reached, and no Home Assistant is in tests/.cache")
    return CACHE


def _fetch() -> bool:
    CACHE.mkdir(parents=True, exist_ok=True)
    (CACHE.parent / ".gitignore").write_text("*\n")
    # Without --python-version pip would settle for the newest that runs here, which is older than device discovery.
    newest = ["--ignore-requires-python", "--python-version", "3.14", "--only-binary=:all:"]
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(CACHE)]
    for words in ([*newest, "homeassistant"], ["voluptuous"]):
        if subprocess.run([*command, *words], capture_output=True).returncode != 0:
            return False
    for wheel in CACHE.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(CACHE, [n for n in archive.namelist() if _needed(n)])
        wheel.unlink()
    (CACHE / "stamp").touch()
    return True


def _needed(name: str) -> bool:
    inside = name.removeprefix("homeassistant/").startswith(NEEDED)
    return name.startswith("voluptuous/") or (inside and name.endswith(".py"))


def understood(schemas: Path, payload: dict[str, Any]) -> dict[str, Any]:
    """What Home Assistant makes of the message; AssertionError with its complaint when it refuses."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(schemas)],
        input=json.dumps(payload),
        text=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(schemas)},
    )
    assert done.returncode == 0, done.stderr[-800:]
    config: dict[str, Any] = json.loads(done.stdout)
    return config


def node_message(*, canary: bool = True) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads(node_payload(TOPICS, canary=canary))
    return payload


def message(
    camera: CameraInfo | None = None, event_types: tuple[str, ...] = ("person_climbing", "fire")
) -> dict[str, Any]:
    camera = camera or CameraInfo("back_yard-2", "Back yard", area="Garden")
    payload: dict[str, Any] = json.loads(discovery_payload(camera, TOPICS, event_types))
    return payload


@pytest.mark.timeout(300)
def test_home_assistant_understands_every_entity(schemas: Path) -> None:
    config = understood(schemas, message())
    platforms = {key: value["platform"] for key, value in config["components"].items()}
    assert platforms == {
        "alert": "event",
        "abnormal": "binary_sensor",
        "caption": "sensor",
        "snapshot": "image",
        "enabled": "switch",
    }
    assert config["device"]["identifiers"] == ["surveil-edge-01--back_yard-2"]
    assert config["components"]["alert"]["event_types"] == ["fire", "person_climbing"]
    assert config["components"]["abnormal"]["device_class"] == "safety"
    base = "surveil/edge-01/back_yard-2"
    assert config["components"]["enabled"]["command_topic"] == f"{base}/enabled/set"
    assert config["components"]["snapshot"]["image_topic"] == f"{base}/snapshot"


def test_a_camera_without_armed_rules_is_understood(schemas: Path) -> None:
    config = understood(schemas, message(CameraInfo("yard", "Yard"), ()))
    assert config["components"]["alert"]["event_types"] == []


@pytest.mark.timeout(300)
def test_home_assistant_understands_the_node(schemas: Path) -> None:
    config = understood(schemas, node_message())
    entities = config["components"]
    assert {key: value["platform"] for key, value in entities.items()} == {
        "problem": "binary_sensor",
        "canary": "binary_sensor",
        "unwatched": "sensor",
    }
    assert config["device"]["identifiers"] == ["surveil-edge-01"]
    assert entities["problem"]["device_class"] == "problem"
    assert entities["problem"]["state_topic"] == "surveil/edge-01/health"
    assert entities["problem"]["json_attributes_topic"] == "surveil/edge-01/health"
    assert entities["unwatched"]["state_class"] == "total_increasing"


@pytest.mark.parametrize(
    ("component", "key", "value"),
    [
        ("problem", "dev_cla", "trouble"),
        ("canary", "stat_topic", "surveil/x"),
        ("unwatched", "stat_cla", "total_growing"),
        ("unwatched", "stat_t", "surveil/#/stats"),
    ],
)
def test_these_schemas_can_refuse_a_node(
    schemas: Path, component: str, key: str, value: object
) -> None:
    wrong = node_message()
    wrong["cmps"][component][key] = value
    with pytest.raises(AssertionError, match="Invalid"):
        understood(schemas, wrong)


def test_a_node_without_proofs_has_no_entity_for_them() -> None:
    assert set(node_message(canary=False)["cmps"]) == {"problem", "unwatched"}


@pytest.mark.parametrize(
    ("key", "said", "state"),
    [
        ("problem", {"state": "ok", "problems": []}, "OFF"),
        ("problem", {"state": "degraded", "problems": [{"code": "disk"}]}, "ON"),
        ("canary", {"passed": True}, "OFF"),
        ("canary", {"passed": False}, "ON"),
        ("unwatched", {"unwatched_s": {"yard": 1.5, "gate": 2.25}}, "3.8"),
        ("unwatched", {"unwatched_s": {}}, "0"),
    ],
)
def test_what_the_node_says_becomes_a_state(key: str, said: dict[str, Any], state: str) -> None:
    template = jinja2.Template(node_message()["cmps"][key]["val_tpl"], autoescape=True)
    assert template.render(value_json=said) == state


def test_the_node_and_a_camera_share_no_entity() -> None:
    everything = [*node_message()["cmps"].values()]
    for camera in ("problem", "canary", "unwatched"):
        everything += message(CameraInfo(camera, camera))["cmps"].values()
    assert len({one["uniq_id"] for one in everything}) == 18
    assert len({one["def_ent_id"] for one in everything}) == 18


@pytest.mark.parametrize(
    ("component", "key", "value"),
    [
        ("alert", "event_typs", ["fire"]),
        ("abnormal", "dev_cla", "burglary"),
        ("caption", "val_tpl", "{{ value_json.text[:255 }}"),
        ("snapshot", "url_t", "surveil/also-an-address"),
        ("enabled", "cmd_t", "surveil/+/set"),
    ],
)
def test_these_schemas_can_refuse(schemas: Path, component: str, key: str, value: object) -> None:
    wrong = message()
    wrong["cmps"][component][key] = value
    with pytest.raises(AssertionError, match="Invalid"):
        understood(schemas, wrong)


def test_entities_have_names_of_their_own() -> None:
    ids = [
        component["uniq_id"]
        for camera in ("a", "a-b", "a_b")
        for component in message(CameraInfo(camera, camera))["cmps"].values()
    ]
    assert len(set(ids)) == 15


@pytest.mark.parametrize(
    ("node", "camera", "available"),
    [
        ("online", "online", True),
        ("online", "degraded", True),
        ("online", "disabled", True),
        ("online", "offline", False),
        ("offline", "online", False),
        ("stopped", "online", False),
    ],
)
def test_entities_are_available_while_node_and_camera_are(
    node: str, camera: str, available: bool
) -> None:
    component = message()["cmps"]["abnormal"]
    assert component["avty_mode"] == "all"
    said = [
        jinja2.Template(entry["val_tpl"], autoescape=True).render(value=value) == "online"
        for entry, value in zip(component["avty"], (node, camera), strict=True)
    ]
    assert all(said) is available


def test_the_switch_is_available_while_the_node_is() -> None:
    assert [entry["t"] for entry in message()["cmps"]["enabled"]["avty"]] == [
        "surveil/edge-01/status"
    ]


def test_a_long_caption_fits_home_assistants_state() -> None:
    template = jinja2.Template(message()["cmps"]["caption"]["val_tpl"], autoescape=True)
    assert len(template.render(value_json={"text": "x" * 999})) == 255
