"""Signals as flags. The handlers do nothing else: a handler that locks, logs or joins can deadlock with the very line
that it interrupted.

    SIGTERM, SIGINT     stop; the second one exits at once with 128 + its number, as a shell reports a killed process
    SIGHUP              reload
"""

from __future__ import annotations

import os
import select
import signal
import socket
from types import FrameType, TracebackType

STOP = (signal.SIGTERM, signal.SIGINT)


class Signals:
    """A context manager for the main thread; `wake` alone may be called by any."""

    def __init__(self) -> None:
        self.stop_requested: signal.Signals | None = None
        """The signal that asked for the stop."""
        self._reload = False
        # Not a threading.Event: its lock is held for an instant inside wait(), and a handler that comes just then
        # and calls set() would wait for that lock for ever. Bytes in a socket need no lock.
        self._awake, self._waker = socket.socketpair()
        self._awake.setblocking(False)
        self._waker.setblocking(False)
        self._previous: dict[signal.Signals, object] = {}
        self._previous_fd = -1

    def __enter__(self) -> Signals:
        self._previous_fd = signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        for number in STOP:
            self._previous[number] = signal.signal(number, self._on_stop)
        self._previous[signal.SIGHUP] = signal.signal(signal.SIGHUP, self._on_reload)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type] # what signal.signal itself gave
        signal.set_wakeup_fd(self._previous_fd)
        self._awake.close()
        self._waker.close()

    def take_reload(self) -> bool:
        """Whether a reload was asked for since the last call."""
        asked, self._reload = self._reload, False
        return asked

    def wait(self, seconds: float) -> None:
        """Until a signal, a `wake`, or so many seconds."""
        if select.select([self._awake], [], [], seconds)[0]:
            _drain(self._awake)

    def wake(self) -> None:
        """End the main thread's `wait` now. Any thread."""
        try:
            self._waker.send(b"\0")
        except BlockingIOError:
            return  # full of earlier wakes: main will see them

    def _on_stop(self, number: int, _frame: FrameType | None) -> None:
        if self.stop_requested is not None:
            os.write(2, b"surveil: second signal, exiting at once\n")
            os._exit(128 + number)
        self.stop_requested = signal.Signals(number)

    def _on_reload(self, _number: int, _frame: FrameType | None) -> None:
        self._reload = True


def _drain(sock: socket.socket) -> None:
    try:
        while sock.recv(4096):
            pass
    except BlockingIOError:
        return
