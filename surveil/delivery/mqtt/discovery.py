"""Cameras introduced to subscribers, and cleared when they leave; Home Assistant's device discovery among it.

One retained message makes one device with five entities of each camera, and one a device of the node itself.

Field names are those of Home Assistant's documentation of MQTT discovery; tests validate them with its own schemas.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from surveil import __version__
from surveil.delivery import payloads
from surveil.delivery.delivery_queue import RetainedLedger
from surveil.delivery.mqtt.topics import Message, RetainedTopics, Topics
from surveil.delivery.payloads import encode

SUPPORT_URL = "https://github.com/surveil/surveil"
FORMER = "(former)"
"""Ends the ledger's key of what a camera or the node no longer retains."""
_NODE_TEMPLATE = "{{ 'online' if value == 'online' else 'offline' }}"
_CAMERA_TEMPLATE = "{{ 'online' if value in ['online', 'degraded', 'disabled'] else 'offline' }}"


@dataclass(frozen=True, slots=True)
class CameraInfo:
    """What subscribers see of a camera beside its states."""

    camera_id: str
    name: str
    area: str | None = None
    """Home Assistant's suggested area: `Garden`."""
    enabled: bool = True
    """Whether it is watched until somebody switches it."""


def discovery_payload(camera: CameraInfo, topics: Topics, event_types: Sequence[str]) -> bytes:
    """Retained on `topics.discovery(camera_id)`; an empty payload there removes the device."""
    device_id = topics.device_id(camera.camera_id)
    device: dict[str, Any] = {
        "ids": [device_id],
        "name": camera.name,
        "mf": "Surveil",
        "mdl": "Camera described in words",
        "sw": __version__,
    }
    if camera.area:
        device["sa"] = camera.area
    return _announcement(device, _components(camera, topics, event_types))


def node_payload(topics: Topics, *, canary: bool) -> bytes:
    """Retained on `topics.node_discovery`: what is wrong with the node, in a device of its own."""
    device = {
        "ids": [topics.node_device_id],
        "name": f"Surveil {topics.node}",
        "mf": "Surveil",
        "mdl": "Node that describes cameras in words",
        "sw": __version__,
    }
    components = _node_entities(topics)
    if not canary:
        del components["canary"]
    for key, component in components.items():
        component["avty"] = [{"t": topics.of_node("status"), "val_tpl": _NODE_TEMPLATE}]
        _name(component, key, device_id=topics.node_device_id, slug=topics.node)
    return _announcement(device, components)


def _announcement(device: Mapping[str, Any], components: Mapping[str, Any]) -> bytes:
    origin = {"name": "Surveil", "sw": __version__, "url": SUPPORT_URL}
    return encode({"dev": device, "o": origin, "cmps": components, "qos": 1})


def _name(component: dict[str, Any], key: str, *, device_id: str, slug: str) -> None:
    component["uniq_id"] = f"{device_id}--{key}"
    component["def_ent_id"] = f"{component['p']}.{slug}_{key}".replace("-", "_")


def _node_entities(topics: Topics) -> dict[str, dict[str, Any]]:
    health, canary, stats = map(topics.of_node, ("health", "canary", "stats"))
    return {
        "problem": {
            "p": "binary_sensor",
            "name": "Problem",
            "dev_cla": "problem",
            "stat_t": health,
            "val_tpl": "{{ 'ON' if value_json.problems else 'OFF' }}",
            "json_attr_t": health,
        },
        "canary": {
            "p": "binary_sensor",
            "name": "Canary",
            "dev_cla": "problem",
            "stat_t": canary,
            "val_tpl": "{{ 'OFF' if value_json.passed else 'ON' }}",
            "json_attr_t": canary,
            "ent_cat": "diagnostic",
        },
        "unwatched": {
            "p": "sensor",
            "name": "Unwatched",
            "dev_cla": "duration",
            "unit_of_meas": "s",
            "stat_cla": "total_increasing",
            "stat_t": stats,
            "val_tpl": "{{ value_json.unwatched_s.values() | sum | round(1) }}",
            "json_attr_t": stats,
            "json_attr_tpl": "{{ value_json.unwatched_s | tojson }}",
            "ent_cat": "diagnostic",
        },
    }


def _components(
    camera: CameraInfo, topics: Topics, event_types: Sequence[str]
) -> dict[str, dict[str, Any]]:
    def topic(leaf: str) -> str:
        return topics.of_camera(camera.camera_id, leaf)

    node = {"t": topics.of_node("status"), "val_tpl": _NODE_TEMPLATE}
    both = {
        "avty": [node, {"t": topic("status"), "val_tpl": _CAMERA_TEMPLATE}],
        "avty_mode": "all",
    }
    components = _entities(topic, event_types, node=node, both=both)
    slug, device_id = f"{topics.node}_{camera.camera_id}", topics.device_id(camera.camera_id)
    for key, component in components.items():
        _name(component, key, device_id=device_id, slug=slug)
    return components


