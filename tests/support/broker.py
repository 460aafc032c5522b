"""A real Mosquitto on a free loopback port, that can be killed and started again."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

MOSQUITTO = shutil.which("mosquitto") or (
    "/usr/sbin/mosquitto" if Path("/usr/sbin/mosquitto").exists() else None
)
"""None: not installed."""
START_LIMIT_S = 30.0


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files for the broker's side."""

    ca: Path
    certificate: Path
    key: Path
    require_certificate: bool = False


class Broker:
    """Context manager; `port` stays the same over `kill` and `start`."""

    def __init__(
        self,
        folder: Path,
        *,
        persistence: bool = False,
        users: Mapping[str, str] | None = None,
        tls: TlsFiles | None = None,
        extra: str = "",
    ) -> None:
        """`users`: name -> password; None lets everybody in. `extra`: more lines of mosquitto.conf."""
        self.folder = folder
        self.port = free_port()
        self._persistence = persistence
        self._users = users
        self._tls = tls
        self._extra = extra
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Broker:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Returns when the port answers."""
        if MOSQUITTO is None:
            raise RuntimeError("mosquitto is not installed")
        config = self.folder / "mosquitto.conf"
        config.write_text(self._config())
        config.chmod(0o600)
        with (self.folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen(
                [MOSQUITTO, "-c", str(config)], stdout=log, stderr=subprocess.STDOUT
            )
        self._await_port()

    def kill(self) -> None:
        """kill -9: nothing is saved."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """A clean stop, which saves the persistent sessions."""
        self._end(signal.SIGTERM)

    def save(self) -> None:
        """Write the persistent sessions to disk now (SIGUSR1); returns when the file is there."""
        assert self._process is not None
        database = self.folder / "mosquitto.db"
        before = database.stat().st_mtime_ns if database.exists() else 0
        self._process.send_signal(signal.SIGUSR1)
        until = time.monotonic() + START_LIMIT_S
        while not (database.exists() and database.stat().st_mtime_ns > before):
            if time.monotonic() > until:
                raise TimeoutError("mosquitto did not save its sessions")
            time.sleep(0.02)

    def set_users(self, users: Mapping[str, str]) -> None:
        """Takes effect at once (SIGHUP) for connections that come later."""
        self._users = users
        self._write_users()
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    @property
    def log(self) -> str:
        return (self.folder / "mosquitto.log").read_text(errors="replace")

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(START_LIMIT_S)
            self._process = None

    def _config(self) -> str:
        lines = [f"listener {self.port} 127.0.0.1", "max_queued_messages 0", "log_type all"]
        if os.geteuid() == 0:
            lines.append("user root")  # else it drops to `mosquitto`, which cannot write here
        if self._persistence:
            lines += [
                "persistence true",
                f"persistence_location {self.folder}/",
                "autosave_interval 1",
            ]
        if self._users is None:
            lines.append("allow_anonymous true")
        else:
            self._write_users()
            lines.append(f"password_file {self.folder}/passwords")
        if self._tls is not None:
            lines += [
                f"cafile {self._tls.ca}",
                f"certfile {self._tls.certificate}",
                f"keyfile {self._tls.key}",
                f"require_certificate {str(self._tls.require_certificate).lower()}",
            ]
        return "\n".join([*lines, self._extra, ""])

    def _write_users(self) -> None:
        passwords = self.folder / "passwords"
        passwords.write_text("".join(f"{n}:{p}\n" for n, p in (self._users or {}).items()))
        passwords.chmod(0o600)
        subprocess.run(["mosquitto_passwd", "-U", str(passwords)], check=True, capture_output=True)

    def _await_port(self) -> None:
        until = time.monotonic() + START_LIMIT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
            except OSError:
                assert self._process is not None
                if self._process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"mosquitto did not start:\n{self.log[-2000:]}") from None
                time.sleep(0.02)
            else:
                return


def free_port() -> int:
    """A loopback port that nothing listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
