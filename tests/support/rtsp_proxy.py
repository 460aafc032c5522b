"""`FaultProxy`: between a camera and its reader, and unkind to what passes.

It understands RTSP with interleaved RTP (transport TCP), so that it can lose, hold or damage single RTP packets, as a
bad network does to UDP, while the conversation around them goes on.
"""

from __future__ import annotations

import random
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import BinaryIO

HEADER_BYTES = 4
"""Of an interleaved packet: `$`, channel, length in two bytes (RFC 2326, 10.12)."""
RTP_HEADER_BYTES = 12
LISTEN_S = 0.1


class FaultProxy:
    """Any thread may change the faults while it runs."""

    def __init__(self, target_port: int, *, seed: int = 0, target: str = "127.0.0.1") -> None:
        self.drop = 0.0
        """Part of the RTP packets that is lost, 0..1."""
        self.corrupt = 0.0
        """Part of the RTP packets in which payload bytes are changed."""
        self.delay_s = 0.0
        """Every RTP packet is held by chance up to this long; order stays."""
        self.connections_total = 0
        self.is_open = True
        """False: new connections are closed at once."""
        self._target = (target, target_port)
        self._chance = random.Random(seed)
        self._flowing = threading.Event()
        self._flowing.set()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> FaultProxy:
        self._listener.settimeout(LISTEN_S)
        self._spawn(self._accept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._flowing.set()
        self.cut()
        for thread in list(self._threads):
            thread.join(5.0)
        self._listener.close()

    def url(self, path: str = "/live") -> str:
        return f"rtsp://127.0.0.1:{self.port}{path}"

    def stall(self) -> None:
        """Nothing passes any more, and nothing is closed."""
        self._flowing.clear()

    def resume(self) -> None:
        self._flowing.set()

    def cut(self) -> None:
        """Close every connection."""
        with self._lock:
            ends, self._sockets = self._sockets, set()
        for end in ends:
            _shut(end)

    def _spawn(self, work: object, *args: object) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=work, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            if self.is_open:
                self._join(client)
            else:
                client.close()

    def _join(self, client: socket.socket) -> None:
        """Connects a client with the camera."""
        client.settimeout(None)
        try:
            camera = socket.create_connection(self._target, timeout=2.0)
        except OSError:
            client.close()
            return
        camera.settimeout(None)
        with self._lock:
            self.connections_total += 1
            self._sockets |= {client, camera}
        self._spawn(self._forward, client, camera)
        self._spawn(self._mangle, camera, client)

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        """Requests pass unchanged."""
        try:
            while data := source.recv(65_536):
                self._flowing.wait()
                sink.sendall(data)
        except OSError:
            pass
        finally:
            self._leave(source, sink)

    def _mangle(self, source: socket.socket, sink: socket.socket) -> None:
        """Answers pass unchanged; RTP packets take what comes."""
        stream = source.makefile("rb")
        try:
            while first := stream.read(1):
                data = self._packet(stream) if first == b"$" else first + _answer(stream)
                self._flowing.wait()
                if data:
                    sink.sendall(data)
        except (OSError, ValueError):
            pass
        finally:
            stream.close()
            self._leave(source, sink)

    def _packet(self, stream: BinaryIO) -> bytes:
        rest: bytes = stream.read(HEADER_BYTES - 1)
        body = bytearray(stream.read(int.from_bytes(rest[1:], "big")))
        is_rtp = rest[:1] == b"\x00"
        if is_rtp and self._chance.random() < self.drop:
            return b""
        if is_rtp and self._chance.random() < self.corrupt:
            for _ in range(4):
                body[self._chance.randrange(RTP_HEADER_BYTES, len(body))] ^= 0xFF
        if self.delay_s:
            self._stopping.wait(self._chance.random() * self.delay_s)
        return b"$" + rest + bytes(body)

    def _leave(self, *ends: socket.socket) -> None:
        with self._lock:
            self._sockets -= set(ends)
        for end in ends:
            _shut(end)


def _answer(stream: BinaryIO) -> bytes:
    """An RTSP answer, less its first byte, with its body."""
    lines: list[bytes] = []
    length = 0
    while line := stream.readline():
        lines.append(line)
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
        if line == b"\r\n":
            break
    return b"".join(lines) + stream.read(length)


def _shut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
