"""The whole configuration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, StringConstraints

from surveil.config.alerts import Alerts, Journal, Snapshots, off_or_section
from surveil.config.cameras import Camera, Sampling, interval_contradictions
from surveil.config.captioner import Captioner
from surveil.config.host import host_node
from surveil.config.mqtt import Mqtt
from surveil.config.node import Canary, Http, Log, Memory
from surveil.config.notify import Notify
from surveil.config.problems import did_you_mean
from surveil.config.rules import Rule, TimeZone
from surveil.fields import (
    NODE_ID,
    Allowed,
    Contradiction,
    OneOrMany,
    OrSwitch,
    Phrase,
    RelativePath,
    Section,
    Switch,
    many,
)

NodeId = Annotated[str, StringConstraints(pattern=NODE_ID), Allowed("1 to 63 of a-z, 0-9 and -")]
Synonyms = Annotated[tuple[Phrase, ...], BeforeValidator(many), OneOrMany(), Field(min_length=1)]


PLACEHOLDER = "placeholder-"
"""Begins the ids that stand in for wrong ones while the rest of a file is judged."""


class Config(Section):
    """All of config.yaml. Relative paths start at the file's folder."""

    node: NodeId = Field(
        default_factory=host_node,
        description="Names this machine in topics; by default made from the host name.",
        examples=["edge-01"],
    )
    timezone: TimeZone = Field(
        default="UTC",
        description="For schedules; by default the machine's.",
        examples=["Europe/Berlin"],
    )
    state_dir: RelativePath = Field(
        default=Path("state"),
        description="Databases and snapshots. By default $STATE_DIRECTORY, else `state` beside the config.",
        examples=["/var/lib/surveil"],
    )
    watch: Switch = Field(
        default=False,
        description="Whether a saved change takes effect by itself; SIGHUP always works.",
    )
    log: Log = Field(default=Log(), description="What is logged, and how.")
    memory: Memory = Field(default=Memory(), description="Caps of what is held in memory.")
    sampling: Sampling = Field(default=Sampling(), description="Which frames are worth a caption.")
    captioner: Captioner = Field(
        default=Captioner(), description="The engine that writes the sentences."
    )
    cameras: tuple[Camera, ...] = Field(default=(), max_length=256, description="What is watched.")
    rules: tuple[Rule, ...] = Field(
        default=(), max_length=1000, description="Which sentences become an alert."
    )
    synonyms: dict[Phrase, Synonyms] = Field(
        default_factory=dict,
        description="Words that mean a word of your patterns, beside those that the lexicon knows.",
        examples=[{"forklift": ["stacker", "pallet truck"]}],
    )
    mqtt: Mqtt | None = Field(default=None, description="The broker that alerts and states go to.")
    alerts: Alerts = Field(default=Alerts(), description="How long alerts wait and are kept.")
    snapshots: Annotated[Snapshots, BeforeValidator(off_or_section), OrSwitch()] = Field(
        default=Snapshots(), description="The pictures of alerts; `off`, or a section."
    )
    journal: Annotated[Journal, BeforeValidator(off_or_section), OrSwitch()] = Field(
        default=Journal(), description="Every caption, searchable; `off`, or a section."
    )
    notify: tuple[Notify, ...] = Field(default=(), description="Ways out beside MQTT.")
    http: Http = Field(default=Http(), description="Health and metrics for this machine.")
    canary: Annotated[Canary, BeforeValidator(off_or_section), OrSwitch()] = Field(
        default=Canary(), description="The hourly proof; `off`, or a section."
    )

    @property
    def topic_prefix(self) -> str | None:
        """`mqtt.topic_prefix` with the node's name in it."""
        return None if self.mqtt is None else self.mqtt.topic_prefix.replace("{node}", self.node)

    @property
    def snapshots_dir(self) -> Path:
        """Where pictures and clips go."""
        return self.snapshots.folder or self.state_dir / "snapshots"

    def sampling_of(self, camera: Camera) -> Sampling:
        """`sampling` with the camera's own values in place."""
        own = {
            "interval_s": camera.interval_s,
            "max_interval_s": self._max_interval_s(camera),
            "motion_area": camera.motion_area,
            "duplicate_area": camera.duplicate_area,
        }
        update = {
            key: None if value == "off" else value
            for key, value in own.items()
            if value is not None
        }
        return self.sampling.model_copy(update=update)

    def prompt_of(self, camera: Camera) -> str | None:
        """The camera's own prompt, or the captioner's."""
        return camera.prompt or self.captioner.prompt

    def _max_interval_s(self, camera: Camera) -> float | None:
        """An interval longer than the general max_interval takes it along, unless the camera names one itself."""
        if camera.max_interval_s is None and camera.interval_s is not None:
            return max(camera.interval_s, self.sampling.max_interval_s)
        return camera.max_interval_s

    def contradictions(self) -> Iterator[Contradiction]:
        yield from _repeated("cameras", "id", [camera.id for camera in self.cameras])
        yield from _repeated("rules", "id", [rule.rule_id for rule in self.rules])
        yield from _repeated_slugs(self.rules)
        yield from _repeated("notify", "id", [entry.id or entry.type for entry in self.notify])
        yield from self._unknown_names()
        for index, camera in enumerate(self.cameras):
            merged = self.sampling_of(camera)
            for found in interval_contradictions(merged.interval_s, merged.max_interval_s):
                key = "interval" if camera.interval_s is not None else "max_interval"
                yield Contradiction(("cameras", index, key), found.text)

    def _unknown_names(self) -> Iterator[Contradiction]:
        cameras = [camera.id for camera in self.cameras]
        rules = [rule.rule_id for rule in self.rules]
        for list_key, entries in (("rules", self.rules), ("notify", self.notify)):
            for index, entry in enumerate(entries):
                yield from _unknown("camera", entry.cameras, cameras, (list_key, index, "cameras"))
        for index, entry in enumerate(self.notify):
            named = getattr(entry, "rules", ())
            yield from _unknown("rule", named, rules, ("notify", index, "rules"))
        for section in ("alerts", "snapshots"):
            named = tuple(getattr(self, section).retention.by_camera)
            where = (section, "retention", "by_camera")
            for name in named:
                if name not in cameras:
                    yield Contradiction((*where, name), unknown_name("camera", name, cameras), name)


