"""What a destination is handed by the store, and the names under which it says "got it"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from surveil.records import Alert

MQTT = "mqtt"
"""The destination that MqttDelivery serves."""

Kind = Literal["alert", "clip"]


class Receipt(NamedTuple):
    """Names one delivery to one destination."""

    alert_id: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Clip:
    """The video that follows an alert, or why there is none."""

    path: str | None = None
    """Relative to the snapshot folder, with forward slashes."""
    seconds: float | None = None
    reason: str | None = None
    """Why there is none, or what may keep it from being played."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One thing that waits for one destination."""

    alert: Alert
    store_id: str
    """The store that numbered the alert."""
    kind: Kind = "alert"
    clip: Clip | None = None

    @property
    def receipt(self) -> Receipt:
        return Receipt(self.alert.alert_id, self.kind)


@dataclass(frozen=True, slots=True)
class Gap:
    """Alerts of one camera that a destination will not get by itself."""

    gap_id: int
    """Negative while it is held in memory only."""
    store_id: str
    camera_id: str
    first: int
    last: int
    reason: str
    """`expired`, `evicted`, `refused: ...`, `not kept`."""
