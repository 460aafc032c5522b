"""A small HTTP server for this machine: health, readiness, metrics, status and, to those with the token, pictures."""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import os
import socket
import socketserver
import stat
import threading
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

from surveil.api.routes import MAX_HEAD_BYTES, Request, Response, Routes, Sources, parse, refusal
from surveil.clock import NS_PER_S, Clock, SystemClock, ns
from surveil.errors import ConfigError, SurveilError
from surveil.worker import Worker, WorkerFailed

logger = logging.getLogger(__name__)

MAX_CONNECTIONS = 8
REQUEST_TIMEOUT_S = 5.0
"""For the whole head, however slowly it drips, and then again for the whole answer."""
ACCEPT_WAIT_S = 0.5


class HttpServer(Worker):
    """Listens from construction on; answers once started. One thread a connection, at most `MAX_CONNECTIONS`.

    `listen` is `address:port`, `[v6]:port` (port 0: any free one) or `unix:/path`. Raises ConfigError for an address
    that others can reach without a token to keep them out, and SurveilError when it is taken.
    """

    def __init__(
        self,
        listen: str,
        sources: Sources,
        token: str | None = None,
        *,
        clock: Clock | None = None,
        on_failure: WorkerFailed | None = None,
    ) -> None:
        super().__init__("http", clock=clock or SystemClock(), on_failure=on_failure)
        local = is_local(listen)
        if not local and not token:
            raise ConfigError(
                f"http.listen is {listen}, which other machines can reach: set http.token, or listen on 127.0.0.1"
            )
        routes = Routes(sources, token=token, local=local)
        self._server = _open(listen, _Answering(routes, self._fail))
        self._listen = listen

    @property
    def address(self) -> str:
        """`http://127.0.0.1:9878` or `unix:/path`, fit for `surveil status --url`."""
        if self._listen.startswith("unix:"):
            return self._listen
        host, port = self._server.socket.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def step(self) -> None:
        self._server.handle_request()

    def finish(self) -> None:
        self._server.server_close()

    def close(self) -> None:
        """Stop listening; also for a server that was never started, and more than once."""
        self._server.server_close()


def is_local(listen: str) -> bool:
    """Whether only this machine can connect: loopback or a unix socket. Raises ConfigError for no address at all."""
    if listen.startswith("unix:"):
        return True
    host, _ = _split(listen)
    return host == "localhost" or ipaddress.ip_address(host).is_loopback


def _split(listen: str) -> tuple[str, int]:
    host, colon, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    with contextlib.suppress(ValueError):
        if host != "localhost":
            ipaddress.ip_address(host)
        if colon and port.isascii() and port.isdigit() and int(port) < 65536:
            return host, int(port)
    raise ConfigError(
        f"http.listen is {listen!r}: allowed are address:port, such as 127.0.0.1:9878, and unix:/path"
    )


class _Answering:
    """One connection from its first byte to its last."""

    def __init__(self, routes: Routes, on_failure: Callable[[BaseException], None]) -> None:
        self._routes = routes
        self._on_failure = on_failure

    def serve(self, connection: socket.socket, clock: Clock) -> None:
        """A client that goes away, or dawdles, is its own affair."""
        with contextlib.suppress(OSError):
            head = read_head(connection, clock)
            if not head:
                return
            request = parse(head)
            head_only = isinstance(request, Request) and request.method == "HEAD"
            response = self._answer(request) if isinstance(request, Request) else request
            connection.settimeout(REQUEST_TIMEOUT_S)
            connection.sendall(response.encode(head_only=head_only))
            _hang_up(connection)

    def _answer(self, request: Request) -> Response:
        try:
            return self._routes.answer(request)
        except Exception as error:
            self._on_failure(error)
            return refusal(
                HTTPStatus.INTERNAL_SERVER_ERROR, "a mistake inside surveil; see its log"
            )


def read_head(connection: socket.socket, clock: Clock) -> bytes:
    """Bytes up to the blank line, the end of input, one byte too many, or the time limit: a slow client gets as far as
    it got. Raises OSError when the connection breaks."""
    deadline_ns = clock.monotonic_ns() + ns(REQUEST_TIMEOUT_S)
    head = b""
    while b"\r\n\r\n" not in head and b"\n\n" not in head and len(head) <= MAX_HEAD_BYTES:
        left_s = (deadline_ns - clock.monotonic_ns()) / NS_PER_S
        if left_s <= 0:
            break
        connection.settimeout(left_s)
        try:
            received = connection.recv(MAX_HEAD_BYTES + 1 - len(head))
        except TimeoutError:
            break
        if not received:
            break
        head += received
    return head


def _hang_up(connection: socket.socket) -> None:
    """Say that no more comes, and take what still does: closing with unread input would reset the connection, and the
    client might lose the answer."""
    connection.shutdown(socket.SHUT_WR)
    connection.settimeout(0.2)
    for _ in range(64):
        if not connection.recv(65536):
            return


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Threads that the process does not wait for, and no more of them than `MAX_CONNECTIONS`."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 32
    timeout = ACCEPT_WAIT_S

    def __init__(self, address: Any, family: socket.AddressFamily, answering: _Answering) -> None:
        self.address_family = family
        self._answering = answering
        self._clock = SystemClock()
        self._places = threading.BoundedSemaphore(MAX_CONNECTIONS)
        super().__init__(address, socketserver.BaseRequestHandler)

    def server_bind(self) -> None:
        """Without the base class's look-up of our own name, which may wait for DNS."""
        if self.allow_reuse_address and self.address_family != socket.AF_UNIX:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._places.acquire(blocking=False):
            _turn_away(request)
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            self._answering.serve(request, self._clock)
        finally:
            self.shutdown_request(request)
            self._places.release()


class _UnixServer(_Server):
    """A socket file that its own end takes away."""

    allow_reuse_address = False
    _bound = False

    def server_bind(self) -> None:
        before = os.umask(0o117)  # owner and group: whoever may run `surveil status`
        try:
            super().server_bind()
            self._bound = True
        finally:
            os.umask(before)

    def server_close(self) -> None:
        super().server_close()
        if self._bound:  # else the file, if there is one, is another's: the base class closes after a failed bind, too
            Path(str(self.server_address)).unlink(missing_ok=True)
            self._bound = False


def _open(listen: str, answering: _Answering) -> _Server:
    try:
        if listen.startswith("unix:"):
            path = Path(listen.removeprefix("unix:"))
            _clear_stale(path)
            return _UnixServer(str(path), socket.AF_UNIX, answering)
        host, port = _split(listen)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return _Server((host, port), family, answering)
    except OSError as error:
        raise SurveilError(
            f"http.listen {listen} cannot be had ({error.strerror or error}): stop what holds it, or name another"
        ) from error


def _clear_stale(path: Path) -> None:
    """Take away a socket file whose process is gone; one that answers is left, and makes the bind fail."""
    try:
        if not stat.S_ISSOCK(path.stat().st_mode):
            return
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)


def _turn_away(connection: socket.socket) -> None:
    busy = refusal(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections", Retry_After="1")
    with contextlib.suppress(OSError):
        connection.settimeout(0.2)
        connection.sendall(busy.encode())
