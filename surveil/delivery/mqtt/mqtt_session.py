"""One connection to one broker: a paho client made afresh, driven by the caller's thread.

paho's own loop thread is not used. Its callbacks here only append to a list that the caller reads, so nothing of ours
runs inside paho, and an exception of ours surfaces where it belongs: in the worker's `step`.
"""

from __future__ import annotations

import hashlib
import logging
import select
import socket
import ssl
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from surveil.delivery.mqtt.topics import Message
from surveil.errors import DeliveryError

logger = logging.getLogger(__name__)

Protocol = Literal["5", "3.1.1"]
DEFAULT_IN_FLIGHT = 20
"""What Mosquitto allows by default."""
UNSUPPORTED_PROTOCOL = 0x84
SESSION_TAKEN_OVER = 0x8E
UNREACHABLE, REFUSED, TAKEN_OVER, SILENT = (
    "mqtt_unreachable",
    "mqtt_refused",
    "mqtt_taken_over",
    "mqtt_silent",
)
"""Codes of problems, by what a person has to do."""
OTHER_CLIENT = "another client may be using our client id: is this node running twice?"
PACKET_OVERHEAD_BYTES = 64
"""Fixed header, packet id, property lengths: a generous bound for what a PUBLISH adds to topic and payload."""
_VERSIONS = {"5": MQTTProtocolVersion.MQTTv5, "3.1.1": MQTTProtocolVersion.MQTTv311}


@dataclass(frozen=True, slots=True)
class TlsSpec:
    """Files are read at each connect, so renewed certificates need no restart."""

    ca: Path | None = None
    """None: the system's certificate authorities."""
    certificate: Path | None = None
    key: Path | None = None
    key_password: str | None = field(default=None, repr=False)
    insecure: bool = False
    """Accept any certificate: for a first try only."""


@dataclass(frozen=True, slots=True)
class MqttSpec:
    """Where and how to connect, as plain values; holds secrets, which `repr` keeps to itself."""

    host: str
    node: str
    port: int = 1883
    topic_prefix: str = ""
    """Empty: `surveil/<node>`."""
    client_id: str = ""
    """Empty: `surveil-<node>-<hash of the machine's id>`."""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: TlsSpec | None = None
    protocol: Literal["auto", "5", "3.1.1"] = "auto"
    keepalive_s: int = 30
    connect_timeout_s: float = 5.0
    answer_timeout_s: float = 10.0
    """How long the broker may take to answer CONNECT."""
    retry_min_s: float = 1.0
    retry_max_s: float = 60.0
    max_in_flight: int = DEFAULT_IN_FLIGHT
    max_queued: int = 200
    """Alerts read ahead from the store."""
    snapshots: bool = True
    snapshot_max_px: int = 640
    discovery_prefix: str | None = "homeassistant"
    """None: no Home Assistant discovery."""
    canary: bool = True
    """Whether the node proves itself, and Home Assistant gets an entity for it."""

    @property
    def prefix(self) -> str:
        return self.topic_prefix or f"surveil/{self.node}"

    @property
    def where(self) -> str:
        """For messages to people."""
        return f"MQTT broker {self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Connected:
    """The broker accepted us."""

    max_in_flight: int
    max_packet_bytes: int | None


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection ended, or never came to be."""

    reason: str
    code: str = UNREACHABLE
    """Of the problem that this is."""
    silent_ns: int = 0
    """How long nothing was acknowledged, if that was it."""
    wrong_protocol: bool = False
    unreachable: bool = False
    """There was nobody to speak MQTT with."""


@dataclass(frozen=True, slots=True)
class Published:
    """PUBACK."""

    mid: int
    refusal: str | None
    """None: the broker has it."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message on a topic that we subscribed to."""

    topic: str
    payload: bytes
    retained: bool


Event = Connected | Lost | Published | Received


def default_client_id(node: str, machine_id_file: Path = Path("/etc/machine-id")) -> str:
    """The same at every start of this box, different from every other box of the same name."""
    try:
        machine = machine_id_file.read_bytes().strip()
    except OSError:
        machine = b""  # a container without one: the node's name has to be unique
    # The id itself is confidential (machine-id(5)); its hash is not.
    return f"surveil-{node}-{hashlib.sha256(b'surveil' + machine).hexdigest()[:8]}"


