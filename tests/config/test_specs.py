"""Every field of a room's dataclass comes from the section of the same meaning, and none is forgotten in silence."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from surveil.alerts.retention import AgeLimits, FileLimits
from surveil.capture import CameraSpec
from surveil.config import (
    Config,
    alerts,
    cameras,
    load_config,
    mqtt,
    notify,
    rules,
    specs,
)
from surveil.config.fill import fill, filled
from surveil.delivery.mqtt.discovery import CameraInfo
from surveil.delivery.mqtt.mqtt_session import MqttSpec, TlsSpec
from surveil.delivery.webhook import WebhookSpec
from surveil.rules import Confirm, RuleSpec, Schedule
from surveil.scheduling import CameraPlan, Gates

GIVEN: dict[tuple[type[Any], type[BaseModel]], set[str]] = {
    (CameraSpec, cameras.Camera): {
        *("camera_id", "url", "snapshot_url", "username", "password", "transport", "decode"),
        *("interval_s", "options", "regions", "loop", "pace"),
        *("read_timeout_s", "stall_timeout_s", "clamped"),
    },
    (CameraPlan, cameras.Sampling): {"camera_id", "gates", "regions"},
    (Gates, cameras.Sampling): set(),
    (CameraInfo, cameras.Camera): {"camera_id", "name"},
    (RuleSpec, rules.Rule): {"event_type", "schedule", "confirm"},
    (Confirm, rules.Confirm): set(),
    (Schedule, rules.Window): {"start", "end", "time_zone"},
    (MqttSpec, mqtt.Mqtt): {
        *("node", "port", "topic_prefix", "client_id", "tls", "keepalive_s", "max_in_flight"),
        *("snapshots", "discovery_prefix", "canary"),
    },
    (TlsSpec, mqtt.Tls): {"certificate", "insecure"},
    (WebhookSpec, notify.Webhook): {"node", "name"},
    (AgeLimits, alerts.AgeLimits): set(),
    (FileLimits, alerts.DiskLimits): {"ages"},
}
"""What has another name or form in the configuration, and is written out in config/specs.py."""

OWN: dict[type[Any], set[str]] = {
    CameraInfo: {"area"},  # nobody is asked where a camera hangs; Home Assistant's user says
    MqttSpec: {
        # What is right for every broker, and needs no key.
        "answer_timeout_s",
        "retry_min_s",
        "retry_max_s",
    },
}
"""Left at the dataclass's own default: there is no key for it."""

ALL = pytest.mark.parametrize(
    ("spec", "section"),
    GIVEN,
    ids=[f"{spec.__name__}-{section.__name__}" for spec, section in GIVEN],
)


@ALL
def test_each_field_is_filled_given_or_has_a_reason_not_to_be(
    spec: type[Any], section: type[BaseModel]
) -> None:
    """A field added to a room's dataclass is either a key of the same name, or named above."""
    found = filled(spec, section) | GIVEN[spec, section] | OWN.get(spec, set())
    assert {field.name for field in fields(spec) if field.init} == found


@ALL
def test_what_is_left_at_its_default_is_in_no_section(
    spec: type[Any], section: type[BaseModel]
) -> None:
    own = OWN.get(spec, set())
    assert not own & filled(spec, section)
    assert not own & GIVEN[spec, section]
    needed = {f.name for f in fields(spec) if f.default is f.default_factory is MISSING}
    assert not own & needed


@dataclass(frozen=True)
class Spec:
    name: str
    password: str | None = None
    limits: dict[str, int] | None = None


class Section(BaseModel):
    password: SecretStr | None = None
    limits: dict[str, int] = {}

    @property
    def name(self) -> str:
        return "made up"


def test_secrets_are_unwrapped_and_properties_count_as_fields() -> None:
    section = Section(password=SecretStr("geheim"), limits={"a": 1})
    spec = fill(Spec, section)
    assert spec == Spec("made up", "geheim", {"a": 1})
    assert spec.limits is not section.limits, "the configuration stays as it was read"


def test_what_is_given_wins() -> None:
    assert fill(Spec, Section(), name="other", password="own") == Spec("other", "own", {})


class Nameless(BaseModel):
    limits: Section = Section()


def test_a_field_without_a_value_a_section_in_its_place_and_a_name_too_many_are_errors() -> None:
    with pytest.raises(TypeError, match="name"):
        fill(Spec, Nameless(), limits=None)
    with pytest.raises(TypeError, match="limits is a section of its own"):
        fill(Spec, Nameless(), name="x")
    with pytest.raises(TypeError, match="colour"):
        fill(Spec, Section(), colour="red")
    with pytest.raises(TypeError, match="no dataclass"):
        fill(str, Section())


@pytest.fixture
def config(tmp_path: Path) -> Config:
    path = tmp_path / "config.yaml"
    path.write_text(
        """
node: edge
timezone: Europe/Berlin
sampling: {interval: 4s, motion_area: 0.01}
cameras:
  - id: yard
    url: "rtsp://camera/1"
    snapshot_url: "rtsp://camera/2"
    username: viewer
    password: "p@ss"
    options: {probesize: 32}
    interval: 2s
    duplicate_area: off
    regions: [{id: gate, box: [0, 0, 0.5, 1]}]
  - {id: clip, url: clip.mp4, file: {loop: off, pace: fast}}
rules:
  - patterns: [person climbing]
    confirm: {hits: 2, of: 3}
    schedule: {days: mon-tue, from: "22:00", to: "06:00"}
mqtt: {host: broker, tls: {ca: ca.pem, verify: off}, keepalive: 45s, password: "secret", username: me}
notify:
  - {type: webhook, url: "https://desk.example/token", secret: key, min_severity: critical}
""",
        encoding="utf-8",
    )
    return load_config(path, environ={})


