"""The sd_notify protocol, over a real socket."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from surveil.service.sd_notify import Notifier


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(5)
        yield sock


@pytest.fixture
def notifier(listener: socket.socket) -> Notifier:
    return Notifier({"NOTIFY_SOCKET": listener.getsockname()})


def received(listener: socket.socket) -> list[str]:
    return listener.recv(4096).decode().split("\n")


def test_ready_carries_the_status_in_one_datagram(
    notifier: Notifier, listener: socket.socket
) -> None:
    notifier.ready("watching 3 cameras")
    assert received(listener) == ["READY=1", "STATUS=watching 3 cameras"]


def test_reloading_carries_the_monotonic_clock_that_systemd_compares(
    notifier: Notifier, listener: socket.socket
) -> None:
    notifier.reloading()
    kind, stamp = received(listener)
    assert kind == "RELOADING=1"
    assert stamp.startswith("MONOTONIC_USEC=")
    assert int(stamp.partition("=")[2]) > 0


def test_every_other_word(notifier: Notifier, listener: socket.socket) -> None:
    notifier.status("a")
    notifier.stopping("bye")
    notifier.watchdog()
    assert received(listener) == ["STATUS=a"]
    assert received(listener) == ["STOPPING=1", "STATUS=bye"]
    assert received(listener) == ["WATCHDOG=1"]


def test_a_status_cannot_smuggle_in_another_assignment_or_a_password(
    notifier: Notifier, listener: socket.socket
) -> None:
    notifier.status("cam rtsp://u:hunter2@h/\nREADY=1")
    assert received(listener) == ["STATUS=cam rtsp://***@h/ READY=1"]


def test_abstract_sockets_are_reached() -> None:
    name = f"surveil-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0{name}")
        listener.settimeout(5)
        Notifier({"NOTIFY_SOCKET": f"@{name}"}).watchdog()
        assert received(listener) == ["WATCHDOG=1"]


def test_without_systemd_nothing_is_sent_and_no_interval_is_asked() -> None:
    notifier = Notifier({"WATCHDOG_USEC": "30000000"})
    notifier.ready("x")
    assert not notifier.enabled
    assert notifier.watchdog_interval_s is None


def test_a_broken_socket_is_told_once_and_never_raises(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "nobody")})
    notifier.watchdog()
    notifier.watchdog()
    assert len(caplog.records) == 1


def test_a_full_socket_holds_the_daemon_up_for_a_moment_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Given a listener that never reads, when its queue is full, then sending gives up and says so."""
    monkeypatch.setattr("surveil.service.sd_notify.SEND_TIMEOUT_S", 0.01)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "full"))
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "full")})
        for _ in range(5000):
            notifier.status("x" * 500)
            if caplog.records:
                break
        assert "does not answer" in caplog.text


@pytest.mark.parametrize(
    ("environ", "expected_s"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_watchdog_interval_is_half_of_what_is_allowed_to_this_process(
    environ: dict[str, str], expected_s: float | None
) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": "/run/x", **environ})
    assert notifier.watchdog_interval_s == expected_s
