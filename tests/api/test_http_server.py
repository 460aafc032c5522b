"""A real server on real sockets: clear answers, bounded patience, bounded threads."""

from __future__ import annotations

import dataclasses
import http.client
import socket
import stat
import threading
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveil.api.http_server import MAX_CONNECTIONS, HttpServer, is_local
from surveil.api.routes import Sources
from surveil.clock import SystemClock, ns
from surveil.errors import ConfigError, SurveilError
from surveil.worker import Worker
from tests.support.fuzz import THOUSANDS
from tests.support.waiting import eventually

SOURCES = Sources(
    ready=lambda: True,
    late=lambda: [],
    problems=lambda: [],
    metrics=lambda: b"surveil_x 1\n",
    status=lambda: {"state": "ok"},
)


def stopped(server: HttpServer) -> None:
    server.stop()
    assert server.join(SystemClock().monotonic_ns() + ns(10))


@pytest.fixture(scope="module")
def server() -> Iterator[HttpServer]:
    server = HttpServer("127.0.0.1:0", SOURCES)
    server.start()
    yield server
    stopped(server)


def connect(server: HttpServer) -> socket.socket:
    host, _, port = server.address.removeprefix("http://").rpartition(":")
    return socket.create_connection((host, int(port)), timeout=10)


def say(server: HttpServer, request: bytes) -> bytes:
    """All that the server answers."""
    with connect(server) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_a_page_over_the_wire(server: HttpServer) -> None:
    answer = say(server, b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\nsurveil_x 1\n")


def test_the_standard_library_is_content_with_get_and_head(server: HttpServer) -> None:
    client = http.client.HTTPConnection(server.address.removeprefix("http://"), timeout=10)
    client.request("GET", "/healthz")
    got = client.getresponse()
    body = got.read()
    client.request("HEAD", "/healthz")
    head = client.getresponse()
    assert (got.status, head.status) == (200, 200)
    assert int(head.headers["Content-Length"]) == len(body)
    assert head.read() == b""
    client.close()


@THOUSANDS
@given(
    st.one_of(
        st.binary(max_size=2000),
        st.binary(max_size=40).map(lambda b: b"GET /" + b + b" HTTP/1.1\r\n\r\n"),
        st.binary(max_size=200).map(lambda b: b"GET /status HTTP/1.1\r\n" + b + b"\r\n\r\n"),
        st.binary(min_size=1, max_size=9).map(lambda b: (b * 9000)[:9000]),
    )
)
def test_random_bytes_get_a_clear_answer(server: HttpServer, request_bytes: bytes) -> None:
    """Whatever is sent, the answer is one HTTP response (or nothing, to nothing), and never a mistake of ours."""
    answer = say(server, request_bytes)
    if not request_bytes:
        assert answer == b""
        return
    status_line, _, _ = answer.partition(b"\r\n")
    assert status_line.startswith(b"HTTP/1.1 ")
    assert int(status_line.split()[1]) in {200, 400, 403, 404, 405, 431, 503}
    assert server.failure is None


def test_a_client_that_drips_is_cut_off_after_the_time_for_a_whole_head(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each byte resets a time limit a read, so a limit a read would let a slow client hold a thread for hours."""
    monkeypatch.setattr("surveil.api.http_server.REQUEST_TIMEOUT_S", 0.3)
    server = HttpServer("127.0.0.1:0", SOURCES)
    server.start()
    gone = threading.Event()
    with connect(server) as connection:
        connection.sendall(b"GET /")

        def drip() -> None:
            pause = threading.Event()
            try:
                while not pause.wait(0.05):
                    connection.sendall(b"a")
            except OSError:
                gone.set()

        threading.Thread(target=drip, daemon=True).start()
        assert connection.recv(4096).startswith(b"HTTP/1.1 400 ")
        assert gone.wait(10)
    stopped(server)


def test_more_connections_than_places_are_turned_away_and_places_come_back() -> None:
    server = HttpServer("127.0.0.1:0", SOURCES)
    server.start()
    idle = [connect(server) for _ in range(MAX_CONNECTIONS)]
    for connection in idle:
        connection.sendall(b"G")
    assert say(server, b"GET /healthz HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 503 ")
    for connection in idle:
        connection.close()
    eventually(
        lambda: say(server, b"GET /healthz HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 200 "),
        what="no place came back",
    )
    stopped(server)


def test_a_mistake_of_ours_is_a_500_and_is_handed_on() -> None:
    failures: list[tuple[Worker, BaseException]] = []

    def mistake() -> dict[str, object]:
        raise KeyError("missing")

    sources = dataclasses.replace(SOURCES, status=mistake)
    server = HttpServer(
        "127.0.0.1:0", sources, on_failure=lambda worker, error: failures.append((worker, error))
    )
    server.start()
    answer = say(server, b"GET /status HTTP/1.1\r\n\r\n")
    assert answer.startswith(f"HTTP/1.1 {HTTPStatus.INTERNAL_SERVER_ERROR.value} ".encode())
    assert b"Traceback" not in answer
    stopped(server)
    assert isinstance(failures[0][1], KeyError)


def test_a_unix_socket_is_served_to_owner_and_group_and_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "http.sock"
    server = HttpServer(f"unix:{path}", SOURCES)
    server.start()
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(path))
        connection.sendall(b"GET /readyz HTTP/1.1\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
    stopped(server)
    assert not path.exists()


def test_a_socket_file_of_a_killed_daemon_is_replaced_and_one_in_use_is_not(
    tmp_path: Path,
) -> None:
    path = tmp_path / "http.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    living = HttpServer(f"unix:{path}", SOURCES)
    with pytest.raises(SurveilError, match="cannot be had"):
        HttpServer(f"unix:{path}", SOURCES)
    assert path.exists()
    living.close()
    successor = HttpServer(f"unix:{path}", SOURCES)
    living.close()
    assert path.exists(), "closed once more, it takes nothing from who came after it"
    successor.close()


def test_a_port_in_use_says_so() -> None:
    first = HttpServer("127.0.0.1:0", SOURCES)
    with pytest.raises(SurveilError, match=r"cannot be had .*in use"):
        HttpServer(first.address.removeprefix("http://"), SOURCES)
    first.close()


def test_an_address_that_others_reach_is_refused_without_a_token() -> None:
    with pytest.raises(ConfigError, match=r"set http\.token"):
        HttpServer("0.0.0.0:0", SOURCES)
    with pytest.raises(ConfigError, match=r"set http\.token"):
        HttpServer("0.0.0.0:0", SOURCES, "")
    HttpServer("0.0.0.0:0", SOURCES, "token").close()


@pytest.mark.parametrize("listen", ["", "9878", "localhost", "example.org:80", "1.2.3.4:99999"])
def test_what_is_no_address_is_refused(listen: str) -> None:
    with pytest.raises(ConfigError, match="allowed are"):
        is_local(listen)


@pytest.mark.parametrize(
    ("listen", "local"),
    [
        ("127.0.0.1:1", True),
        ("127.8.8.8:1", True),
        ("localhost:1", True),
        ("[::1]:1", True),
        ("unix:/x", True),
        ("192.168.1.5:1", False),
        ("[::]:1", False),
    ],
)
def test_local_means_that_no_other_machine_can_connect(listen: str, *, local: bool) -> None:
    assert is_local(listen) == local
