"""Everything that leaves, within the window that the broker allows: states, gaps, alerts in order of commit."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterable
from datetime import tzinfo

from surveil.clock import Clock, ns
from surveil.delivery import payloads
from surveil.delivery.delivery_queue import ReplayQueue, RetainedLedger, SnapshotFiles
from surveil.delivery.mqtt.mqtt_connection import COMPONENT, MqttConnection
from surveil.delivery.mqtt.mqtt_session import Connected, Published, packet_bytes
from surveil.delivery.mqtt.topics import Message, RetainedTopics, Topics
from surveil.errors import StoreError
from surveil.records import MQTT, Gap, Outgoing, Problem, Receipt

logger = logging.getLogger(__name__)

RECEIPTS_A_COMMIT = 100
STATES_IN_FLIGHT = 10
RETRY_REFUSED_NS = ns(300.0)

Reference = Outgoing | Gap | Message
"""What a PUBACK is for."""


class MqttPublisher:
    """The delivery thread only."""

    def __init__(
        self,
        queue: ReplayQueue,
        ledger: RetainedLedger,
        connection: MqttConnection,
        retained: RetainedTopics,
        topics: Topics,
        *,
        clock: Clock,
        pictures: NewestSnapshots | None,
        tz: tzinfo | None,
        max_queued: int = 200,
    ) -> None:
        """`max_queued`: alerts read ahead from the queue."""
        self.more = False
        """The queue may have something that was not fetched."""
        self.acknowledged_total = 0
        self.refused_total = 0
        self.refusal: Problem | None = None
        """Of states and gaps; a refused alert is parked."""
        self._refusals: dict[str, str] = {}
        self._passed_over: set[str] = set()
        """Refused topics, until the next retry: Mosquitto 2.0 closes the connection after each refusal."""
        self._retry_mono_ns = 0
        self._gaps_refused: set[tuple[int, int]] = set()
        self._queue = queue
        self._ledger = ledger
        self._connection = connection
        self._retained = retained
        self._topics = topics
        self._clock = clock
        self._pictures = pictures
        self._tz = tz
        self._max_queued = max_queued
        self.reset()

    def reset(self) -> None:
        """The connection ended: what is not acknowledged will be fetched again, from the first."""
        self._in_flight: dict[int, Reference] = {}
        self._answered_mono_ns = self._clock.monotonic_ns()
        self._states_in_flight = 0
        self._taken: set[Receipt] = set()  # in flight, queued, or refused over this connection
        self._gaps_taken: set[int] = set()
        self._fetched: deque[Outgoing] = deque()
        self._receipts: list[Receipt] = []
        self._online_due = False
        self._pictures_first = 0

    def begin(self) -> None:
        """A connection was accepted: all states go out, `online` last, then what waits in the queue."""
        self._retained.resend()
        self._online_due = True
        self._pictures_first = 0 if self._pictures is None else self._pictures.due
        self.more = True

    @property
    def idle(self) -> bool:
        """Nothing is in flight and nothing waits, as far as is known."""
        return not (self._in_flight or self._fetched or self.more)

    @property
    def busy(self) -> bool:
        """There is work that waits for nobody."""
        return self._pictures is not None and bool(self._pictures.due) and self._picture_turn()

    @property
    def unanswered_ns(self) -> int:
        """How long the broker has acknowledged nothing, although something is in flight; 0 when nothing is."""
        return self._clock.monotonic_ns() - self._answered_mono_ns if self._in_flight else 0

    def pump(self) -> None:
        """Hand the broker as much as it may have now."""
        self._retry_refused()
        self._send_states()
        if self.more:
            self._send_gaps()
        while self._room() and (self._fetched or self._fetch()):
            self._send(self._fetched.popleft())
        self._send_picture()

    def published(self, event: Published) -> None:
        """A PUBACK. Other ids are QoS 0, or of no interest."""
        reference = self._in_flight.pop(event.mid, None)
        self._answered_mono_ns = self._clock.monotonic_ns()
        self._connection.acknowledged()
        self.acknowledged_total += reference is not None and event.refusal is None
        match reference:
            case Message():
                self._states_in_flight -= 1
                self._state_published(reference, event.refusal)
            case Gap() if event.refusal:
                # Not told, so its row stays, for another start to try.
                self._gaps_refused.add((reference.gap_id, reference.last))
                self._note_refusal(self._gap_topic(reference), event.refusal)
            case Gap():
                self._note_refusal(self._gap_topic(reference), None)
                self._gaps_taken.discard(reference.gap_id)
                self._queue.told(reference)
            case Outgoing() if event.refusal:
                self._refused(reference, event.refusal)
            case Outgoing():
                self._taken.discard(reference.receipt)
                self._receipts.append(reference.receipt)

    def commit_receipts(self, *, at_least: int = 1) -> None:
        """Tell the queue what the broker has, when there are so many or when nothing else waits: one fsync for all."""
        if self._receipts and (len(self._receipts) >= at_least or not self._fetched):
            self._queue.acknowledged(MQTT, self._receipts)
            self._receipts = []

    def start_over(self) -> None:
        """A replay was queued before what is fetched already: fetch again, so that order holds."""
        self._taken.difference_update(outgoing.receipt for outgoing in self._fetched)
        self._fetched.clear()
        self.more = True

    def _send_states(self) -> None:
        while self._states_in_flight < self._state_window and (
            message := self._retained.take_unsent()
        ):
            if message.topic not in self._passed_over:
                self._publish(message, message)
        drained = self._states_in_flight < self._state_window
        if self._online_due and drained and self._pictures_first <= 0:
            # Last, so that whoever sees `online` has seen all other states of this connection before.
            self._online_due = False
            online = Message(self._topics.of_node("status"), b"online")
            self._publish(online, online)

    def _send_gaps(self) -> None:
        for gap in self._queue.gaps(MQTT):
            refused = (gap.gap_id, gap.last) in self._gaps_refused
            if gap.gap_id not in self._gaps_taken and not refused and self._room():
                self._gaps_taken.add(gap.gap_id)
                topic = self._gap_topic(gap)
                self._publish(Message(topic, payloads.gap_payload(gap), retain=False), gap)

    def _fetch(self) -> bool:
        if self.more:
            self.commit_receipts()
            found = self._queue.waiting(MQTT, limit=self._max_queued)
            fresh = [outgoing for outgoing in found if outgoing.receipt not in self._taken]
            self._taken.update(outgoing.receipt for outgoing in fresh)
            self._fetched.extend(fresh)
            self.more = len(found) == self._max_queued and bool(fresh)
        return bool(self._fetched)

    def _send(self, outgoing: Outgoing) -> None:
        topic = self._topics.of_camera(outgoing.alert.camera_id, outgoing.kind)
        message = Message(topic, self._payload(outgoing), retain=False)
        limit = self._limits.max_packet_bytes
        if limit is not None and packet_bytes(message) > limit:
            self._refused(outgoing, f"larger than the {limit} bytes that the broker takes")
            return
        self._publish(message, outgoing)
        if self._pictures is not None and outgoing.kind == "alert":
            self._pictures.check([outgoing.alert.camera_id])

    def _payload(self, outgoing: Outgoing) -> bytes:
        if outgoing.kind == "clip":
            return payloads.clip_payload(outgoing)
        return payloads.alert_payload(outgoing, node=self._topics.node, tz=self._tz)

    def _picture_turn(self) -> bool:
        """Of a backlog, only each camera's newest picture is worth its bytes; `online` waits for the first ones."""
        first = not self._fetched or self._pictures_first > 0
        return first and self._states_in_flight < self._state_window

    def _send_picture(self) -> None:
        """One a step: it takes tens of milliseconds to make."""
        if self._pictures is None or not self._picture_turn():
            return
        self._pictures_first -= 1
        for camera_id in self._pictures.take():
            topic = self._topics.of_camera(camera_id, "snapshot")
            message = self._pictures.make(camera_id, topic, max_bytes=self._picture_bytes(topic))
            if message is not None:
                self._retained.set(message)

    def _picture_bytes(self, topic: str) -> int:
        limit = self._limits.max_packet_bytes or payloads.MAX_MESSAGE_BYTES
        user_property = 128
        return (
            min(limit, payloads.MAX_MESSAGE_BYTES)
            - packet_bytes(Message(topic, b""))
            - user_property
        )

    def _publish(self, message: Message, reference: Reference) -> None:
        mid = self._connection.publish(message)
        if mid is not None and message.qos > 0:
            if not self._in_flight:
                self._answered_mono_ns = self._clock.monotonic_ns()
            self._in_flight[mid] = reference
            self._states_in_flight += isinstance(reference, Message)

    def _state_published(self, message: Message, refusal: str | None) -> None:
        self._note_refusal(message.topic, refusal)
        if refusal is not None:
            if not self._passed_over:
                self._retry_mono_ns = self._clock.monotonic_ns() + RETRY_REFUSED_NS
            self._passed_over.add(message.topic)
            return
        if message.note is not None:
            self._ledger.forget(message.note)
        if message.on_acknowledged is not None:
            message.on_acknowledged()

    def _retry_refused(self) -> None:
        """States that were refused once more, as they are now."""
        if self._passed_over and self._clock.monotonic_ns() >= self._retry_mono_ns:
            topics, self._passed_over = self._passed_over, set()
            for topic in topics:
                self._retained.resend(topic)

    def _note_refusal(self, topic: str, refusal: str | None) -> None:
        """`refusal` None: the broker takes it, perhaps again."""
        if refusal is not None:
            self._connection.expect_loss()
        if refusal is None:
            if self._refusals.pop(topic, None) is None:
                return
        elif self._refusals.get(topic) == refusal:
            return
        else:
            logger.error("%s refused %s: %s", self._connection.where, topic, refusal)
            self._refusals[topic] = refusal
        self.refusal = self._refusal_problem()

    def _refusal_problem(self) -> Problem | None:
        if not self._refusals:
            return None
        topic, refusal = next(reversed(self._refusals.items()))
        since_ms = self.refusal.since_unix_ms if self.refusal else self._clock.unix_ms()
        text = f"{self._connection.where} refuses messages on {len(self._refusals)} topics; {topic}: {refusal}"
        return Problem(
            "mqtt_message_refused",
            text,
            since_ms,
            component=COMPONENT,
            remedy=f"allow this client to write to {self._topics.prefix}/# and to the discovery topics",
        )

    def _gap_topic(self, gap: Gap) -> str:
        return self._topics.of_camera(gap.camera_id, "gap")

    def _refused(self, outgoing: Outgoing, reason: str) -> None:
        """Parked; it stays among the taken, so that it is not tried again even if the queue cannot be written now."""
        self.refused_total += 1
        self._connection.expect_loss()
        logger.error(
            "%s refused alert %s: %s", self._connection.where, outgoing.alert.alert_id, reason
        )
        self._queue.park(MQTT, outgoing.receipt, reason)
        self.more = True

    def _room(self) -> bool:
        window = max(1, self._limits.max_in_flight - self._state_window)
        return len(self._in_flight) - self._states_in_flight < window

    @property
    def _state_window(self) -> int:
        return max(1, min(STATES_IN_FLIGHT, self._limits.max_in_flight // 2))

    @property
    def _limits(self) -> Connected:
        return self._connection.limits or Connected(1, None)


class NewestSnapshots:
    """The newest picture of each camera, scaled. `check` from any thread; the rest in the delivery thread."""

    def __init__(self, queue: ReplayQueue, snapshots: SnapshotFiles, *, max_px: int) -> None:
        self._queue = queue
        self._snapshots = snapshots
        self._max_px = max_px
        self._lock = threading.Lock()
        self._due: dict[str, None] = {}

    def check(self, camera_ids: Iterable[str]) -> None:
        """Their newest picture may have changed."""
        with self._lock:
            self._due.update(dict.fromkeys(camera_ids))

    @property
    def due(self) -> int:
        """How many cameras `take` will give."""
        return len(self._due)

    def take(self) -> list[str]:
        """The next camera to look at, if any."""
        with self._lock:
            camera_id = next(iter(self._due), None)
            if camera_id is None:
                return []
            del self._due[camera_id]
            return [camera_id]

    def make(self, camera_id: str, topic: str, *, max_bytes: int) -> Message | None:
        """The message to send; empty when there is no picture (any more), None when the disk cannot say now."""
        try:
            alert = self._queue.newest_with_snapshot(camera_id)
            if alert is None or alert.snapshot is None:
                return Message(topic, b"")
            content = self._snapshots.scaled(alert, max_px=self._max_px, max_bytes=max_bytes)
        except StoreError:
            return None
        return Message(topic, content, user_properties=(("alert_id", alert.alert_id),))
