"""HTTP to other machines, with one total deadline a call.

Timeouts of HTTP libraries are per read, per address or per try: a server that drips a byte every few seconds holds
its caller for ever. Here a call is a task in an event loop of its own thread, and what is over its time is cancelled,
wherever it stands: in DNS, connecting, TLS, the head of the answer or its body.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
import threading
from collections.abc import Coroutine, Mapping
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import httpx2

from surveil.errors import SurveilError

GRACE_S = 1.0
"""Beyond the deadline, for the loop to cancel; a caller waits no longer, whatever the loop does."""
MAX_LOOKUPS = 4
"""Resolver threads that may hang at once. The C library cannot be interrupted, so these are abandoned, and counted."""
READ_BYTES = 64 << 10


class OutboundError(SurveilError):
    """There was no answer; says why, without the address, which may hold a token."""


class DeadlineExceeded(OutboundError):
    """The call took longer than it may."""


class CallerClosed(OutboundError):
    """The caller was closed while the call was under way, or before."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer, whatever its status."""

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""


class HttpCaller:
    """Any thread. One for each destination, so that the hanging lookups of one cannot starve another.

    Redirects are never followed: a secret in a header would be carried to wherever the answer points.
    """

    def __init__(
        self, name: str, *, verify: ssl.SSLContext | None = None, connections: int = 4
    ) -> None:
        """`name`: of the loop's thread. `verify`: None takes the system's certificates."""
        self._name = name
        self._verify = verify
        self._connections = connections
        self._lock = threading.Lock()
        self._loop: _Loop | None = None
        self._client: httpx2.AsyncClient | None = None
        self._closed = False
        self._calls: set[Future[Answer]] = set()

    def call(
        self,
        method: str,
        url: str,
        *,
        deadline_s: float,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        max_bytes: int = 1 << 20,
    ) -> Answer:
        """The answer, of which at most `max_bytes` are read. Blocks at most `deadline_s` and a second.

        Raises DeadlineExceeded, CallerClosed, OutboundError.
        """
        request = self._fetch(method, url, body, dict(headers or {}), deadline_s, max_bytes)
        future = self._submit(request)
        try:
            return future.result(deadline_s + GRACE_S)
        except FutureTimeout:
            future.cancel()
            raise DeadlineExceeded(f"no answer within {deadline_s:g} s") from None
        except CancelledError:
            raise CallerClosed("given up: the connection is being closed") from None
        finally:
            with self._lock:
                self._calls.discard(future)

    def close(self) -> None:
        """Cancel every call that is under way, at once; later ones are refused. Any thread, more than once."""
        with self._lock:
            self._closed = True
            calls, self._calls = self._calls, set()
            loop, self._loop = self._loop, None
        for future in calls:
            future.cancel()
        if loop is not None:
            loop.call_soon_threadsafe(loop.create_task, self._end(loop))

    def _submit(self, request: Coroutine[Any, Any, Answer]) -> Future[Answer]:
        with self._lock:
            if self._closed:
                request.close()
                raise CallerClosed("the connection is closed")
            if self._loop is None:
                self._loop = _start_loop(self._name)
            future = asyncio.run_coroutine_threadsafe(request, self._loop)
            self._calls.add(future)
            return future

    async def _fetch(
        self,
        method: str,
        url: str,
        body: bytes,
        headers: dict[str, str],
        deadline_s: float,
        max_bytes: int,
    ) -> Answer:
        opened: list[asyncio.BaseTransport] = []
        _opened_here.set(opened)
        try:
            async with asyncio.timeout(deadline_s):
                answer = await self._exchange(method, url, body, headers, max_bytes)
            opened.clear()  # the pool keeps them for the next call
        except TimeoutError:
            raise DeadlineExceeded(f"no answer within {deadline_s:g} s") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            raise OutboundError(_reason(error)) from None
        finally:
            for transport in opened:  # a handshake of TLS that is cancelled leaves its socket open
                transport.close()
        return answer

    async def _exchange(
        self, method: str, url: str, body: bytes, headers: dict[str, str], max_bytes: int
    ) -> Answer:
        client = self._opened()
        async with client.stream(method, url, content=body, headers=headers) as response:
            parts: list[bytes] = []
            left = max_bytes
            async for part in response.aiter_bytes(READ_BYTES):
                parts.append(part[:left])
                left -= len(parts[-1])
                if left <= 0:
                    break
            return Answer(
                response.status_code,
                b"".join(parts),
                {name.lower(): value for name, value in response.headers.items()},
            )

    def _opened(self) -> httpx2.AsyncClient:
        """Made in the loop's thread: loading the system's certificates takes tens of milliseconds, once."""
        if self._client is None:
            self._client = httpx2.AsyncClient(
                verify=self._verify or True,
                follow_redirects=False,
                timeout=None,  # the deadline is the whole call's
                limits=httpx2.Limits(max_connections=self._connections),
            )
        return self._client

    async def _end(self, loop: _Loop) -> None:
        """Lets the cancelled calls give their sockets back before the loop stops."""
        others = asyncio.all_tasks(loop) - {asyncio.current_task(loop)}
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others, timeout=GRACE_S)
        if self._client is not None:
            await self._client.aclose()
        await asyncio.sleep(0)  # transports close in the next turn of the loop
        loop.call_soon(loop.stop)


