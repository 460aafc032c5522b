"""The delivery thread that speaks MQTT: alerts from the store, states from the board.

One session at a time, made afresh for each connection. What was not acknowledged is sent again from the database before
anything new, in order of commit, so the order of each camera's alerts holds over any outage.
"""

from __future__ import annotations

import logging
import os
import random
import select
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from typing import Any

from surveil.alerting import payloads
from surveil.alerting.board import Board, Post
from surveil.alerting.homeassistant import CameraInfo, discovery_payload
from surveil.alerting.mqtt_session import (
    Connected,
    Event,
    Lost,
    MqttSession,
    MqttSpec,
    Protocol,
    Published,
    Received,
    packet_bytes,
    wait_for,
)
from surveil.alerting.outgoing import Gap, Outgoing, Receipt
from surveil.alerting.pictures import PictureMaker
from surveil.alerting.snapshots import Snapshots
from surveil.alerting.store import AlertStore
from surveil.alerting.topics import Command, Replay, Topics
from surveil.clock import Clock, ns
from surveil.errors import DeliveryError, StoreError
from surveil.records import CameraStatus, Caption, Problem
from surveil.worker import Worker, WorkerFailed

logger = logging.getLogger(__name__)

DESTINATION = "mqtt"
FETCH = 200
RECEIPTS_A_COMMIT = 100
LOOK_AGAIN_NS = ns(5.0)
"""The store tells of every commit; this is for what it could not read the last time."""
STATES_IN_FLIGHT = 10
FLUSH_NS = ns(2.0)

Reference = Outgoing | Gap | str | None
"""What a PUBACK is for: an alert or clip, a gap, the key of an announcement that was cleared, or a state."""


