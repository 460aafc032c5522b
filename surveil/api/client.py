"""Asks a running daemon, over TCP or its unix socket, how it is."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from typing import Any
from urllib.parse import urlsplit

from surveil.errors import ConfigError, SurveilError
from surveil.redact import redact

TIMEOUT_S = 5.0
MAX_PAGE_BYTES = 4 << 20
"""256 cameras make about 200 kB."""


class NotRunningError(SurveilError):
    """Nothing answers where the daemon should."""


def fetch_status(address: str, *, token: str | None = None) -> dict[str, Any]:
    """The `/status` page of `address`: `http://host:port`, `host:port` or `unix:/path`.

    Raises NotRunningError when nothing listens there, SurveilError for an answer that is no status page, and
    ConfigError for what is no address.
    """
    connection = _connection(address)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with contextlib.closing(connection):
        try:
            connection.request("GET", "/status", headers=headers)
            response = connection.getresponse()
            body = response.read(MAX_PAGE_BYTES)
        except (ConnectionRefusedError, FileNotFoundError) as error:
            raise NotRunningError(
                f"no surveil answers at {redact(address)}: is it running (systemctl status surveil), "
                "and is http.listen the same in the configuration that it runs with?"
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise SurveilError(
                f"{redact(address)} does not answer as surveil does: {error}"
            ) from error
    return _page(address, response.status, body)


class _UnixConnection(http.client.HTTPConnection):
    """HTTP to a socket file."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _connection(address: str) -> http.client.HTTPConnection:
    if address.startswith("unix:"):
        return _UnixConnection(address.removeprefix("unix:"))
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.scheme != "http":
        raise ConfigError(
            f"{redact(address)!r} is no address: http://127.0.0.1:9878 and unix:/path are"
        )
    # A wildcard is where it listens, not where one can ask.
    local = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return http.client.HTTPConnection(local, port or 80, timeout=TIMEOUT_S)


def _page(address: str, status: int, body: bytes) -> dict[str, Any]:
    if status == http.client.UNAUTHORIZED:
        raise SurveilError(
            f"{redact(address)} wants its token: run this as a user who can read it, or give --token-file"
        )
    try:
        page = json.loads(body)
    except ValueError:
        page = None
    if not isinstance(page, dict):
        raise SurveilError(
            f"{redact(address)} answers {status}, with no status page: is it surveil?"
        )
    if status != http.client.OK:
        raise SurveilError(
            f"{redact(address)} answers {status}: {page.get('error', 'no reason given')}"
        )
    return page
