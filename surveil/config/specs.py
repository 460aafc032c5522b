"""config.yaml's models -> the rooms' own dataclasses, in one step: no third copy of any field.

A field that a section and a dataclass call by the same name is copied by `fill`; only what has another name or form
is written here. Rooms are imported when they are asked for: `surveil check` reads all of the configuration, and none
of FFmpeg, torch or paho.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from surveil.config.alerts import AgeLimits as AgeSection
from surveil.config.alerts import DiskLimits
from surveil.config.cameras import Camera, Sampling
from surveil.config.deadlines import deadlines_of
from surveil.config.fill import fill
from surveil.config.model import Config
from surveil.config.mqtt import Mqtt, Tls
from surveil.config.notify import Destination as NotifyEntry
from surveil.config.notify import Webhook
from surveil.config.rules import Rule, Window
from surveil.records import Region, Severity

if TYPE_CHECKING:
    from surveil.alerts.recorder import Destination
    from surveil.alerts.retention import AgeLimits, FileLimits
    from surveil.capture import CameraSpec
    from surveil.delivery.mqtt.discovery import CameraInfo
    from surveil.delivery.mqtt.mqtt_session import MqttSpec, TlsSpec
    from surveil.delivery.webhook import WebhookSpec
    from surveil.rules import RuleSpec, Schedule
    from surveil.scheduling import CameraPlan


def zone(config: Config) -> ZoneInfo:
    """The zone that schedules and displayed times follow."""
    return ZoneInfo(config.timezone)


def camera_specs(config: Config, enabled: Sequence[Camera]) -> list[CameraSpec]:
    """What capture needs."""
    return [camera_spec(camera, config.sampling_of(camera)) for camera in enabled]


def camera_spec(camera: Camera, sampling: Sampling) -> CameraSpec:
    from surveil.capture import CameraSpec, DecodeMode, Transport

    big = camera.snapshot_source
    deadlines = deadlines_of(camera, sampling)
    return fill(
        CameraSpec,
        camera,
        camera_id=camera.id,
        url=camera.source.get_secret_value(),
        snapshot_url=None if big is None else big.get_secret_value(),
        username=None,  # both are in the addresses already
        password=None,
        transport=Transport(camera.transport),
        decode=DecodeMode(camera.decode),
        interval_s=sampling.interval_s,
        read_timeout_s=deadlines.read_timeout_s,
        stall_timeout_s=deadlines.stall_timeout_s,
        clamped=tuple(f"{key} {what}" for key, what in deadlines.clamped.items()),
        options={key: str(value) for key, value in camera.options.items()},
        regions=tuple(Region(region.id, *region.box) for region in camera.regions),
        loop=camera.file.loop,
        pace=camera.file.pace == "live",
    )


def camera_plans(config: Config, enabled: Sequence[Camera]) -> list[CameraPlan]:
    """What the sampler needs."""
    return [camera_plan(camera, config.sampling_of(camera)) for camera in enabled]


def camera_plan(camera: Camera, sampling: Sampling) -> CameraPlan:
    from surveil.scheduling import CameraPlan, Gates

    return fill(
        CameraPlan,
        sampling,
        camera_id=camera.id,
        gates=fill(Gates, sampling),
        regions=tuple(Region(region.id, *region.box) for region in camera.regions),
    )


def camera_infos(config: Config) -> list[CameraInfo]:
    """What subscribers see of all cameras, those switched off included."""
    from surveil.delivery.mqtt.discovery import CameraInfo

    return [
        fill(CameraInfo, camera, camera_id=camera.id, name=camera.title)
        for camera in config.cameras
    ]


def prompts(config: Config) -> dict[str, str | None]:
    """camera_id -> what its captions begin with."""
    return {camera.id: config.prompt_of(camera) for camera in config.cameras}


def rule_specs(config: Config) -> list[RuleSpec]:
    return [rule_spec(rule, config.timezone) for rule in config.rules]


def rule_spec(rule: Rule, local_zone: str) -> RuleSpec:
    from surveil.rules import Confirm, RuleSpec

    return fill(
        RuleSpec,
        rule,
        event_type=rule.slug,
        schedule=tuple(schedule(window, local_zone) for window in rule.schedule),
        confirm=fill(Confirm, rule.confirm),
    )


def schedule(window: Window, local_zone: str) -> Schedule:
    from surveil.rules import Schedule

    return fill(
        Schedule,
        window,
        start=window.from_time,
        end=window.to_time,
        time_zone=window.timezone or local_zone,
    )


def event_types(config: Config) -> list[str]:
    """The slug of every armed rule, each once."""
    return list(dict.fromkeys(rule.slug for rule in config.rules if rule.enabled))


def mqtt_spec(config: Config, mqtt: Mqtt) -> MqttSpec:
    from surveil.delivery.mqtt.mqtt_session import MqttSpec

    discovery = mqtt.homeassistant
    return fill(
        MqttSpec,
        mqtt,
        node=config.node,
        port=mqtt.port_or_default,
        topic_prefix=config.topic_prefix or "",
        client_id=mqtt.client_id or "",
        tls=None if mqtt.tls is None else tls_spec(mqtt.tls),
        keepalive_s=round(mqtt.keepalive_s),
        max_in_flight=mqtt.max_inflight,
        snapshots=config.snapshots.enabled and mqtt.snapshot_max_px > 0,
        discovery_prefix=discovery.discovery_prefix if discovery.enabled else None,
        canary=config.canary.enabled,
    )


def tls_spec(tls: Tls) -> TlsSpec:
    from surveil.delivery.mqtt.mqtt_session import TlsSpec

    return fill(TlsSpec, tls, certificate=tls.cert, insecure=not tls.verify)


def webhook_spec(config: Config, entry: Webhook, name: str) -> WebhookSpec:
    from surveil.delivery.webhook import WebhookSpec

    return fill(WebhookSpec, entry, node=config.node, name=name)


def destination(entry: NotifyEntry, name: str) -> Destination:
    """Which alerts one `notify:` entry gets."""
    from surveil.alerts.recorder import Destination

    least = entry.min_severity.rank
    return Destination(
        name,
        rules=frozenset(entry.rules) or None,
        severities=frozenset(s for s in Severity if s.rank >= least),
        cameras=frozenset(entry.cameras) or None,
    )


def age_limits(section: AgeSection) -> AgeLimits:
    from surveil.alerts.retention import AgeLimits

    return fill(AgeLimits, section)


def file_limits(section: DiskLimits) -> FileLimits:
    from surveil.alerts.retention import FileLimits

    return fill(FileLimits, section, ages=age_limits(section))


def snapshots_changed(running: Config, wanted: Config) -> bool:
    """Whether anything about snapshots but their retention differs."""
    without = {"retention": running.snapshots.retention}
    return wanted.snapshots.model_copy(update=without) != running.snapshots


def store_path(state_dir: Path) -> Path:
    return state_dir / "alerts.db"


def journal_path(state_dir: Path) -> Path:
    return state_dir / "journal.db"
