"""A broker of one MQTT 3.1.1 connection that hands on whatever bytes a test likes, which a real broker would refuse."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

CONNECT, PUBLISH, PUBACK, SUBSCRIBE, PINGREQ = 1, 3, 4, 8, 12
ANSWERS = {CONNECT: bytes.fromhex("20020000"), PINGREQ: bytes.fromhex("d000")}


class WireBroker:
    """Driven by the test's thread. `heard`: (topic, payload) of what the client published since it was last emptied."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, bytes]] = []
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
        self._unread += _received(self._client)
        for kind, flags, body in self._packets():
            self._answer(kind, flags, body)

    def publish(self, topic: bytes, payload: bytes, *, retained: bool, packet_id: int) -> None:
        """At QoS 1."""
        assert self._client is not None
        body = struct.pack("!H", len(topic)) + topic + struct.pack("!H", packet_id) + payload
        self._client.sendall(bytes([0x32 | retained]) + _length(len(body)) + body)

    def _answer(self, kind: int, flags: int, body: bytes) -> None:
        assert self._client is not None
        if kind in ANSWERS:
            self._client.sendall(ANSWERS[kind])
        elif kind == SUBSCRIBE:
            self._client.sendall(b"\x90\x03" + body[:2] + b"\x01")
        elif kind == PUBACK:
            (self.acknowledged,) = struct.unpack("!H", body[:2])
        elif kind == PUBLISH:
            end = 2 + struct.unpack("!H", body[:2])[0]
            packet_id = body[end : end + 2] if flags & 0x06 else b""
            self.heard.append((body[2:end].decode(), body[end + len(packet_id) :]))
            if packet_id:
                self._client.sendall(b"\x40\x02" + packet_id)

    def _packets(self) -> Iterator[tuple[int, int, bytes]]:
        while (cut := _cut(self._unread)) is not None:
            start, end = cut
            first, body = self._unread[0], self._unread[start:end]
            self._unread = self._unread[end:]
            yield first >> 4, first & 0x0F, body


def _received(client: socket.socket) -> bytes:
    try:
        return client.recv(1 << 20, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return b""


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
