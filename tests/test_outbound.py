"""One total deadline bounds a call to another machine, wherever the other side makes it wait."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from surveil.outbound import CallerClosed, DeadlineExceeded, HttpCaller, OutboundError

Talk = Callable[[socket.socket, threading.Event], None]
DRIP_S = 0.05
DEADLINE_S = 0.6
LONG_S = 30.0
"""Far more than any call here may take, also on a machine that is busy with something else."""


@contextmanager
def server(talk: Talk) -> Iterator[str]:
    """An address on loopback; `talk` has each connection in a thread of its own, until the event is set."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                threading.Thread(target=_talk, args=(talk, connection, over), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        over.set()
        listening.shutdown(socket.SHUT_RDWR)


def _talk(talk: Talk, connection: socket.socket, over: threading.Event) -> None:
    with connection, suppress(OSError):  # the caller hung up: that is what is tested
        talk(connection, over)


def drip(connection: socket.socket, over: threading.Event, text: bytes) -> None:
    """`text` again and again, a byte at a time, for ever."""
    while not over.is_set():
        for byte in text:
            connection.sendall(bytes([byte]))
            if over.wait(DRIP_S):
                return


def silent(connection: socket.socket, over: threading.Event) -> None:
    over.wait(LONG_S)


def dripping_head(connection: socket.socket, over: threading.Event) -> None:
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    drip(connection, over, b"X-Slow: 1\r\n")


def dripping_body(connection: socket.socket, over: threading.Event) -> None:
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    drip(connection, over, b"x")


def greeting(connection: socket.socket, over: threading.Event) -> None:
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 5\r\nX-Name: a\r\n\r\nhello")


def redirecting(connection: socket.socket, over: threading.Event) -> None:
    connection.recv(4096)
    connection.sendall(
        b"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n"
    )


def endless(connection: socket.socket, over: threading.Event) -> None:
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while not over.is_set():
        connection.sendall(b"x" * 65536)


@pytest.fixture
def caller() -> Iterator[HttpCaller]:
    made = HttpCaller("test-outbound")
    yield made
    made.close()


@pytest.mark.parametrize("talk", [silent, dripping_head, dripping_body])
def test_a_server_that_drips_or_says_nothing_is_given_up_at_the_deadline(
    caller: HttpCaller, talk: Talk
) -> None:
    with server(talk) as where:
        began = time.monotonic()
        with pytest.raises(DeadlineExceeded, match=r"within 0\.6 s"):
            caller.call("POST", f"http://{where}/", deadline_s=DEADLINE_S, body=b"{}")
        assert DEADLINE_S * 0.9 <= time.monotonic() - began < LONG_S


def test_so_is_a_handshake_of_tls_that_does_not_end(caller: HttpCaller) -> None:
    with server(silent) as where, pytest.raises(DeadlineExceeded):
        caller.call("GET", f"https://{where}/", deadline_s=DEADLINE_S)


def test_and_a_resolver_that_hangs(caller: HttpCaller, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread inside the C library cannot be ended, but nobody waits for it."""
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(LONG_S) and [])
    for _ in range(6):
        with pytest.raises(OutboundError):
            caller.call("GET", "http://camera.example/", deadline_s=0.1)
    waiting = [thread for thread in threading.enumerate() if thread.name == "lookup"]
    assert 1 <= len(waiting) <= 4, "hanging lookups are bounded"
    assert all(thread.daemon for thread in waiting), "the process's end would wait for them"
    over.set()
    for thread in waiting:
        thread.join(LONG_S)


def test_an_answer_comes_whole_with_status_and_headers(caller: HttpCaller) -> None:
    with server(greeting) as where:
        answer = caller.call("POST", f"http://{where}/a?b", deadline_s=LONG_S, body=b"x")
    assert (answer.status, answer.body, answer.headers["x-name"]) == (201, b"hello", "a")


def test_a_redirect_is_an_answer_and_is_not_followed(caller: HttpCaller) -> None:
    with server(redirecting) as where:
        assert caller.call("GET", f"http://{where}/", deadline_s=LONG_S).status == 302


def test_no_more_is_read_than_was_asked_for(caller: HttpCaller) -> None:
    with server(endless) as where:
        answer = caller.call("GET", f"http://{where}/", deadline_s=LONG_S, max_bytes=100_000)
    assert len(answer.body) == 100_000


def test_a_refused_connection_says_so_without_the_address(caller: HttpCaller) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(OutboundError) as refused:
        caller.call("GET", f"http://127.0.0.1:{port}/secret-token", deadline_s=LONG_S)
    assert str(refused.value) == "Connection refused"


def test_so_does_one_of_a_name_with_several_addresses(caller: HttpCaller) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(
        OutboundError, match=r"^(Connection refused|Cannot assign requested address)$"
    ):
        caller.call("GET", f"http://localhost:{port}/secret-token", deadline_s=LONG_S)


def test_closing_ends_a_call_that_is_under_way_at_once() -> None:
    caller = HttpCaller("test-outbound")
    found: list[BaseException] = []

    def ask(url: str) -> None:
        try:
            caller.call("GET", url, deadline_s=LONG_S)
        except OutboundError as error:
            found.append(error)

    asked = threading.Event()

    def talk(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(4096)
        asked.set()
        over.wait(LONG_S)

    with server(talk) as where:
        asking = threading.Thread(target=ask, args=(f"http://{where}/",))
        asking.start()
        assert asked.wait(LONG_S)
        caller.close()
        asking.join(LONG_S / 2)
        assert not asking.is_alive()
    assert [type(error) for error in found] == [CallerClosed]
    with pytest.raises(CallerClosed):
        caller.call("GET", "http://127.0.0.1:1/", deadline_s=1.0)
