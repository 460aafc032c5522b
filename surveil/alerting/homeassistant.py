"""Home Assistant's device discovery: one retained message makes one device with five entities of each camera.

Field names are those of Home Assistant's documentation of MQTT discovery; tests validate them with its own schemas.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from surveil import __version__
from surveil.alerting.payloads import encode
from surveil.alerting.topics import Topics

SUPPORT_URL = "https://github.com/surveil/surveil"
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
    return encode(
        {
            "dev": device,
            "o": {"name": "Surveil", "sw": __version__, "url": SUPPORT_URL},
            "cmps": _components(camera, topics, event_types),
            "qos": 1,
        }
    )


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
    components: dict[str, dict[str, Any]] = {
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
        "enabled": {
            "p": "switch",
            "name": "Enabled",
            "stat_t": topic("enabled/state"),
            "cmd_t": topic("enabled/set"),
            "ic": "mdi:eye",
            "ent_cat": "config",
            "avty": [node],
        },
    }
    slug = f"{topics.node}_{camera.camera_id}".replace("-", "_")
    for key, component in components.items():
        component["uniq_id"] = f"{topics.device_id(camera.camera_id)}--{key}"
        component["def_ent_id"] = f"{component['p']}.{slug}_{key}"
    return components