class MqttSession:
    """Created and opened in any one thread at a time; not thread-safe."""

    def __init__(self, spec: MqttSpec, protocol: Protocol, *, will: Message) -> None:
        self.protocol = protocol
        self._spec = spec
        self._events: list[Event] = []
        self._ended = False
        client_id = spec.client_id or default_client_id(spec.node)
        self._client = _Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=True if protocol == "3.1.1" else None,
            protocol=_VERSIONS[protocol],
            reconnect_on_failure=False,
        )
        self._client.connect_timeout = spec.connect_timeout_s
        self._client.will_set(will.topic, will.payload, qos=will.qos, retain=will.retain)
        if spec.username is not None:
            self._client.username_pw_set(spec.username, spec.password)
        self._client.max_inflight_messages_set(0)  # the caller keeps the window
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._client.on_message = self._on_message

    def open(self) -> None:
        """Resolve, connect, shake hands, send CONNECT. Blocks up to `connect_timeout_s` an address, and as long as the
        resolver likes. Raises DeliveryError."""
        spec = self._spec
        try:
            if spec.tls is not None:
                self._client.tls_set_context(_tls_context(spec.tls))
            self._client.connect(spec.host, spec.port, keepalive=spec.keepalive_s)
        except ssl.SSLCertVerificationError as error:
            text = f"its certificate is not accepted: {error.verify_message}"
            raise DeliveryError(f"{self._spec.where}: {text}") from error
        except (OSError, ValueError) as error:
            raise DeliveryError(f"{self._spec.where}: {_os_reason(error)}") from error

    def poll(self, wake_fd: int, timeout_s: float) -> list[Event]:
        """Wait for the socket or `wake_fd`, move bytes, and tell what happened."""
        sock = cast("socket.socket | None", self._client.socket())
        if sock is not None:
            decrypted = isinstance(sock, ssl.SSLSocket) and sock.pending() > 0
            waits = {sock.fileno(): select.POLLIN, wake_fd: select.POLLIN}
            if self._client.want_write():
                waits[sock.fileno()] |= select.POLLOUT
            wait_for(waits, 0.0 if decrypted else timeout_s)
            self._move_bytes()
        if self._client.socket() is None and not self._ended:
            self._end(Lost(f"{self._spec.where}: the connection was closed"))
        events, self._events = self._events, []
        return events

    def publish(self, message: Message) -> int | None:
        """The message's id, or None when the connection is gone (`poll` will say so)."""
        properties = self._properties(message)
        info = self._client.publish(
            message.topic,
            message.payload,
            qos=message.qos,
            retain=message.retain,
            properties=properties,
        )
        return info.mid if info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS else None

    def subscribe(self, filters: Sequence[str]) -> None:
        """At QoS 1; an MQTT 5 broker is asked to leave retained messages out."""
        if self.protocol == "5":
            options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
            self._client.subscribe([(name, options) for name in filters])
        else:
            self._client.subscribe([(name, 1) for name in filters])

    def close(self, *, politely: bool) -> None:
        """`politely` sends DISCONNECT, which cancels the last will."""
        if politely and self._client.socket() is not None:
            self._client.disconnect()
        sock = self._client.socket()
        if sock is not None:
            sock.close()

    def _move_bytes(self) -> None:
        try:
            self._client.loop_read()
            self._client.loop_write()
            self._client.loop_misc()
        except (OSError, ValueError, IndexError, struct.error) as error:
            # paho raises these on bytes that are no MQTT; the broker's fault must not end the daemon.
            self._end(Lost(f"{self._spec.where}: it does not speak MQTT as it should ({error!r})"))
            self.close(politely=False)

    def _end(self, lost: Lost) -> None:
        if not self._ended:
            self._ended = True
            self._events.append(lost)

    def _properties(self, message: Message) -> Properties | None:
        if self.protocol != "5" or not message.user_properties:
            return None
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.UserProperty = list(message.user_properties)
        return properties

    def _on_connect(
        self,
        client: Client,
        userdata: Any,
        flags: ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            unsupported = reason.value == UNSUPPORTED_PROTOCOL
            text = f"{self._spec.where} refused the connection: {reason.getName()}"
            self._end(Lost(text, code=REFUSED, wrong_protocol=unsupported))
            return
        asked = self._spec.max_in_flight
        allowed = getattr(properties, "ReceiveMaximum", None) or asked
        self._events.append(
            Connected(min(asked, allowed), getattr(properties, "MaximumPacketSize", None))
        )

    def _on_disconnect(
        self,
        client: Client,
        userdata: Any,
        flags: DisconnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if flags.is_disconnect_packet_from_server and reason.value == SESSION_TAKEN_OVER:
            text = f"{self._spec.where}: session taken over: {OTHER_CLIENT}"
            self._end(Lost(text, code=TAKEN_OVER))
        else:
            self._end(Lost(f"{self._spec.where}: disconnected: {reason.getName()}"))

    def _on_publish(
        self,
        client: Client,
        userdata: Any,
        mid: int,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        refusal = reason.getName() if reason.is_failure else None
        self._events.append(Published(mid, refusal))

    def _on_message(self, client: Client, userdata: Any, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            # Some brokers pass such a topic on. Were it an error, any client could keep us disconnected.
            logger.warning("%s: ignored a topic that is not UTF-8", self._spec.where)
            return
        self._events.append(Received(topic, bytes(message.payload), message.retain))


class _Client(Client):
    """paho 2.2 leaves the socket open when the TLS handshake fails; every failed attempt would keep a descriptor until
    the garbage collector comes by."""

    def _ssl_wrap_socket(self, tcp_sock: socket.socket) -> ssl.SSLSocket:
        assert self._ssl_context is not None
        wrapped = self._ssl_context.wrap_socket(
            tcp_sock, server_hostname=self._host, do_handshake_on_connect=False
        )
        try:
            wrapped.settimeout(self._connect_timeout)
            wrapped.do_handshake()
        except BaseException:
            wrapped.close()
            raise
        return wrapped


def wait_for(events: Mapping[int, int], timeout_s: float) -> None:
    """Until one of the descriptors has one of its poll events. Not select(2): that fails past descriptor 1023."""
    poller = select.poll()
    for descriptor, mask in events.items():
        poller.register(descriptor, mask)
    poller.poll(timeout_s * 1000)


def packet_bytes(message: Message) -> int:
    """An upper bound of the PUBLISH packet's size."""
    properties = sum(len(name) + len(value) + 8 for name, value in message.user_properties)
    return len(message.topic.encode()) + len(message.payload) + properties + PACKET_OVERHEAD_BYTES


def _tls_context(tls: TlsSpec) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(tls.ca) if tls.ca else None)
    if tls.certificate is not None:
        context.load_cert_chain(tls.certificate, tls.key, tls.key_password)
    if tls.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _os_reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "a TLS file does not exist"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
