"""Signals become flags; a second one ends the process at once."""

import os
import signal
import subprocess
import sys
import threading

from surveil.service.signals import Signals

WAITING = """
from surveil.service.signals import Signals
with Signals() as signals:
    print("ready", flush=True)
    while signals.stop_requested is None:
        signals.wait(30)
    print("stopping", flush=True)
    while True:
        signals.wait(30)
"""


def test_sigterm_is_a_flag_and_ends_the_wait() -> None:
    with Signals() as signals:
        os.kill(os.getpid(), signal.SIGTERM)
        signals.wait(30)
        assert signals.stop_requested is signal.SIGTERM


def test_sighup_is_taken_once() -> None:
    with Signals() as signals:
        assert not signals.take_reload()
        os.kill(os.getpid(), signal.SIGHUP)
        signals.wait(30)
        assert signals.take_reload()
        assert not signals.take_reload()
        assert signals.stop_requested is None


def test_any_thread_may_end_the_wait() -> None:
    with Signals() as signals:
        threading.Thread(target=signals.wake).start()
        signals.wait(60)


def test_wakes_beyond_what_the_socket_holds_are_harmless() -> None:
    with Signals() as signals:
        for _ in range(10_000):
            signals.wake()
        signals.wait(30)
        signals.wait(0)


def test_handlers_that_were_there_come_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Signals():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_the_second_signal_exits_at_once_as_a_shell_would_report_it() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == "stopping\n"
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGINT
    assert "second signal" in stderr
