"""Staying connected: tries, waits longer each time, finds the protocol that the broker speaks, says why it fails."""

from __future__ import annotations

import logging
import os
import select
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from surveil.clock import NS_PER_MS, NS_PER_S, Backoff, Clock, ns
from surveil.delivery.mqtt.mqtt_session import (
    OTHER_CLIENT,
    REFUSED,
    SILENT,
    TAKEN_OVER,
    UNREACHABLE,
    Connected,
    Event,
    Lost,
    MqttSession,
    MqttSpec,
    Protocol,
    wait_for,
)
from surveil.delivery.mqtt.topics import Message
from surveil.errors import DeliveryError
from surveil.records import Problem

logger = logging.getLogger(__name__)

COMPONENT = "delivery-mqtt"
"""The delivery thread's name."""
SHORT_NS = ns(10.0)
TOO_MANY_SHORT = 3
"""Connections in a row that were accepted and soon closed. Mosquitto 2.0 and MQTT 3.1.1 do not say why they close one;
a second client with our id looks like this."""


class MqttConnection:
    """One session after another. The delivery thread only, but `wake` and `problems` from any."""

    def __init__(
        self, spec: MqttSpec, clock: Clock, *, will: Message, chance: Callable[[], float]
    ) -> None:
        """`chance`: as Backoff takes it."""
        self.lost: Lost | None = None
        """Why there is no connection; None while there is one, or before the first attempt has ended."""
        self.connects_total = 0
        self.limits: Connected | None = None
        """What the broker allows; None while it has not accepted us."""
        self._spec = spec
        self._clock = clock
        self._problems = ConnectionProblems(
            clock, component=COMPONENT, where=spec.where, retry_max_s=spec.retry_max_s
        )
        self._will = will
        # A hundred boxes must not knock at the same moment when a broker returns.
        self._backoff = Backoff(
            first_s=spec.retry_min_s, longest_s=spec.retry_max_s, jitter=0.5, chance=chance
        )
        self._protocol: Protocol = "3.1.1" if spec.protocol == "3.1.1" else "5"
        self._next_attempt_mono_ns = clock.monotonic_ns()
        self._answer_by_mono_ns = 0
        self._accepted_mono_ns = 0
        self._short_lived = 0
        self._loss_expected = False
        self._given_up: Lost | None = None
        self._connector: _Connector | None = None
        self._session: MqttSession | None = None
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    @property
    def where(self) -> str:
        return self._spec.where

    def problems(self) -> Sequence[Problem]:
        """What is wrong with the way to the broker."""
        return self._problems.problems()

    def acknowledged(self) -> None:
        """The broker has acknowledged something of ours."""
        self._problems.acknowledged()

    def expect_loss(self) -> None:
        """The broker refused something; Mosquitto 2.0 then closes the connection, which no twin has done."""
        self._loss_expected = True

    def give_up(self, *, silent_ns: int) -> None:
        """The broker takes our messages and acknowledges none: begin again. The next `poll` says so."""
        text = f"{self.where}: it has acknowledged nothing for {silent_ns / NS_PER_S:.0f} s"
        self._given_up = Lost(text, code=SILENT, silent_ns=silent_ns)

    def poll(self, timeout_s: float) -> list[Event]:
        """What happened, after waiting at most `timeout_s` for something to happen; keeps trying to connect."""
        if self._session is None:
            events = self._connect(timeout_s)
        elif self._given_up is not None:
            events = [self._given_up]
        else:
            events = self._session.poll(self._wake_read, timeout_s)
            if self.limits is None and not events and self._now() > self._answer_by_mono_ns:
                events = [Lost(f"{self.where}: it took the connection, but does not answer")]
        self._drain_wake()
        for event in events:
            self._note(event)
        return events

    def publish(self, message: Message) -> int | None:
        """The message's id, or None when there is no connection (any more)."""
        return None if self._session is None else self._session.publish(message)

    def subscribe(self, filters: Sequence[str]) -> None:
        if self._session is not None:
            self._session.subscribe(filters)

    def wake(self) -> None:
        """Cut the wait of `poll` short. Any thread, also after `close`."""
        try:
            os.write(self._wake_write, b"w")
        except BlockingIOError:
            pass  # the pipe is full of wake-ups already
        except OSError:
            if self._wake_write >= 0:
                raise

    def close(self, *, politely: bool) -> None:
        """`politely` says goodbye, which cancels the last will."""
        if self._session is not None:
            self._session.close(politely=politely)
            self._session = None
        self.limits = None
        read_end, write_end = self._wake_read, self._wake_write
        self._wake_read = self._wake_write = -1
        os.close(write_end)
        os.close(read_end)

    def _connect(self, timeout_s: float) -> list[Event]:
        if self._connector is not None:
            return self._await(self._connector, timeout_s)
        left_s = (self._next_attempt_mono_ns - self._now()) / NS_PER_S
        if left_s > 0:
            wait_for({self._wake_read: select.POLLIN}, min(timeout_s, left_s))
        else:
            session = MqttSession(self._spec, self._protocol, will=self._will)
            self._connector = _Connector(session, done=self.wake)
        return []

    def _await(self, connector: _Connector, timeout_s: float) -> list[Event]:
        if connector.busy:
            wait_for({self._wake_read: select.POLLIN}, timeout_s)
            return []
        self._connector = None
        if isinstance(connector.error, DeliveryError):
            return [Lost(str(connector.error), unreachable=True)]
        if connector.error is not None:
            raise connector.error
        self._session = connector.session
        self._answer_by_mono_ns = self._now() + ns(self._spec.answer_timeout_s)
        return []

    def _note(self, event: Event) -> None:
        if isinstance(event, Connected):
            self.limits = event
            self._accepted_mono_ns = self._now()
            self._loss_expected = False
            self._backoff.reset()
            self.lost = None
            self._problems.accepted()
            self.connects_total += 1
            logger.info("%s: connected, MQTT %s", self.where, self._protocol)
        elif isinstance(event, Lost):
            self._lost(event)

    def _lost(self, lost: Lost) -> None:
        lost = self._suspect_other_client(lost)
        if self.lost is None or lost.reason != self.lost.reason:
            logger.warning("%s", lost.reason)
        self.lost, self._given_up = lost, None
        self._problems.lost(lost)
        accepted = self.limits is not None
        self.limits = None
        if self._session is not None:
            self._session.close(politely=False)
            self._session = None
        delay_s = self._delay_s(lost)
        if self._spec.protocol == "auto" and not accepted and not lost.unreachable:
            # Brokers older than MQTT 5 either say so or just hang up: the other way next time.
            self._protocol = "3.1.1" if self._protocol == "5" else "5"
        self._next_attempt_mono_ns = self._now() + ns(delay_s)

    def _suspect_other_client(self, lost: Lost) -> Lost:
        lived_ns = self._now() - self._accepted_mono_ns
        short = self.limits is not None and lived_ns < SHORT_NS and not self._loss_expected
        self._short_lived = self._short_lived + 1 if short else 0
        if self._short_lived < TOO_MANY_SHORT:
            return lost
        text = f"{lost.reason}, soon after it accepted us, {TOO_MANY_SHORT} times or more: {OTHER_CLIENT}"
        return replace(lost, reason=text, code=TAKEN_OVER)

    def _delay_s(self, lost: Lost) -> float:
        # Two nodes of one name would throw each other out for ever, so the one thrown out steps back at once.
        delay_s = self._backoff.next_s(longest=lost.code == TAKEN_OVER)
        return 0.0 if lost.wrong_protocol and self._backoff.failures == 1 else delay_s

    def _now(self) -> int:
        return self._clock.monotonic_ns()

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
        self._opened = threading.Event()
        threading.Thread(target=self._open, name="mqtt-connect", daemon=True).start()

    @property
    def busy(self) -> bool:
        return not self._opened.is_set()

    def _open(self) -> None:
        try:
            self.session.open()
        except BaseException as error:  # handed to the worker, which raises it
            self.error = error
        self._opened.set()
        self._done()