class MqttDelivery(Worker):
    """All `set_*` may be called from any thread and return at once; `on_command` is called in this worker's thread."""

    def __init__(
        self,
        store: AlertStore,
        spec: MqttSpec,
        *,
        clock: Clock,
        snapshots: Snapshots | None = None,
        on_command: Callable[[Command], None] | None = None,
        on_failure: WorkerFailed | None = None,
        tz: tzinfo | None = None,
        jitter: Callable[[], float] = random.random,
        patience_s: float = 0.5,
    ) -> None:
        """`snapshots` None: no pictures are sent. `patience_s`: how long one step waits for something to happen."""
        super().__init__("delivery-mqtt", clock=clock, on_failure=on_failure)
        self.topics = Topics(spec.prefix, spec.node, spec.discovery_prefix)
        self.problem: str | None = None
        """Why there is no connection, fit for a person; None while there is one."""
        self._store = store
        self._spec = spec
        self._on_command = on_command
        self._tz = tz
        self._jitter = jitter
        self._patience_s = patience_s
        self._pictures = (
            PictureMaker(store, snapshots, max_px=spec.snapshot_max_px)
            if snapshots is not None and spec.snapshots
            else None
        )
        self._board = Board()
        self._cameras: dict[str, CameraInfo] = {}
        self._event_types: tuple[str, ...] = ()
        self._cameras_changed = threading.Event()
        self._news = threading.Event()  # the store may have something for us
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._protocol: Protocol = "3.1.1" if spec.protocol == "3.1.1" else "5"
        self._attempts = 0
        self._next_attempt_mono_ns = clock.monotonic_ns()
        self._connector: _Connector | None = None
        self._session: MqttSession | None = None
        self._answer_by_mono_ns = 0
        self._limits: Connected | None = None
        self._reset_flow()
        store.listen(self._store_has_news)

    # What other threads call.

    @property
    def connected(self) -> bool:
        """The broker accepted us and the connection stands."""
        return self._limits is not None

    def set_cameras(self, infos: Sequence[CameraInfo]) -> None:
        """All cameras of the configuration; those that left are cleared at the broker, also after a restart."""
        self._cameras = {info.camera_id: info for info in infos}
        self._cameras_changed.set()
        self.wake()

    def set_rules(self, event_types: Sequence[str]) -> None:
        """The event type of every armed rule."""
        self._event_types = tuple(event_types)
        self._cameras_changed.set()
        self.wake()

    def set_camera_status(self, status: CameraStatus) -> None:
        self._put(status.camera_id, "status", payloads.status_payload(status))
        self._put(
            status.camera_id, "status/attributes", payloads.status_attributes(status, self._tz)
        )

    def set_enabled(self, camera_id: str, on: bool) -> None:
        """What subscribers see; `AlertStore.set_enabled` is what a restart remembers."""
        self._put(camera_id, "enabled/state", _switch(on))

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
        self._put(camera_id, "abnormal", _switch(bool(rules)))
        self._put(camera_id, "abnormal/attributes", attributes)

    def set_caption(self, caption: Caption) -> None:
        payload = payloads.caption_payload(caption, self._tz)
        self._put(caption.frame.camera_id, "caption", payload, qos=0)

    def set_health(self, problems: Sequence[Problem]) -> None:
        self._put_node("health", payloads.health_payload(problems, self._tz))

    def set_canary(self, result: Mapping[str, Any]) -> None:
        self._put_node("canary", payloads.document(result))

    def set_stats(self, stats: Mapping[str, Any]) -> None:
        """Sent once, if there is a connection."""
        topic = self.topics.of_node("stats")
        self._board.once(Post(topic, payloads.document(stats), qos=0, retain=False))
        self.wake()

    def pictures_changed(self) -> None:
        """Snapshots were removed: look again which picture of each camera is the newest."""
        if self._pictures is not None:
            self._pictures.check(self._cameras)
            self.wake()

    def wake(self) -> None:
        """Cut the worker's wait short. Any thread."""
        try:
            os.write(self._wake_write, b"w")
        except BlockingIOError:
            pass  # the pipe is full of wake-ups already
        except OSError:
            if (
                not self.stopping
            ):  # after `finish` the pipe is closed, and a late caller means nothing
                raise

    def stop(self) -> None:
        super().stop()
        self.wake()

    # The worker's thread.

    def step(self) -> None:
        """Connect, or move bytes and hand over what waits. At most `patience_s` of waiting."""
        if self._session is None:
            self._connect()
            return
        self._hand_over()
        self._handle(self._session.poll(self._wake_read, self._wait_s()))
        self._drain_wake()
        if not self.connected and self._now() > self._answer_by_mono_ns and self._session:
            self._lost(Lost(f"{self._where}: it accepted the connection, but does not answer"))

    def finish(self) -> None:
        """Flush for at most 2 s, say `stopped`, disconnect; the rest stays on disk."""
        try:
            if self.connected and self.failure is None:
                self._flush()
        finally:
            if self._session is not None:
                self._session.close(politely=self.failure is None)
            self._commit_receipts()
            os.close(self._wake_write)
            os.close(self._wake_read)

    def _flush(self) -> None:
        until = self._now() + FLUSH_NS
        self._board.once(Post(self.topics.of_node("status"), b"stopped"))
        while self._session is not None and self._now() < until:
            self._hand_over()
            if not (self._in_flight or self._queue or self._more):
                break
            self._handle(self._session.poll(self._wake_read, 0.05))
            self._drain_wake()

    # Connecting.

    def _connect(self) -> None:
        if self._connector is not None:
            self._await_connector(self._connector)
        elif self._now() >= self._next_attempt_mono_ns:
            will = Post(self.topics.of_node("status"), b"offline")
            session = MqttSession(self._spec, self._protocol, will=will)
            self._connector = _Connector(session, done=self.wake)
        else:
            left_s = (self._next_attempt_mono_ns - self._now()) / 1e9
            self._sleep(min(self._patience_s, left_s))

    def _await_connector(self, connector: _Connector) -> None:
        if connector.alive:
            self._sleep(self._patience_s)
            return
        self._connector = None
        if isinstance(connector.error, DeliveryError):
            self._lost(Lost(str(connector.error)))
        elif connector.error is not None:
            raise connector.error
        else:
            self._session = connector.session
            self._answer_by_mono_ns = self._now() + ns(self._spec.answer_timeout_s)

    def _accepted(self, limits: Connected) -> None:
        assert self._session is not None
        self._limits = limits
        self._attempts = 0
        self.problem = None
        logger.info("%s: connected, MQTT %s", self._where, self._session.protocol)
        self._session.subscribe(self.topics.subscriptions())
        self._refresh_cameras()
        self._board.resend()
        if self._pictures is not None:
            self._pictures.check(self._cameras)
        self._online_due = True
        self._more = True

    def _lost(self, lost: Lost) -> None:
        was_connected = self.connected
        if self._session is not None:
            self._session.close(politely=False)
        if lost.reason != self.problem:
            logger.warning("%s", lost.reason)
        self.problem = lost.reason
        self._session = None
        self._board.drop_transient()
        self._commit_receipts()
        self._reset_flow()
        self._choose_protocol(lost, was_connected=was_connected)
        self._next_attempt_mono_ns = self._now() + ns(self._retry_s(lost))

    def _choose_protocol(self, lost: Lost, *, was_connected: bool) -> None:
        # Brokers older than MQTT 5 either say so or just hang up, so a connection that ends before it was accepted
        # is tried the other way next time.
        if self._spec.protocol == "auto" and not was_connected:
            self._protocol = "3.1.1" if self._protocol == "5" else "5"

    def _retry_s(self, lost: Lost) -> float:
        """Doubling, capped, with jitter: a hundred boxes must not knock at the same moment when a broker returns."""
        if lost.wrong_protocol and self._attempts == 0:
            self._attempts = 1
            return 0.0
        spec = self._spec
        # Two nodes with one name would throw each other out for ever; the one thrown out steps back.
        full_s = spec.retry_max_s
        if not lost.taken_over:
            full_s = min(full_s, spec.retry_min_s * 2.0 ** min(self._attempts, 16))
        self._attempts += 1
        return full_s * (0.5 + self._jitter() / 2)

    def _reset_flow(self) -> None:
        self._limits = None
        self._online_due = False
        self._in_flight: dict[int, Reference] = {}
        self._states_in_flight = 0
        self._sent: set[tuple[str, str]] = (
            set()
        )  # receipts of alerts and clips in flight or refused
        self._gaps_in_flight: set[int] = set()
        self._queue: deque[Outgoing] = deque()
        self._receipts: list[Receipt] = []
        self._more = False
        self._look_again_mono_ns = 0

    # Handing over.

    def _hand_over(self) -> None:
        if self._limits is None:
            return
        if self._news.is_set() or self._now() >= self._look_again_mono_ns:
            self._news.clear()
            self._look_again_mono_ns = self._now() + LOOK_AGAIN_NS
            self._more = True
            self._store.settle()
        if self._cameras_changed.is_set():
            self._refresh_cameras()
        self._send_states()
        if not self._online_due:
            self._send_gaps()
            self._send_alerts()
            self._send_picture()

    def _send_states(self) -> None:
        while self._states_in_flight < self._state_window and (post := self._board.take()):
            self._publish(post, None)
        if self._online_due and self._states_in_flight < self._state_window:
            # Last, so that whoever sees `online` has seen all other states of this connection before.
            self._online_due = False
            self._publish(Post(self.topics.of_node("status"), b"online"), None)

    def _send_gaps(self) -> None:
        if self._more:
            for gap in self._store.gaps(DESTINATION):
                if gap.gap_id not in self._gaps_in_flight and self._room():
                    self._gaps_in_flight.add(gap.gap_id)
                    topic = self.topics.of_camera(gap.camera_id, "gap")
                    self._publish(Post(topic, payloads.gap_payload(gap), retain=False), gap)

    def _send_alerts(self) -> None:
        while self._room() and (self._queue or self._fetch()):
            self._send(self._queue.popleft())

    def _fetch(self) -> bool:
        if self._more:
            self._commit_receipts()
            found = self._store.waiting(DESTINATION, limit=FETCH)
            self._queue.extend(o for o in found if o.receipt not in self._sent)
            self._more = len(found) == FETCH
        return bool(self._queue)

    def _send(self, outgoing: Outgoing) -> None:
        camera_id = outgoing.alert.camera_id
        if outgoing.kind == "clip":
            payload = payloads.clip_payload(outgoing)
        else:
            payload = payloads.alert_payload(outgoing, node=self._spec.node, tz=self._tz)
        self._sent.add(outgoing.receipt)
        post = Post(self.topics.of_camera(camera_id, outgoing.kind), payload, retain=False)
        if self._too_large(post):
            self._refused(outgoing, "larger than the broker's maximum packet size")
            return
        self._publish(post, outgoing)
        if self._pictures is not None and outgoing.kind == "alert":
            self._pictures.check([camera_id])

    def _send_picture(self) -> None:
        """One a step, when no alert waits: of a backlog, only each camera's newest picture is worth its bytes."""
        if self._pictures is None or self._queue or self._states_in_flight >= self._state_window:
            return
        for camera_id in self._pictures.take():
            topic = self.topics.of_camera(camera_id, "snapshot")
            post = self._pictures.make(camera_id, topic, max_bytes=self._max_bytes(topic))
            if post is not None:
                self._board.put(post)

    def _publish(self, post: Post, reference: Reference) -> None:
        assert self._session is not None
        mid = self._session.publish(post)
        if mid is not None and post.qos > 0:
            self._in_flight[mid] = reference
            self._states_in_flight += reference is None or isinstance(reference, str)

    def _room(self) -> bool:
        return len(self._in_flight) - self._states_in_flight < self._alert_window

    @property
    def _state_window(self) -> int:
        return max(1, min(STATES_IN_FLIGHT, self._total_window // 2))

    @property
    def _alert_window(self) -> int:
        return max(1, self._total_window - self._state_window)

    @property
    def _total_window(self) -> int:
        return self._limits.max_in_flight if self._limits else 1

    def _max_bytes(self, topic: str) -> int:
        limit = self._limits.max_packet_bytes if self._limits else None
        whole = min(limit or payloads.MAX_MESSAGE_BYTES, payloads.MAX_MESSAGE_BYTES)
        return whole - packet_bytes(Post(topic, b"")) - 128  # 128: the user property

    def _too_large(self, post: Post) -> bool:
        limit = self._limits.max_packet_bytes if self._limits else None
        return limit is not None and packet_bytes(post) > limit

    # What comes back.

    def _handle(self, events: Sequence[Event]) -> None:
        for event in events:
            match event:
                case Connected():
                    self._accepted(event)
                case Lost():
                    self._lost(event)
                case Published():
                    self._published(event)
                case Received():
                    self._received(event)
        if len(self._receipts) >= RECEIPTS_A_COMMIT or not self._queue:
            self._commit_receipts()

    def _published(self, event: Published) -> None:
        if event.mid not in self._in_flight:
            return
        reference = self._in_flight.pop(event.mid)
        self._states_in_flight -= reference is None or isinstance(reference, str)
        match reference:
            case Outgoing() if event.refusal:
                self._refused(reference, event.refusal)
            case Outgoing():
                self._sent.discard(reference.receipt)
                self._receipts.append(reference.receipt)
            case Gap():
                self._gaps_in_flight.discard(reference.gap_id)
                self._store.told(reference)
            case str():
                self._store.forget(reference)

    def _refused(self, outgoing: Outgoing, reason: str) -> None:
        """Parked; it stays in `_sent`, so that this connection does not try again even if the store cannot write."""
        logger.error("%s refused alert %s: %s", self._where, outgoing.alert.alert_id, reason)
        self._store.park(DESTINATION, outgoing.receipt, reason)
        self._more = True

    def _received(self, event: Received) -> None:
        if event.topic == self.topics.birth:
            if event.payload == b"online" and self._spec.discovery_prefix:
                self._board.resend(f"{self._spec.discovery_prefix}/device/")
        elif event.retained:
            logger.warning("%s: ignored, because it is retained", event.topic)
        else:
            self._obey(event)

    def _obey(self, event: Received) -> None:
        try:
            command = self.topics.read_command(event.topic, event.payload)
        except ValueError as error:
            logger.warning("%s: ignored: %s", event.topic, error)
            return
        if command.camera_id not in self._cameras:
            logger.warning("%s: ignored: there is no such camera", event.topic)
        elif isinstance(command, Replay):
            self._replay(command)
        elif self._on_command is not None:
            self._on_command(command)

    def _replay(self, command: Replay) -> None:
        self._commit_receipts()
        try:
            found = self._store.replay(DESTINATION, command.camera_id, command.first)
        except StoreError as error:
            logger.warning("no replay for %s: %s", command.camera_id, error)
            return
        logger.info("%s: %d alerts again from %d", command.camera_id, found, command.first)
        # What was fetched comes after the replayed ones, so it is fetched again in order.
        self._queue.clear()
        self._more = True

    def _commit_receipts(self) -> None:
        if self._receipts:
            self._store.acknowledged(DESTINATION, self._receipts)
            self._receipts = []

    # Cameras that come and go.

    def _refresh_cameras(self) -> None:
        self._cameras_changed.clear()
        cameras = dict(self._cameras)
        announced = self._store.announced()
        for camera in cameras.values():
            self._introduce(camera)
        for key, details in announced.items():
            if key not in {self._key(camera_id) for camera_id in cameras}:
                self._clear(key, details)

    def _introduce(self, camera: CameraInfo) -> None:
        topics = self.topics.retained(camera.camera_id)
        self._store.announce(self._key(camera.camera_id), {"topics": topics})
        self._board.put_default(Post(self.topics.of_camera(camera.camera_id, "status"), b"offline"))
        self._board.put_default(
            Post(
                self.topics.of_camera(camera.camera_id, "status/attributes"),
                payloads.unknown_attributes(),
            )
        )
        self.set_enabled(camera.camera_id, self._store.enabled(camera.camera_id))
        self._board.put_default(Post(self.topics.of_camera(camera.camera_id, "abnormal"), b"OFF"))
        self._board.put_default(
            Post(
                self.topics.of_camera(camera.camera_id, "abnormal/attributes"),
                payloads.abnormal_attributes((), since_unix_ms=None, hits=0, last_caption=None),
            )
        )
        discovery = self.topics.discovery(camera.camera_id)
        if discovery is not None:
            payload = discovery_payload(camera, self.topics, self._event_types)
            self._board.put(Post(discovery, payload))

    def _key(self, camera_id: str) -> str:
        return f"{self.topics.prefix}/{camera_id}"

    def _clear(self, key: str, details: Mapping[str, Any]) -> None:
        """Empty retained messages; forgotten when the broker has acknowledged the last of them."""
        topics = list(details["topics"])
        for topic in topics:
            self._board.drop(topic)
            self._publish(Post(topic, b""), key if topic == topics[-1] else None)

    # Small things.

    @property
    def _where(self) -> str:
        return f"MQTT broker {self._spec.host}:{self._spec.port}"

    def _put(self, camera_id: str, leaf: str, payload: bytes, *, qos: int = 1) -> None:
        self._board.put(Post(self.topics.of_camera(camera_id, leaf), payload, qos=qos))
        self.wake()

    def _put_node(self, leaf: str, payload: bytes) -> None:
        self._board.put(Post(self.topics.of_node(leaf), payload))
        self.wake()

    def _store_has_news(self) -> None:
        self._news.set()
        self.wake()

    def _now(self) -> int:
        return self._clock.monotonic_ns()

    def _wait_s(self) -> float:
        busy = self._news.is_set() or (self._pictures is not None and self._pictures.due)
        return 0.0 if busy else self._patience_s

    def _sleep(self, seconds: float) -> None:
        wait_for({self._wake_read: select.POLLIN}, seconds)
        self._drain_wake()

    def _drain_wake(self) -> None:
        try:
            while os.read(self._wake_read, 4096):
                pass
        except BlockingIOError:
            pass


class _Connector:
    """Opens a session in a thread of its own: a resolver that hangs for a minute must not silence the heartbeat."""

    def __init__(self, session: MqttSession, *, done: Callable[[], None]) -> None:
        self.session = session
        self.error: BaseException | None = None
        self._done = done
        self._thread = threading.Thread(target=self._open, name="mqtt-connect", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def _open(self) -> None:
        try:
            self.session.open()
        except BaseException as error:  # handed to the worker, which raises it
            self.error = error
        self._done()


def _switch(on: bool) -> bytes:
    return b"ON" if on else b"OFF"
