"""The table, the JSON and the exit code of `surveil status`, asked of a real server."""

from __future__ import annotations

import argparse
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from surveil.api.client import NotRunningError, fetch_status
from surveil.api.http_server import HttpServer
from surveil.api.routes import Sources
from surveil.clock import SystemClock, ns
from surveil.commands import status
from surveil.errors import ConfigError, SurveilError

PAGE: dict[str, Any] = {
    "schema": "surveil.status/1",
    "node": "edge-01",
    "version": "0.1.0",
    "state": "ok",
    "uptime_s": 7300,
    "late_threads": [],
    "problems": [],
    "engine": {"model": "blip", "device": "cpu", "precision": "bf16", "fallback": True},
    "stats": {"captions_per_s": 1.25, "latency_p50_s": 0.2, "latency_p95_s": 1.5},
    "cameras": [
        {
            "camera_id": "yard",
            "state": "online",
            "fps": 25.0,
            "last_frame_age_ms": 40,
            "captions_total": 12,
            "alerts_total": 1,
            "unwatched_s": 0,
            "last_caption": "an [empty] yard",
        },
        {
            "camera_id": "gate",
            "state": "offline",
            "fps": None,
            "last_frame_age_ms": None,
            "captions_total": 0,
            "alerts_total": 0,
            "unwatched_s": 400.0,
            "reason": "connection refused",
        },
    ],
    "deliveries_waiting": {"mqtt": 2},
    "disk_free_bytes": 12_000_000_000,
}


class Node:
    """A daemon's HTTP server whose page the test can change."""

    def __init__(self, listen: str, token: str | None = None) -> None:
        self.page = dict(PAGE)
        sources = Sources(
            ready=lambda: True,
            late=lambda: [],
            problems=lambda: [],
            metrics=lambda: b"",
            status=lambda: self.page,
        )
        self.server = HttpServer(listen, sources, token)
        self.server.start()
        self.address = self.server.address

    def close(self) -> None:
        self.server.stop()
        assert self.server.join(SystemClock().monotonic_ns() + ns(10))


@pytest.fixture
def node() -> Iterator[Node]:
    node = Node("127.0.0.1:0")
    yield node
    node.close()


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    status.add_arguments(parser)
    return status.run(parser.parse_args(arguments))


def test_all_well_is_zero_and_a_table(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--url", node.address) == 0
    out = capsys.readouterr().out
    assert "edge-01  surveil 0.1.0  ok  up 2.0 h" in out
    assert "engine blip on cpu, bf16, the fall-back" in out
    assert "waiting: mqtt 2" in out
    yard = next(line for line in out.splitlines() if line.startswith("yard"))
    assert yard.split()[:6] == ["yard", "online", "25.0", "40", "ms", "12"]
    assert "an [empty] yard" in yard, "brackets are text, not rich's markup"
    assert "connection refused" in out


@pytest.mark.parametrize("state", ["degraded", "not ready", "failed"])
def test_anything_else_is_not_zero(
    node: Node, state: str, capsys: pytest.CaptureFixture[str]
) -> None:
    node.page |= {
        "state": state,
        "problems": [{"code": "disk", "text": "1 GB is free", "remedy": "make room"}],
        "late_threads": ["alerts"],
    }
    assert run("--url", node.address) == 1
    out = capsys.readouterr().out
    assert "problem disk: 1 GB is free\n  to do: make room\n" in out
    assert "hung: alerts" in out


DOWN = {"code": "camera_offline", "text": "refused", "component": "camera:gate"}
BEHIND = {"code": "behind", "text": "too much", "component": "scheduler"}


@pytest.mark.parametrize(
    ("problems", "code"), [([DOWN], 0), ([DOWN, BEHIND], 1), ([BEHIND], 1), ([], 1)]
)
def test_a_problem_of_a_camera_alone_is_no_failure(
    node: Node, problems: list[dict[str, str]], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    node.page |= {"state": "degraded", "problems": problems}
    assert run("--url", node.address) == code
    out = capsys.readouterr().out
    for problem in problems:
        assert f"problem {problem['code']} ({problem['component']}): {problem['text']}" in out


def test_what_is_piped_is_not_wrapped(
    node: Node, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    long = "a man is climbing over a fence " * 20
    node.page["cameras"] = [{**PAGE["cameras"][0], "last_caption": long.strip()}]
    node.page |= {"state": "degraded", "problems": [{**BEHIND, "text": long.strip()}]}
    run("--url", node.address)
    lines = capsys.readouterr().out.splitlines()
    assert sum(long.strip() in line for line in lines) == 2


def test_json_is_the_page_as_it_came(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--url", node.address, "--json") == 0
    assert json.loads(capsys.readouterr().out) == PAGE


def test_a_page_of_another_version_is_borne(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    node.page = {"state": "ok", "cameras": [{"camera_id": "yard"}], "new": 1}
    assert run("--url", node.address) == 0
    assert "yard" in capsys.readouterr().out


def test_the_configuration_tells_where_to_ask(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    node = Node(f"unix:{tmp_path}/http.sock", token="t0k3n-t0k3n")
    (tmp_path / "token").write_text("t0k3n-t0k3n\n")
    (tmp_path / "token").chmod(0o600)
    config = tmp_path / "config.yaml"
    config.write_text(f"http:\n  listen: unix:{tmp_path}/http.sock\n  token_file: token\n")
    try:
        assert run("-c", str(config), "--json") == 0
        with pytest.raises(SurveilError, match="wants its token"):
            run("--url", node.address)
        assert run("--url", node.address, "--token-file", str(tmp_path / "token")) == 0
    finally:
        node.close()
    assert "edge-01" in capsys.readouterr().out


def test_nobody_there_says_what_to_look_at(tmp_path: Path) -> None:
    with pytest.raises(NotRunningError, match="systemctl status surveil"):
        run("--url", f"unix:{tmp_path}/none.sock")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(NotRunningError, match="no surveil answers"):
        run("--url", f"127.0.0.1:{port}")


def test_turned_off_says_so(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("http:\n  listen: 'off'\n")
    with pytest.raises(ConfigError, match="listen is off"):
        run("-c", str(config))


@pytest.mark.parametrize("address", ["https://x", "http://", "http://[x", "ftp://a:b@c"])
def test_what_is_no_address_is_refused_without_its_password(address: str) -> None:
    with pytest.raises(ConfigError, match="is no address") as caught:
        fetch_status(address)
    assert "a:b" not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\n\r\nhello", b"HTTP/1.1 200 OK\r\n\r\n[1]"],
)
def test_another_program_on_that_port_is_told_apart(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(SurveilError, match=r"does not answer as|is it surveil"):
            fetch_status(f"127.0.0.1:{server.getsockname()[1]}")
        thread.join(10)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (None, "-"),
        (0, "0.0 s"),
        (0.04, "40 ms"),
        (3.44, "3.4 s"),
        (400, "7 min"),
        (9000, "2.5 h"),
        (1e6, "12 d"),
    ],
)
def test_durations_are_for_people(seconds: float | None, expected: str) -> None:
    assert status._duration(seconds) == expected
