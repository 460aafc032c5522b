"""Warnings: what is allowed, and probably not what was meant."""

from __future__ import annotations

from collections.abc import Iterator

from surveil.captioning.registry import clamped_settings
from surveil.config.cameras import Camera
from surveil.config.deadlines import deadlines_of
from surveil.config.model import Config
from surveil.config.problems import Loc
from surveil.config.rules import Rule
from surveil.scalars import format_duration

Advice = tuple[Loc, str]


def advice(config: Config) -> Iterator[Advice]:
    """(place, sentence) of everything that looks odd in a valid configuration."""
    yield from _nothing_to_do(config)
    for index, rule in enumerate(config.rules):
        if rule.enabled:
            yield from _about_rule(config, rule, ("rules", index))
    for text in clamped_settings(config.captioner.specs()[0]):
        yield ("captioner",), text
    yield from _about_evidence(config)
    yield from _same_address(config)
    yield from _about_deadlines(config)
    if config.mqtt is not None and config.mqtt.tls is not None and not config.mqtt.tls.verify:
        yield ("mqtt", "tls", "verify"), "is off: whoever sits in between can read and forge alerts"


def _nothing_to_do(config: Config) -> Iterator[Advice]:
    if not any(camera.enabled for camera in config.cameras):
        yield ("cameras",), "no camera is enabled, so nothing is watched"
    if not any(rule.enabled for rule in config.rules):
        yield ("rules",), "no rule is enabled, so nothing becomes an alert"
    if config.mqtt is None and not any(entry.enabled for entry in config.notify):
        yield (), "neither mqtt: nor notify: is there, so alerts only wait on disk"


def _about_rule(config: Config, rule: Rule, loc: Loc) -> Iterator[Advice]:
    watched = [
        camera
        for camera in config.cameras
        if camera.enabled and (not rule.cameras or camera.id in rule.cameras)
    ]
    if rule.cameras and not watched:
        yield (
            (*loc, "cameras"),
            f"none of the cameras of rule {rule.rule_id} is enabled: it never alerts",
        )
    if rule.min_confidence is not None and not config.captioner.kind.gives_confidence:
        yield (*loc, "min_confidence"), _no_confidence(config)
    for camera in watched:
        yield from _about_cooldown(config, rule, camera, loc)


def _no_confidence(config: Config) -> str:
    fallback = config.captioner.fallback
    when = (
        "it alerts"
        if fallback is None or not fallback.kind.gives_confidence
        else "outside the fallback it alerts"
    )
    return (
        f"the {config.captioner.engine} engine gives no confidence, so {when} never: "
        "remove min_confidence or choose another engine"
    )


def _about_cooldown(config: Config, rule: Rule, camera: Camera, loc: Loc) -> Iterator[Advice]:
    interval_s = config.sampling_of(camera).interval_s
    if rule.cooldown_s < interval_s:
        yield (
            (*loc, "cooldown"),
            f"{format_duration(rule.cooldown_s)} is shorter than the interval of {camera.id}, "
            f"{format_duration(interval_s)}: every match becomes an alert of its own",
        )
    if rule.for_s is not None and rule.for_s < interval_s:
        yield (
            (*loc, "for"),
            f"{format_duration(rule.for_s)} is shorter than the interval of {camera.id}, "
            f"{format_duration(interval_s)}: a single look confirms it",
        )


def _about_evidence(config: Config) -> Iterator[Advice]:
    if config.snapshots.evidence is None:
        return
    if not config.snapshots.enabled:
        yield ("snapshots", "evidence"), "has no effect while snapshots are off"
        return
    for index, camera in enumerate(config.cameras):
        if camera.mask:
            yield (
                ("cameras", index, "mask"),
                f"{camera.id} gets no evidence clips: they would show what is masked",
            )


def _about_deadlines(config: Config) -> Iterator[Advice]:
    for index, camera in enumerate(config.cameras):
        for key, what in deadlines_of(camera, config.sampling_of(camera)).clamped.items():
            yield ("cameras", index, key), what


def _same_address(config: Config) -> Iterator[Advice]:
    first: dict[str, str] = {}
    for index, camera in enumerate(config.cameras):
        url = camera.url.get_secret_value()
        if url in first:
            text = f"{camera.id} has the same address as {first[url]}: one camera with regions: costs half"
            yield ("cameras", index, "url"), text
        first.setdefault(url, camera.id)