def _entities(
    topic: Callable[[str], str],
    event_types: Sequence[str],
    *,
    node: Mapping[str, str],
    both: Mapping[str, Any],
) -> dict[str, dict[str, Any]]:
    """`node`: availability of the node alone. `both`: of node and camera."""
    return {
        "alert": {
            "p": "event",
            "name": "Alert",
            "stat_t": topic("alert"),
            "evt_typ": sorted(set(event_types)),
            "ic": "mdi:cctv",
            **both,
        },
        "abnormal": {
            "p": "binary_sensor",
            "name": "Abnormal",
            "dev_cla": "safety",
            "stat_t": topic("abnormal"),
            "json_attr_t": topic("abnormal/attributes"),
            **both,
        },
        "caption": {
            "p": "sensor",
            "name": "Caption",
            "stat_t": topic("caption"),
            # A state longer than 255 characters is refused by Home Assistant; the attribute has all of it.
            "val_tpl": "{{ value_json.text[:255] }}",
            "json_attr_t": topic("caption"),
            "ic": "mdi:text-recognition",
            **both,
        },
        "snapshot": {
            "p": "image",
            "name": "Snapshot",
            "img_t": topic("snapshot"),
            "cont_type": "image/jpeg",
            **both,
        },
        "enabled": _enabled_switch(topic, node),
    }


def _enabled_switch(topic: Callable[[str], str], node: Mapping[str, str]) -> dict[str, Any]:
    """Available while the node is: a camera that is off can be switched on."""
    return {
        "p": "switch",
        "name": "Enabled",
        "stat_t": topic("enabled/state"),
        "cmd_t": topic("enabled/set"),
        "ic": "mdi:eye",
        "ent_cat": "config",
        "avty": [node],
    }


class DiscoveryAnnouncer:
    """`set_*` and `knows` from any thread; `refresh` in the delivery thread."""

    def __init__(
        self,
        ledger: RetainedLedger,
        retained: RetainedTopics,
        topics: Topics,
        *,
        pictures: bool,
        canary: bool,
    ) -> None:
        """`pictures`: snapshots are sent. `canary`: proofs are."""
        self.changed = False
        """`refresh` has something to do."""
        self._ledger = ledger
        self._retained = retained
        self._topics = topics
        self._pictures = pictures
        self._canary = canary
        self._cameras: dict[str, CameraInfo] | None = None
        self._event_types: tuple[str, ...] = ()

    def set_cameras(self, infos: Sequence[CameraInfo]) -> None:
        self._cameras = {info.camera_id: info for info in infos}
        self.changed = True

    def set_event_types(self, event_types: Sequence[str]) -> None:
        self._event_types = tuple(event_types)
        self.changed = True

    def knows(self, camera_id: str) -> bool:
        return camera_id in (self._cameras or {})

    def camera_ids(self) -> list[str]:
        return list(self._cameras or {})

    def refresh(self) -> None:
        """Introduce who is there, clear who has left. Until cameras were set, nobody has left."""
        self.changed = False
        if self._cameras is None:
            return
        self._remember(self._topics.prefix, self._topics.retained_of_node())
        node_discovery = self._topics.node_discovery
        if node_discovery is not None:
            payload = node_payload(self._topics, canary=self._canary)
            self._retained.set(Message(node_discovery, payload))
        cameras = dict(self._cameras)
        for camera in cameras.values():
            self._announce(camera)
        keys = {self._topics.prefix, *(self._key(camera_id) for camera_id in cameras)}
        in_use = {topic for camera_id in cameras for topic in self._topics.retained(camera_id)}
        in_use |= set(self._topics.retained_of_node())
        for key, details in self._ledger.announced().items():
            if key not in keys:
                # Discovery topics do not hold the prefix: under another one they are the same, and stay.
                self._clear(key, [topic for topic in details["topics"] if topic not in in_use])

    def _announce(self, camera: CameraInfo) -> None:
        camera_id = camera.camera_id
        self._remember(self._key(camera_id), self._topics.retained(camera_id))
        enabled = self._ledger.enabled(camera_id, default=camera.enabled)
        # What an earlier run left at the broker may be wrong by now; these are true until the rooms have spoken.
        for leaf, payload in (
            ("status", b"offline"),
            ("status/attributes", payloads.unknown_attributes()),
            ("enabled/state", b"ON" if enabled else b"OFF"),
            ("abnormal", b"OFF"),
            ("abnormal/attributes", payloads.nothing_abnormal()),
        ):
            self._retained.set_default(Message(self._topics.of_camera(camera_id, leaf), payload))
        if not self._pictures:  # an earlier run with pictures may have left one
            self._retained.set(Message(self._topics.of_camera(camera_id, "snapshot"), b""))
        discovery = self._topics.discovery(camera_id)
        if discovery is not None:
            payload = discovery_payload(camera, self._topics, self._event_types)
            self._retained.set(Message(discovery, payload))

    def _remember(self, key: str, topics: list[str]) -> None:
        """What must be cleared one day. What was announced before and is no more, as where discovery was switched off,
        gets a key of its own that nobody is behind, so that it is cleared now."""
        known = self._ledger.announced()
        left = [topic for topic in known.get(key, {}).get("topics", ()) if topic not in topics]
        if left:
            former = f"{key} {FORMER}"
            before = known.get(former, {}).get("topics", ())
            self._ledger.announce(former, {"topics": [*before, *left]})
        self._ledger.announce(key, {"topics": topics})

    def _clear(self, key: str, topics: list[str]) -> None:
        """Empty retained messages; forgotten when the broker has the last of them."""
        if not topics:
            self._ledger.forget(key)
        for topic in topics:
            self._retained.remove(topic)
            self._retained.send_once(Message(topic, b"", note=key if topic == topics[-1] else None))

    def _key(self, camera_id: str) -> str:
        return f"{self._topics.prefix}/{camera_id}"
