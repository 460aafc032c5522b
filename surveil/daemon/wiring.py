"""config.yaml's models -> the plain values that the rooms take. The only place that knows both sides."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from surveil import rules as rooms_rules
from surveil.alerts.recorder import Destination
from surveil.capture import CameraSpec, DecodeMode, Transport
from surveil.config import Config
from surveil.config.cameras import Camera, Sampling
from surveil.config.mqtt import Mqtt, Tls
from surveil.config.notify import Destination as NotifyEntry
from surveil.config.rules import Rule, Window
from surveil.delivery.mqtt.discovery import CameraInfo
from surveil.delivery.mqtt.mqtt_session import MqttSpec, TlsSpec
from surveil.records import Region, Severity
from surveil.scheduling import CameraPlan, Gates


def zone(config: Config) -> ZoneInfo:
    """The zone that schedules and displayed times follow."""
    return ZoneInfo(config.timezone)


def camera_spec(camera: Camera, sampling: Sampling) -> CameraSpec:
    """What capture needs of one camera."""
    snapshot_source = camera.snapshot_source
    return CameraSpec(
        camera_id=camera.id,
        url=camera.source.get_secret_value(),
        transport=Transport(camera.transport),
        snapshot_url=snapshot_source.get_secret_value() if snapshot_source else None,
        decode=DecodeMode(camera.decode),
        interval_s=sampling.interval_s,
        hwaccel=camera.hwaccel,
        options={key: str(value) for key, value in camera.options.items()},
        rotate=camera.rotate,
        mask=camera.mask,
        regions=tuple(Region(region.id, *region.box) for region in camera.regions),
        stall_timeout_s=camera.stall_timeout_s,
        open_timeout_s=camera.open_timeout_s,
        read_timeout_s=camera.read_timeout_s,
        loop=camera.file.loop,
        pace=camera.file.pace == "live",
        poll_s=camera.poll_s,
        detect_frozen_s=camera.detect_frozen_s,
    )


def camera_specs(config: Config, enabled: Sequence[Camera]) -> list[CameraSpec]:
    return [camera_spec(camera, config.sampling_of(camera)) for camera in enabled]


def camera_plans(config: Config, enabled: Sequence[Camera]) -> list[CameraPlan]:
    """What the sampler needs."""
    return [_plan(camera, config.sampling_of(camera)) for camera in enabled]


def camera_infos(config: Config) -> list[CameraInfo]:
    """What subscribers see of all cameras, those switched off included."""
    return [
        CameraInfo(camera.id, camera.title, enabled=camera.enabled) for camera in config.cameras
    ]


def rule_specs(config: Config) -> list[rooms_rules.RuleSpec]:
    return [_rule_spec(rule, config.timezone) for rule in config.rules]


def event_types(config: Config) -> list[str]:
    """The slug of every armed rule, each once."""
    return list(dict.fromkeys(rule.slug for rule in config.rules if rule.enabled))


def mqtt_spec(config: Config, mqtt: Mqtt) -> MqttSpec:
    discovery = mqtt.homeassistant
    return MqttSpec(
        host=mqtt.host,
        node=config.node,
        port=mqtt.port or (8883 if mqtt.tls else 1883),
        topic_prefix=config.topic_prefix or "",
        client_id=mqtt.client_id or "",
        username=mqtt.username,
        password=mqtt.password.get_secret_value() if mqtt.password else None,
        tls=_tls_spec(mqtt.tls) if mqtt.tls else None,
        protocol=mqtt.protocol,
        keepalive_s=round(mqtt.keepalive_s),
        connect_timeout_s=mqtt.connect_timeout_s,
        max_in_flight=mqtt.max_inflight,
        max_queued=mqtt.max_queued,
        snapshots=config.snapshots.enabled and mqtt.snapshot_max_px > 0,
        snapshot_max_px=mqtt.snapshot_max_px,
        discovery_prefix=discovery.discovery_prefix if discovery.enabled else None,
    )


def route(entry: NotifyEntry, destination: str) -> Destination:
    """Which alerts one `notify:` entry gets."""
    least = entry.min_severity.rank
    return Destination(
        destination,
        rules=frozenset(entry.rules) or None,
        severities=frozenset(s for s in Severity if s.rank >= least),
        cameras=frozenset(entry.cameras) or None,
    )


def _plan(camera: Camera, sampling: Sampling) -> CameraPlan:
    return CameraPlan(
        camera_id=camera.id,
        interval_s=sampling.interval_s,
        max_interval_s=sampling.max_interval_s,
        gates=Gates(sampling.motion_area, sampling.duplicate_area),
        regions=tuple(Region(region.id, *region.box) for region in camera.regions),
    )


def _rule_spec(rule: Rule, local_zone: str) -> rooms_rules.RuleSpec:
    return rooms_rules.RuleSpec(
        rule_id=rule.rule_id,
        patterns=rule.patterns,
        all_of=rule.all_of,
        unless=rule.unless,
        regex=rule.regex,
        cameras=rule.cameras,
        severity=rule.severity,
        event_type=rule.slug,
        schedule=tuple(_schedule(window, local_zone) for window in rule.schedule),
        min_confidence=rule.min_confidence,
        confirm=rooms_rules.Confirm(rule.confirm.hits, rule.confirm.of),
        for_s=rule.for_s,
        cooldown_s=rule.cooldown_s,
        enabled=rule.enabled,
    )


def _schedule(window: Window, local_zone: str) -> rooms_rules.Schedule:
    return rooms_rules.Schedule(
        start=window.from_time,
        end=window.to_time,
        days=window.days,
        time_zone=window.timezone or local_zone,
    )


def _tls_spec(tls: Tls) -> TlsSpec:
    return TlsSpec(
        ca=tls.ca,
        certificate=tls.cert,
        key=tls.key,
        key_password=tls.key_password.get_secret_value() if tls.key_password else None,
        insecure=not tls.verify,
    )


def snapshots_changed(running: Config, wanted: Config) -> bool:
    """Whether anything about snapshots but their retention differs."""
    without = {"retention": running.snapshots.retention}
    return wanted.snapshots.model_copy(update=without) != running.snapshots


def prompts(config: Config) -> dict[str, str | None]:
    """camera_id -> what its captions begin with."""
    return {camera.id: config.prompt_of(camera) for camera in config.cameras}


def store_path(state_dir: Path) -> Path:
    return state_dir / "alerts.db"


def journal_path(state_dir: Path) -> Path:
    return state_dir / "journal.db"