def unknown_name(kind: str, name: str, known: Sequence[str]) -> str:
    """The sentence for a camera or rule that is not there."""
    known = [one for one in known if not one.startswith(PLACEHOLDER)]
    there = ", ".join(known[:12]) + (" ..." if len(known) > 12 else "")
    return f"no {kind} is called {name}; there are: {there or 'none'}{did_you_mean(name, known)}"


def _unknown(
    kind: str, named: Sequence[str], known: Sequence[str], where: tuple[Any, ...]
) -> Iterator[Contradiction]:
    for index, name in enumerate(named):
        if name not in known:
            yield Contradiction((*where, index), unknown_name(kind, name, known), name)


def _repeated(section: str, key: str, names: Sequence[str]) -> Iterator[Contradiction]:
    for index, name in enumerate(names):
        first = names.index(name)
        if first < index:
            text = f"{name} is taken by {section}[{first}]: give this one another {key}:"
            yield Contradiction((section, index, key), text, name)


def _repeated_slugs(rules: Sequence[Rule]) -> Iterator[Contradiction]:
    """Rules of one slug; those of one id too were told already."""
    ids, slugs = [rule.rule_id for rule in rules], [rule.slug for rule in rules]
    for found in _repeated("rules", "event_type", slugs):
        index = int(found.where[1])
        if ids[index] != ids[slugs.index(slugs[index])] and not ids[index].startswith(PLACEHOLDER):
            yield found
