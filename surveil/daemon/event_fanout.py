"""Tells everyone who wants to know what the alerts thread saw: MQTT, the journal, the metrics, the capture room."""

from __future__ import annotations

from collections.abc import Sequence
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

FLUSH_NS = ns(5.0)
DETAIL_S = 20.0
"""How long every frame of a camera is decoded after something was seen on it; each new hit starts it again."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a camera has given since the start."""

    captions_total: int = 0
    alerts_total: int = 0
    caption: str | None = None
    caption_unix_ms: int | None = None
    active_rules: tuple[str, ...] = ()


class EventFanout:
    """Alerts thread only, but `seen`. Nothing here waits for a network or a disk, but the journal's flush every 5 s."""

    def __init__(
        self,
        *,
        mqtt: MqttDelivery | None,
        describers: Sequence[Describer],
        journal: Journal | None,
        capture: CaptureSupervisor,
        clips: ClipMaker | None,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._mqtt = mqtt
        self._describers = describers
        self._journal = journal
        self._capture = capture
        self._clips = clips
        self._metrics = metrics
        self._clock = clock
        self._next_flush_ns = 0
        self._seen: dict[str, Seen] = {}

    def seen(self, camera_id: str) -> Seen:
        """Any thread."""
        return self._seen.get(camera_id, Seen())

    def on_caption(self, caption: Caption) -> None:
        self._count(caption)
        if self._journal is not None:
            self._journal.add(caption)
        if self._mqtt is not None:
            self._mqtt.set_caption(caption)
        for describer in self._describers:
            describer.set_caption(caption)

    def on_unchanged(self, unchanged: Unchanged) -> None:
        self._metrics.unchanged(unchanged.frame.camera_id)

    def on_alert(self, alert: Alert, caption: Caption) -> None:
        self._metrics.alert(alert.camera_id, rule_id=alert.rule_id, severity=alert.severity)
        seen = self.seen(alert.camera_id)
        self._seen[alert.camera_id] = replace(seen, alerts_total=seen.alerts_total + 1)
        if self._journal is not None:
            self._journal.add_alert(alert)
        if self._clips is not None:
            self._clips.request(alert, caption.frame.captured_mono_ns)

    def on_incident_change(self, change: IncidentChange) -> None:
        if change.kind is not ChangeKind.ENDED:
            self._metrics.match(change.incident.rule.rule_id)
            self._capture.decode_all_for(change.incident.camera_id, DETAIL_S)

    def on_abnormal(self, camera_id: str, incidents: tuple[Incident, ...]) -> None:
        rules = tuple(incident.rule.rule_id for incident in incidents)
        self._seen[camera_id] = replace(self.seen(camera_id), active_rules=rules)
        if self._mqtt is None:
            return
        last = incidents[-1].evidence if incidents else ()
        self._mqtt.set_abnormal(
            camera_id,
            rules,
            since_unix_ms=min((i.started_unix_ms for i in incidents), default=None),
            hits=sum(incident.hits for incident in incidents),
            last_caption=last[-1].caption if last else None,
        )

    def tick(self) -> None:
        now_ns = self._clock.monotonic_ns()
        if self._journal is not None and now_ns >= self._next_flush_ns:
            self._next_flush_ns = now_ns + FLUSH_NS
            self._journal.flush()

    def close(self) -> None:
        """Write what is left. After the alerts thread has ended."""
        if self._journal is not None:
            self._journal.flush()

    def _count(self, caption: Caption) -> None:
        frame = caption.frame
        self._metrics.caption(
            frame.camera_id,
            batch_size=caption.batch_size,
            waited_s=caption.waited_ms / 1000,
            inferred_s=caption.inferred_ms / 1000,
            age_s=(caption.done_mono_ns - frame.captured_mono_ns) / NS_PER_S,
        )
        seen = self.seen(frame.camera_id)
        self._seen[frame.camera_id] = replace(
            seen,
            captions_total=seen.captions_total + 1,
            caption=caption.text,
            caption_unix_ms=frame.captured_unix_ms,
        )
