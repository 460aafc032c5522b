"""The conversation with systemd: one datagram a fact, to the socket that it names in the environment.

The protocol is sd_notify(3): `KEY=value` lines to $NOTIFY_SOCKET. A socket that fails never stops the daemon: without
an answer systemd will notice by itself.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Mapping

from surveil.redact import redact

logger = logging.getLogger(__name__)

SEND_TIMEOUT_S = 1.0
"""A full socket may hold up the main thread this long, never longer."""
STATUS_MAX = 512
"""Characters; `systemctl status` shows one line."""
US_PER_S = 1_000_000


class Notifier:
    """Tells systemd how the daemon is. Any thread; does nothing when not started by systemd."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self.watchdog_interval_s = _watchdog_interval_s(environ) if self.enabled else None
        """Seconds between two calls of `watchdog()`: half of what systemd allows; None when it does not ask."""
        self._broken = False

    @property
    def enabled(self) -> bool:
        return self._address is not None

    def ready(self, status: str) -> None:
        """The start, or a reload, is complete."""
        self._send("READY=1", _status(status))

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send(_status(text))

    def reloading(self) -> None:
        """A reload begins; `ready` ends it."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1_000}")

    def stopping(self, text: str) -> None:
        self._send("STOPPING=1", _status(text))

    def watchdog(self) -> None:
        """Everything that must move is moving."""
        self._send("WATCHDOG=1")

    def _send(self, *lines: str) -> None:
        if self._address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.settimeout(SEND_TIMEOUT_S)
                sender.connect(self._address)
                sender.sendall("\n".join(lines).encode())
        except OSError as error:
            self._log_broken(error)
        else:
            self._broken = False

    def _log_broken(self, error: OSError) -> None:
        """Once, until it works again: this may be called every few seconds for a year."""
        if not self._broken:
            logger.warning("systemd's notify socket does not answer: %s", error)
        self._broken = True


def _address(name: str) -> str | None:
    """A path, or `@name` of the abstract namespace, whose first byte is zero; None for anything else."""
    if name.startswith("@"):
        return "\0" + name[1:]
    return name if name.startswith("/") else None


def _watchdog_interval_s(environ: Mapping[str, str]) -> float | None:
    """None also when $WATCHDOG_PID says that another process was meant, as it does in our children."""
    allowed_us = environ.get("WATCHDOG_USEC", "")
    meant_pid = environ.get("WATCHDOG_PID", "") or str(os.getpid())
    if not allowed_us.isascii() or not allowed_us.isdigit() or int(allowed_us) == 0:
        return None
    return int(allowed_us) / US_PER_S / 2 if meant_pid == str(os.getpid()) else None


def _status(text: str) -> str:
    """One line: a line break inside would be read as another assignment."""
    return f"STATUS={' '.join(redact(text).split())[:STATUS_MAX]}"
