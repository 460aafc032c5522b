"""Hands on what the alerts thread saw to everyone who asked for it."""

from __future__ import annotations

from surveil.records import Alert, Caption, Unchanged
from surveil.rules import Incident, IncidentChange


class Receiver:
    """Base of who wants to know; overrides what it wants. Alerts thread only; nothing in it may block on a network."""

    def on_caption(self, caption: Caption) -> None:
        """A camera was captioned."""

    def on_unchanged(self, unchanged: Unchanged) -> None:
        """A camera was looked at, and nothing had changed."""

    def on_alert(self, alert: Alert, caption: Caption) -> None:
        """An alert is on the disk, or held until it is."""

    def on_incident_change(self, change: IncidentChange) -> None:
        """An incident opened, was hit again, or ended."""

    def on_open_incidents(self, camera_id: str, incidents: tuple[Incident, ...]) -> None:
        """The camera's open incidents changed; none when it is quiet again."""

    def on_tick(self) -> None:
        """About once a second."""


class EventFanout(Receiver):
    """One receiver made of many, told in the order in which they were added."""

    def __init__(self) -> None:
        self._receivers: list[Receiver] = []

    def add(self, receiver: Receiver) -> None:
        """Main thread, before the alerts thread starts."""
        self._receivers.append(receiver)

    def on_caption(self, caption: Caption) -> None:
        for receiver in self._receivers:
            receiver.on_caption(caption)

    def on_unchanged(self, unchanged: Unchanged) -> None:
        for receiver in self._receivers:
            receiver.on_unchanged(unchanged)

    def on_alert(self, alert: Alert, caption: Caption) -> None:
        for receiver in self._receivers:
            receiver.on_alert(alert, caption)

    def on_incident_change(self, change: IncidentChange) -> None:
        for receiver in self._receivers:
            receiver.on_incident_change(change)

    def on_open_incidents(self, camera_id: str, incidents: tuple[Incident, ...]) -> None:
        for receiver in self._receivers:
            receiver.on_open_incidents(camera_id, incidents)

    def on_tick(self) -> None:
        for receiver in self._receivers:
            receiver.on_tick()
