"""`DrippingServer`: takes every connection, says what it is given at once, and then a byte now and then, for ever."""

from __future__ import annotations

import socket
import threading
from types import TracebackType


class DrippingServer:
    """Use with `with`. No single read of it takes long, and nothing it sends is ever complete."""

    def __init__(self, at_once: bytes, dripped: bytes, *, every_s: float = 0.2) -> None:
        """`dripped` is sent byte by byte, again and again."""
        self.connections = 0
        self._at_once, self._dripped, self._every_s = at_once, dripped, every_s
        self._stopping = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> DrippingServer:
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            drip = threading.Thread(target=self._drip, args=(connection,))
            self._threads.append(drip)
            drip.start()

    def _drip(self, connection: socket.socket) -> None:
        with connection:
            try:
                connection.sendall(self._at_once)
                at = 0
                while not self._stopping.wait(self._every_s):
                    connection.sendall(self._dripped[at : at + 1])
                    at = (at + 1) % len(self._dripped)
            except OSError:
                return  # the camera's user has given up