def test_a_camera_is_opened_with_its_login_and_sampled_with_its_own_values(config: Config) -> None:
    yard, clip = specs.camera_specs(config, config.cameras)
    assert yard.url == "rtsp://viewer:p%40ss@camera/1"
    assert yard.snapshot_url == "rtsp://viewer:p%40ss@camera/2"
    assert (yard.username, yard.password) == (None, None)
    assert yard.options == {"probesize": "32"}
    assert (yard.interval_s, yard.loop, yard.pace) == (2.0, True, True)
    assert (clip.interval_s, clip.loop, clip.pace) == (4.0, False, False)
    plan, _ = specs.camera_plans(config, config.cameras)
    assert (plan.interval_s, plan.gates) == (2.0, Gates(0.01, None))
    assert [(r.region_id, r.left, r.right) for r in plan.regions] == [("gate", 0, 0.5)]


def test_a_rule_keeps_its_window_in_the_nodes_zone(config: Config) -> None:
    (rule,) = specs.rule_specs(config)
    assert (rule.rule_id, rule.event_type) == ("person-climbing", "person_climbing")
    assert rule.confirm == Confirm(2, 3)
    (window,) = rule.schedule
    assert (window.days, window.time_zone) == (("mon", "tue"), "Europe/Berlin")
    assert (window.start.hour, window.end.hour) == (22, 6)


def test_a_broker_with_tls_is_asked_at_its_own_port(config: Config) -> None:
    assert config.mqtt is not None
    spec = specs.mqtt_spec(config, config.mqtt)
    assert (spec.port, spec.keepalive_s, spec.password) == (8883, 45, "secret")
    assert spec.topic_prefix == "surveil/edge"
    assert spec.tls is not None
    assert spec.tls.insecure
    assert spec.tls.ca is not None


def test_a_webhook_gets_only_what_matters_enough(config: Config) -> None:
    (entry,) = config.notify
    assert isinstance(entry, notify.Webhook)
    spec = specs.webhook_spec(config, entry, "desk")
    assert (spec.url, spec.secret, spec.node) == ("https://desk.example/token", "key", "edge")
    found = specs.destination(entry, "webhook:desk")
    assert [severity.value for severity in found.severities] == ["critical"]
    assert (found.rules, found.cameras) == (None, None)


def test_deadlines_that_contradict_start_clamped(tmp_path: Path) -> None:
    """What was accepted before still starts: a read longer than the stall time, a poll longer than it; a default gives
    way without a word."""
    path = tmp_path / "config.yaml"
    path.write_text(
        "cameras:\n"
        "- {id: read, url: rtsp://h/1, read_timeout: 1m}\n"
        "- {id: quick, url: rtsp://h/2, stall_timeout: 2s}\n"
        "- {id: still, url: still+http://h/3, poll: 2m, stall_timeout: 20s}\n"
        "- {id: slow, url: still+http://h/4, poll: 2m}\n"
        "- {id: file, url: clip.mp4, read_timeout: 1m}\n"
        "mqtt: {host: h}\nrules: [{patterns: fire}]\n"
    )
    config = load_config(path, environ={})
    made = {spec.camera_id: spec for spec in specs.camera_specs(config, config.cameras)}
    assert made["read"].read_timeout_s == made["read"].stall_timeout_s == 10.0
    assert made["read"].clamped == (
        "read_timeout 1m is longer than stall_timeout, 10s, which is used instead",
    )
    assert (made["quick"].read_timeout_s, made["quick"].clamped) == (2.0, ())
    assert made["still"].stall_timeout_s == 120.0
    assert made["still"].clamped == (
        "stall_timeout 20s is shorter than the time between two pictures, 2m, which is used instead",
    )
    assert (made["slow"].stall_timeout_s, made["slow"].clamped) == (120.0, ())
    assert (made["file"].read_timeout_s, made["file"].clamped) == (60.0, ())


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param("sampling: {interval: 2s}\n", id="everybody's interval"),
        pytest.param("sampling: {max_interval: 2m, motion_area: off}\n", id="gates"),
        pytest.param("captioner: {prompt: a photo of}\n", id="prompt"),
    ],
)
def test_a_change_of_how_pictures_are_chosen_reopens_no_camera(
    tmp_path: Path, changed: str
) -> None:
    text = (
        "cameras:\n- {id: a, url: rtsp://h/1}\n- {id: b, url: rtsp://h/2, snapshot_url: rtsp://h/3}\n"
        "mqtt: {host: h}\nrules: [{patterns: fire}]\n"
    )
    path = tmp_path / "config.yaml"

    def made(text: str) -> list[CameraSpec]:
        path.write_text(text)
        config = load_config(path, environ={})
        return specs.camera_specs(config, config.cameras)

    before = made(text)
    pairs = list(zip(made(text + changed), before, strict=True))
    assert [after.needs_reopening(running) for after, running in pairs] == [False, False]
    renamed = made(text.replace("id: a,", "id: a, name: Gate, prompt: a photo of, interval: 1s,"))
    assert not renamed[0].needs_reopening(before[0])
    turned = made(text.replace("id: a,", "id: a, rotate: 90,"))
    assert [now.needs_reopening(old) for now, old in zip(turned, before, strict=True)] == [
        True,
        False,
    ]
