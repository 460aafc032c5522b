"""A broker of one connection at a time that does what a real one would not: hands on whatever bytes a test likes,
acknowledges nothing, refuses by topic."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

CONNECT, PUBLISH, PUBACK, SUBSCRIBE, PINGREQ = 1, 3, 4, 8, 12
ANSWERS = {CONNECT: bytes.fromhex("20020000"), PINGREQ: bytes.fromhex("d000")}
ANSWERS_5 = {**ANSWERS, CONNECT: bytes.fromhex("2003000000")}
NOT_AUTHORIZED = b"\x87"


class WireBroker:
    """Driven by the test's thread. `heard`: (topic, payload) of what the client published since it was last emptied."""

    def __init__(self, *, mqtt_5: bool = False) -> None:
        self.refused: set[str] = set()
        """Topics that it takes no messages on; MQTT 5 only."""
        self._mqtt_5 = mqtt_5
        self.heard: list[tuple[str, bytes]] = []
        self.mute = False
        """Takes messages and acknowledges none."""
        self.connects_total = 0
        self.acknowledged: int | None = None
        """The packet id of the last PUBACK."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._client: socket.socket | None = None
        self._unread = b""

    def close(self) -> None:
        self._listener.close()
        if self._client is not None:
            self._client.close()

    def serve(self) -> None:
        """Answer what has come so far."""
        if self._client is None:
            try:
                self._client = self._listener.accept()[0]
            except BlockingIOError:
                return
            self.connects_total += 1
        received = _received(self._client)
        if received is None:  # it hung up; the next one is served
            self._client.close()
            self._client, self._unread = None, b""
            return
        self._unread += received
        for kind, flags, body in self._packets():
            self._answer(kind, flags, body)

    def publish(self, topic: bytes, payload: bytes, *, retained: bool, packet_id: int) -> None:
        """At QoS 1."""
        assert self._client is not None
        body = struct.pack("!H", len(topic)) + topic + struct.pack("!H", packet_id) + payload
        self._client.sendall(bytes([0x32 | retained]) + _length(len(body)) + body)

    def _answer(self, kind: int, flags: int, body: bytes) -> None:
        assert self._client is not None
        answers = ANSWERS_5 if self._mqtt_5 else ANSWERS
        if kind in answers:
            self._client.sendall(answers[kind])
        elif kind == SUBSCRIBE:
            granted = b"\x00\x01" if self._mqtt_5 else b"\x01"
            rest = body[:2] + granted
            self._client.sendall(b"\x90" + bytes([len(rest)]) + rest)
        elif kind == PUBACK:
            (self.acknowledged,) = struct.unpack("!H", body[:2])
        elif kind == PUBLISH:
            end = 2 + struct.unpack("!H", body[:2])[0]
            packet_id = body[end : end + 2] if flags & 0x06 else b""
            start = end + len(packet_id)
            if self._mqtt_5:
                start += 1 + body[start]  # user properties
            topic = body[2:end].decode()
            self.heard.append((topic, body[start:]))
            if packet_id and not self.mute:
                refusal = NOT_AUTHORIZED + b"\x00" if topic in self.refused else b""
                answer = packet_id + refusal
                self._client.sendall(b"\x40" + bytes([len(answer)]) + answer)

    def _packets(self) -> Iterator[tuple[int, int, bytes]]:
        while (cut := _cut(self._unread)) is not None:
            start, end = cut
            first, body = self._unread[0], self._unread[start:end]
            self._unread = self._unread[end:]
            yield first >> 4, first & 0x0F, body


def _received(client: socket.socket) -> bytes | None:
    """What has come so far; None when the client hung up."""
    try:
        return client.recv(1 << 20, socket.MSG_DONTWAIT) or None
    except BlockingIOError:
        return b""
    except ConnectionResetError:
        return None


def _cut(data: bytes) -> tuple[int, int] | None:
    """Where the body of the first packet begins and ends; None while it is not whole."""
    length = shift = 0
    for place, byte in enumerate(data[1:5], start=2):
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return (place, place + length) if len(data) >= place + length else None
    return None


def _length(number: int) -> bytes:
    coded = bytearray()
    while number >= 0x80:
        coded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*coded, number])
