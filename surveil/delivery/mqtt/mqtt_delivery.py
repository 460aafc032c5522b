"""The delivery thread that speaks MQTT: alerts from their queue, and the newest value of each retained topic.

A session is made afresh for each connection. What was not acknowledged is sent again from the database before anything
new, in order of commit, so the order of each camera's alerts holds over any outage.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from typing import Any

from surveil.clock import Clock, ns
from surveil.delivery import payloads
from surveil.delivery.delivery_queue import ReplayQueue, RetainedLedger, SnapshotFiles
from surveil.delivery.mqtt.discovery import CameraInfo, DiscoveryAnnouncer
from surveil.delivery.mqtt.mqtt_connection import COMPONENT, MqttConnection
from surveil.delivery.mqtt.mqtt_publisher import RECEIPTS_A_COMMIT, MqttPublisher, NewestSnapshots
from surveil.delivery.mqtt.mqtt_session import Connected, Event, Lost, MqttSpec, Published, Received
from surveil.delivery.mqtt.topics import (
    Command,
    Message,
    Replay,
    RetainedTopics,
    Topics,
    shown_payload,
    shown_topic,
)
from surveil.delivery.parked_alerts import ParkedAlerts
from surveil.errors import StoreError
from surveil.records import MQTT, CameraStatus, Caption, Problem
from surveil.worker import Worker, WorkerFailed

logger = logging.getLogger(__name__)

RECHECK_NS = ns(5.0)
"""The queue tells of every commit; this is for what it could not read the last time."""
FLUSH_NS = ns(2.0)
SILENT_NS = ns(60.0)
"""A broker that takes messages and acknowledges none of them for so long is of no use; another connection may be."""
PARKED_REMEDY = (
    'mend what the broker refuses, then restart surveil, or publish {{"from": n}} to {}/<camera>/alert/replay; '
    "`surveil alerts` lists them"
)


class MqttDelivery(Worker):
    """All `set_*` may be called from any thread and return at once; `on_command` is called in this worker's thread."""

    def __init__(
        self,
        queue: ReplayQueue,
        ledger: RetainedLedger,
        spec: MqttSpec,
        *,
        clock: Clock,
        snapshots: SnapshotFiles | None = None,
        on_command: Callable[[Command], None] | None = None,
        on_failure: WorkerFailed | None = None,
        tz: tzinfo | None = None,
        chance: Callable[[], float] = random.random,
        poll_s: float = 0.5,
    ) -> None:
        """`snapshots` None: no pictures are sent. `poll_s`: how long one step waits for something to happen.
        `chance`: as Backoff takes it."""
        super().__init__(COMPONENT, clock=clock, on_failure=on_failure)
        self.topics = Topics(spec.prefix, spec.node, spec.discovery_prefix)
        self._queue = queue
        self._on_command = on_command
        self._tz = tz
        self._poll_s = poll_s
        self._queue_changed = threading.Event()  # the queue may have something for us
        self._recheck_mono_ns = clock.monotonic_ns()
        self._retained = RetainedTopics()
        self._pictures: NewestSnapshots | None = None
        if spec.snapshots and snapshots is not None:
            self._pictures = NewestSnapshots(queue, snapshots, max_px=spec.snapshot_max_px)
        self._discovery = DiscoveryAnnouncer(
            ledger, self._retained, self.topics, pictures=bool(self._pictures), canary=spec.canary
        )
        will = Message(self.topics.of_node("status"), b"offline")
        self._connection = MqttConnection(spec, clock, will=will, chance=chance)
        self._publisher = MqttPublisher(
            queue,
            ledger,
            self._connection,
            self._retained,
            self.topics,
            clock=clock,
            pictures=self._pictures,
            tz=tz,
            max_queued=spec.max_queued,
        )
        self._parked = ParkedAlerts(
            queue, MQTT, clock, component=self.name, remedy=PARKED_REMEDY.format(spec.prefix)
        )
        queue.listen(self._on_queue_changed)

    # What other threads call.

    @property
    def connected(self) -> bool:
        """The broker accepted us and the connection stands."""
        return self._connection.limits is not None

    def problems(self) -> Sequence[Problem]:
        """What is wrong with the way to the broker, and what the broker refused."""
        found = (self._publisher.refusal, self._parked.problem)
        refused = tuple(problem for problem in found if problem is not None)
        return (*self._connection.problems(), *refused)

    def counters(self) -> Mapping[str, float]:
        return {
            "connected": float(self.connected),
            "connects_total": self._connection.connects_total,
            "acknowledged_total": self._publisher.acknowledged_total,
            "refused_total": self._publisher.refused_total,
        }

    def set_cameras(self, infos: Sequence[CameraInfo]) -> None:
        """All cameras of the configuration; those that left are cleared at the broker, also after a restart."""
        self._discovery.set_cameras(infos)
        self.wake()

    def set_rules(self, event_types: Sequence[str]) -> None:
        """The event type of every armed rule."""
        self._discovery.set_event_types(event_types)
        self.wake()

    def set_camera_status(self, status: CameraStatus) -> None:
        attributes = payloads.status_attributes(status, self._tz)
        self._put(status.camera_id, "status", payloads.status_payload(status))
        self._put(status.camera_id, "status/attributes", attributes)

    def set_enabled(self, camera_id: str, on: bool) -> None:
        """What subscribers see; what a restart remembers is the ledger's."""
        self._put(camera_id, "enabled/state", b"ON" if on else b"OFF")

    def set_abnormal(
        self,
        camera_id: str,
        rules: Sequence[str],
        *,
        since_unix_ms: int | None = None,
        hits: int = 0,
        last_caption: str | None = None,
    ) -> None:
        """`rules`: those with an active incident; none of them means that all is well."""
        attributes = payloads.abnormal_attributes(
            rules, since_unix_ms=since_unix_ms, hits=hits, last_caption=last_caption, tz=self._tz
        )
        self._put(camera_id, "abnormal", b"ON" if rules else b"OFF")
        self._put(camera_id, "abnormal/attributes", attributes)

    def set_caption(self, caption: Caption) -> None:
        payload = payloads.caption_payload(caption, self._tz)
        self._put(caption.frame.camera_id, "caption", payload, qos=0)

    def set_health(self, problems: Sequence[Problem]) -> None:
        self._put_node("health", payloads.health_payload(problems, self._tz))

    def set_canary(
        self, result: Mapping[str, Any], *, on_acknowledged: Callable[[], None] | None = None
    ) -> None:
        """`on_acknowledged`: called in this worker's thread once the broker has this very message."""
        message = Message(
            self.topics.of_node("canary"),
            payloads.encode(dict(result)),
            on_acknowledged=on_acknowledged,
        )
        self._retained.set(message)
        self.wake()

    def set_stats(self, stats: Mapping[str, Any]) -> None:
        """Sent once, if there is a connection."""
        if self.connected:
            payload = payloads.encode(dict(stats))
            self._retained.send_once(
                Message(self.topics.of_node("stats"), payload, qos=0, retain=False)
            )
            self.wake()

    def pictures_changed(self) -> None:
        """Snapshots were removed: look again which picture of each camera is the newest."""
        if self._pictures is not None:
            self._pictures.check(self._discovery.camera_ids())
            self.wake()

    def wake(self) -> None:
        """Cut the worker's wait short."""
        self._connection.wake()

    def stop(self) -> None:
        super().stop()
        self.wake()

    # The worker's thread.

    def begin(self) -> None:
        """What was refused is tried again: at a start, the broker may have been mended."""
        self._parked.try_again()

    def step(self) -> None:
        """Hand over what the broker may have, then wait at most `poll_s` for news from either side."""
        self._parked.check()
        if self.connected:
            self._check_queue()
            self._publisher.pump()
            if self._publisher.unanswered_ns > SILENT_NS:
                self._connection.give_up(silent_ns=self._publisher.unanswered_ns)
        self._handle(self._connection.poll(0.0 if self._publisher.busy else self._poll_s))

    def finish(self) -> None:
        """Flush for at most 2 s, say `stopped`, disconnect; the rest stays on disk."""
        well = self.failure is None
        try:
            if well and self.connected:
                self._flush()
            self._publisher.commit_receipts()
        finally:
            self._connection.close(politely=well)

    def _flush(self) -> None:
        until = self._clock.monotonic_ns() + FLUSH_NS
        self._check_queue()
        self._retained.send_once(Message(self.topics.of_node("status"), b"stopped"))
        while self.connected and self._clock.monotonic_ns() < until:
            self._publisher.pump()
            if self._publisher.idle:
                break
            self._handle(self._connection.poll(0.05))

    def _check_queue(self) -> None:
        now_ns = self._clock.monotonic_ns()
        if self._queue_changed.is_set() or now_ns >= self._recheck_mono_ns:
            self._queue_changed.clear()
            self._recheck_mono_ns = now_ns + RECHECK_NS
            self._queue.settle()
            self._publisher.more = True
        if self._discovery.changed:
            self._discovery.refresh()

    def _handle(self, events: Sequence[Event]) -> None:
        for event in events:
            match event:
                case Connected():
                    self._accepted()
                case Lost():
                    self._lost()
                case Published():
                    self._publisher.published(event)
                case Received():
                    self._received(event)
        self._publisher.commit_receipts(at_least=RECEIPTS_A_COMMIT)

    def _accepted(self) -> None:
        self._connection.subscribe(self.topics.subscriptions())
        self._discovery.refresh()
        self.pictures_changed()
        self._publisher.begin()

    def _lost(self) -> None:
        self._publisher.commit_receipts()
        self._publisher.reset()
        self._retained.drop_transient()

    def _received(self, event: Received) -> None:
        if event.topic == self.topics.birth:
            # An old one comes with the connection, which is told everything anyway.
            if not event.retained:
                self._handle_birth(event)
        elif event.retained:
            logger.warning("%s: ignored, because it is retained", shown_topic(event.topic))
        else:
            self._handle_command(event)

    def _handle_birth(self, event: Received) -> None:
        if event.payload == b"online":
            self._retained.resend(f"{self.topics.discovery_prefix}/device/")
        elif event.payload != b"offline":
            found = shown_payload(event.payload)
            logger.warning(
                "%s: ignored: found %s, allowed are online and offline", event.topic, found
            )

    def _handle_command(self, event: Received) -> None:
        topic = shown_topic(event.topic)
        try:
            command = self.topics.read_command(event.topic, event.payload)
        except ValueError as error:
            logger.warning("%s: ignored: %s", topic, error)
            return
        if not self._discovery.knows(command.camera_id):
            logger.warning("%s: ignored: there is no such camera", topic)
        elif isinstance(command, Replay):
            self._replay(command)
        elif self._on_command is not None:
            self._on_command(command)

    def _replay(self, command: Replay) -> None:
        self._publisher.commit_receipts()
        try:
            found = self._queue.replay(MQTT, command.camera_id, command.first)
        except StoreError as error:
            logger.warning("%s: no replay: %s", command.camera_id, error)
            return
        logger.info("%s: %d alerts again, from %d on", command.camera_id, found, command.first)
        self._publisher.start_over()

    def _put(self, camera_id: str, leaf: str, payload: bytes, *, qos: int = 1) -> None:
        self._retained.set(Message(self.topics.of_camera(camera_id, leaf), payload, qos=qos))
        self.wake()

    def _put_node(self, leaf: str, payload: bytes) -> None:
        self._retained.set(Message(self.topics.of_node(leaf), payload))
        self.wake()

    def _on_queue_changed(self) -> None:
        self._queue_changed.set()
        self.wake()