_opened_here: ContextVar[list[asyncio.BaseTransport] | None] = ContextVar("opened", default=None)
"""The connections that were opened for the present call."""


class _Loop(asyncio.SelectorEventLoop):
    """Looks names up in daemon threads: those of the standard pool are waited for when the process ends, and a
    resolver without a server hangs for forty seconds."""

    def __init__(self) -> None:
        super().__init__()
        self._lookups = 0

    async def create_connection(self, *args: Any, **options: Any) -> Any:
        transport, protocol = await super().create_connection(*args, **options)
        opened = _opened_here.get()
        if opened is not None:
            opened.append(transport)
        return transport, protocol

    async def getaddrinfo(
        self,
        host: Any,
        port: Any,
        *,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> Any:
        if self._lookups >= MAX_LOOKUPS:
            raise OSError("name lookups hang; is this machine's DNS server there?")
        found: asyncio.Future[Any] = self.create_future()
        self._lookups += 1

        def done(result: Any, error: BaseException | None) -> None:
            self._lookups -= 1
            if found.done():
                return
            if error is None:
                found.set_result(result)
            else:
                found.set_exception(error)

        def work() -> None:
            result, error = None, None
            try:
                result = socket.getaddrinfo(host, port, family, type, proto, flags)
            except OSError as raised:
                error = raised
            if not self.is_closed():
                self.call_soon_threadsafe(done, result, error)

        threading.Thread(target=work, name="lookup", daemon=True).start()
        return await found


def _start_loop(name: str) -> _Loop:
    loop = _Loop()

    def run() -> None:
        try:
            loop.run_forever()
        finally:
            loop.close()

    threading.Thread(target=run, name=name, daemon=True).start()
    return loop


def _reason(error: Exception) -> str:
    """What went wrong, in the words of whoever said it, without address or path."""
    cause: BaseException = error
    while cause.__cause__ is not None or cause.__context__ is not None:
        cause = cause.__cause__ or cause.__context__ or cause
    if isinstance(cause, socket.gaierror):
        return "its name is not known; check it, and this machine's DNS"
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {cause.verify_message}"
    if isinstance(cause, OSError):
        return _os_reason(cause)
    text = str(error) if isinstance(error, httpx2.RemoteProtocolError) else ""
    return text or type(error).__name__


def _os_reason(error: OSError) -> str:
    """asyncio's own words hold the address; of several addresses, what the last one said."""
    numbers = re.findall(r"\[Errno (\d+)\]", str(error))
    if isinstance(error, ssl.SSLError) or not numbers:
        return error.strerror or type(error).__name__
    return os.strerror(int(numbers[-1]))
