"""Hands on what the alerts thread saw to everyone who asked for it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from surveil.alerts.clip_maker import ClipMaker
from surveil.api.metrics import Metrics
from surveil.capture import CaptureSupervisor
from surveil.clock import NS_PER_S, Clock, ns
from surveil.delivery.mqtt.mqtt_delivery import MqttDelivery
from surveil.delivery.speech import Describer
from surveil.journal.journal_store import Journal
from surveil.records import Alert, Caption, Unchanged
from surveil.rules import ChangeKind, Incident, IncidentChange


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


FLUSH_NS = ns(5.0)
DETAIL_S = 20.0
"""How long every frame of a camera is decoded after something was seen on it; each new hit starts it again."""


@dataclass(frozen=True, slots=True)
class Activity:
    """What a camera has given since the start."""

    captions_total: int = 0
    alerts_total: int = 0
    last_caption: str | None = None
    last_caption_unix_ms: int | None = None
    active_rules: tuple[str, ...] = ()


class CameraActivity(Receiver):
    """Counts per camera. `of` from any thread."""

    def __init__(self) -> None:
        self._cameras: dict[str, Activity] = {}

    def of(self, camera_id: str) -> Activity:
        return self._cameras.get(camera_id, Activity())

    def on_caption(self, caption: Caption) -> None:
        frame = caption.frame
        known = self.of(frame.camera_id)
        self._cameras[frame.camera_id] = replace(
            known,
            captions_total=known.captions_total + 1,
            last_caption=caption.text,
            last_caption_unix_ms=frame.captured_unix_ms,
        )

    def on_alert(self, alert: Alert, caption: Caption) -> None:
        known = self.of(alert.camera_id)
        self._cameras[alert.camera_id] = replace(known, alerts_total=known.alerts_total + 1)

    def on_open_incidents(self, camera_id: str, incidents: tuple[Incident, ...]) -> None:
        self._cameras[camera_id] = replace(self.of(camera_id), active_rules=_rules(incidents))


class ToMetrics(Receiver):
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def on_caption(self, caption: Caption) -> None:
        frame = caption.frame
        self._metrics.caption(
            frame.camera_id,
            batch_size=caption.batch_size,
            waited_s=caption.waited_ms / 1000,
            inferred_s=caption.inferred_ms / 1000,
            age_s=(caption.done_mono_ns - frame.captured_mono_ns) / NS_PER_S,
        )

    def on_unchanged(self, unchanged: Unchanged) -> None:
        self._metrics.unchanged(unchanged.frame.camera_id)

    def on_alert(self, alert: Alert, caption: Caption) -> None:
        self._metrics.alert(alert.camera_id, rule_id=alert.rule_id, severity=alert.severity)

    def on_incident_change(self, change: IncidentChange) -> None:
        if change.kind is not ChangeKind.ENDED:
            self._metrics.match(change.incident.rule.rule_id)


class ToJournal(Receiver):
    """Memory at once, the disk every 5 s: the one receiver that may wait for a disk."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._next_flush_ns = 0

    def on_caption(self, caption: Caption) -> None:
        self._journal.add(caption)

    def on_alert(self, alert: Alert, caption: Caption) -> None:
        self._journal.add_alert(alert)

    def on_tick(self) -> None:
        now_ns = self._clock.monotonic_ns()
        if now_ns >= self._next_flush_ns:
            self._next_flush_ns = now_ns + FLUSH_NS
            self._journal.flush()


class ToMqtt(Receiver):
    """The states that subscribers see beside the alerts themselves."""

    def __init__(self, mqtt: MqttDelivery) -> None:
        self._mqtt = mqtt

    def on_caption(self, caption: Caption) -> None:
        self._mqtt.set_caption(caption)

    def on_open_incidents(self, camera_id: str, incidents: tuple[Incident, ...]) -> None:
        last = incidents[-1].evidence if incidents else ()
        self._mqtt.set_abnormal(
            camera_id,
            _rules(incidents),
            since_unix_ms=min((i.started_unix_ms for i in incidents), default=None),
            hits=sum(incident.hits for incident in incidents),
            last_caption=last[-1].caption if last else None,
        )


class ToDescriber(Receiver):
    """The newest caption, to be spoken when its turn comes."""

    def __init__(self, describer: Describer) -> None:
        self._describer = describer

    def on_caption(self, caption: Caption) -> None:
        self._describer.set_caption(caption)


class ToClips(Receiver):
    """Every alert asks for its clip."""

    def __init__(self, clips: ClipMaker) -> None:
        self._clips = clips

    def on_alert(self, alert: Alert, caption: Caption) -> None:
        self._clips.request(alert, caption.frame.captured_mono_ns)


class ToCapture(Receiver):
    """A camera on which something was seen is decoded whole for a while."""

    def __init__(self, capture: CaptureSupervisor) -> None:
        self._capture = capture

    def on_incident_change(self, change: IncidentChange) -> None:
        if change.kind is not ChangeKind.ENDED:
            self._capture.decode_all_for(change.incident.camera_id, DETAIL_S)


def _rules(incidents: tuple[Incident, ...]) -> tuple[str, ...]:
    return tuple(incident.rule.rule_id for incident in incidents)