GRACE_NS = ns(5.0)
"""A connection that is back by then was not missed."""
BEYOND_RETRY_NS = ns(30.0)
"""A connection that outlives its twin's longest wait by so much has no twin any more."""

REMEDIES = {
    UNREACHABLE: "see that the broker runs and listens there, and mqtt.host, mqtt.port and mqtt.tls",
    REFUSED: "see to mqtt.username and its password, and to what the broker allows this client",
    TAKEN_OVER: "give each node a name of its own (node), or mqtt.client_id; stop the one that runs twice",
    SILENT: "restart the broker; its log may say why it takes messages and acknowledges none",
}


class ConnectionProblems:
    """`problems` from any thread, the rest in the delivery thread."""

    def __init__(self, clock: Clock, *, component: str, where: str, retry_max_s: float) -> None:
        self._clock = clock
        self._component = component
        self._where = where
        self._trusted_after_ns = ns(retry_max_s) + BEYOND_RETRY_NS
        self._accepted_mono_ns: int | None = None
        self._down_mono_ns = clock.monotonic_ns()
        self._down_unix_ms = clock.unix_ms()
        self._lost: Lost | None = None
        self._twin: Problem | None = None
        self._silent: Problem | None = None

    def accepted(self) -> None:
        """The broker took us."""
        self._accepted_mono_ns = self._clock.monotonic_ns()
        self._lost = None

    def lost(self, lost: Lost) -> None:
        """The connection ended, or another attempt failed."""
        if self._accepted_mono_ns is not None:
            self._accepted_mono_ns = None
            self._down_mono_ns = self._clock.monotonic_ns()
            self._down_unix_ms = self._clock.unix_ms()
        if lost.code == TAKEN_OVER:
            since_ms = self._twin.since_unix_ms if self._twin else self._clock.unix_ms()
            self._twin = self._problem(TAKEN_OVER, lost.reason, since_ms)
        elif lost.code == SILENT and self._silent is None:
            began_ms = self._clock.unix_ms() - lost.silent_ns // NS_PER_MS
            self._silent = self._problem(SILENT, lost.reason, began_ms)
        self._lost = lost

    def acknowledged(self) -> None:
        """A PUBACK: something came out at the other end."""
        self._silent = None

    def problems(self) -> Sequence[Problem]:
        twin, silent, down = self._twin_now(), self._silent, self._down()
        return tuple(problem for problem in (down, twin, silent) if problem is not None)

    def _down(self) -> Problem | None:
        """No connection for longer than a moment, unless another problem says why."""
        lost = self._lost
        if self._accepted_mono_ns is not None:
            return None
        if self._clock.monotonic_ns() - self._down_mono_ns < GRACE_NS:
            return None
        if lost is None:
            text = f"{self._where}: the first attempt has not come to an end; is its name known?"
            return self._problem(UNREACHABLE, text, self._down_unix_ms)
        if lost.code in (TAKEN_OVER, SILENT):
            return None
        return self._problem(lost.code, lost.reason, self._down_unix_ms)

    def _twin_now(self) -> Problem | None:
        """Two clients of one id take turns: each connection of ours looks well until the other returns."""
        accepted_ns = self._accepted_mono_ns
        if accepted_ns is None or self._twin is None:
            return self._twin
        if self._clock.monotonic_ns() - accepted_ns > self._trusted_after_ns:
            self._twin = None
        return self._twin

    def _problem(self, code: str, text: str, since_unix_ms: int) -> Problem:
        return Problem(code, text, since_unix_ms, component=self._component, remedy=REMEDIES[code])
