"""`surveil run` as a real process, watched the way systemd watches it: through a notify socket."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from tests.support.waiting import eventually

READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0
"""What systemd allows a stop: TimeoutStopSec of the unit."""


class DaemonProcess:
    """A context manager: started and READY inside, stopped with SIGTERM outside (or already ended)."""

    def __init__(
        self, config: Path, *, environ: dict[str, str] | None = None, await_ready: bool = True
    ) -> None:
        self.config = config
        self.log_path = config.with_suffix(".log")
        self.notified: list[str] = []
        self._environ = environ or {}
        self._await_ready = await_ready
        self._socket_path = config.with_suffix(".notify")
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> DaemonProcess:
        self.start()
        if self._await_ready:
            self.wait_notified("READY=1")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.running:
            self.stop()
        self._socket.close()
        if error is not None:
            print(self.log())

    def start(self) -> None:
        """Start without waiting for anything."""
        self._socket_path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self._socket_path))
        self._socket.setblocking(False)
        environ = os.environ | {"NOTIFY_SOCKET": str(self._socket_path)} | self._environ
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "surveil", "run", "-c", str(self.config)],
                stdout=log,
                stderr=log,
                env=environ,
            )

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def send(self, signal_number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(signal_number)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.send(signal.SIGTERM)
        return self.wait()

    def wait(self, timeout_s: float = STOP_TIMEOUT_S) -> int:
        """The exit code, once the process has ended by itself; kills it and fails when it does not."""
        assert self.process is not None
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"still running after {timeout_s} s\n{self.log()}") from None

    def wait_notified(self, line: str, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Until some notification held this line (or began one with it, for `STATUS=`)."""
        eventually(lambda: self._ended_early() or self.was_notified(line), timeout_s=timeout_s)
        assert self.was_notified(line), f"ended before {line}\n{self.log()}"

    def was_notified(self, line: str) -> bool:
        self._drain()
        return any(text.startswith(line) for text in self.notified)

    def log(self) -> str:
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def resident_bytes(self) -> int:
        """Resident memory now."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        line = next(row for row in status.splitlines() if row.startswith("VmRSS"))
        return int(line.split()[1]) * 1024

    def _ended_early(self) -> bool:
        return not self.running

    def _drain(self) -> None:
        while True:
            try:
                message = self._socket.recv(4096)
            except BlockingIOError:
                return
            self.notified += message.decode().splitlines()
