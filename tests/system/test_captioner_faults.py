"""A captioner that gives no captions is told, and keeps nobody waiting: the real process, real sockets."""

from __future__ import annotations

import json
import shutil
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.broker import Broker, free_port
from tests.support.daemon import DaemonProcess
from tests.support.node import PREFIX, SAMPLES, clip, write_config
from tests.support.persistent_subscriber import PersistentSubscriber
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(180)

TOLD_WITHIN_S = 30.0
STILL = {"interval": "1h", "max_interval": "2h"}
"""Nothing is due for an hour once there is a caption."""


class Endpoint(BaseHTTPRequestHandler):
    """Says the same of every picture."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps({"choices": [{"message": {"content": "an empty yard"}}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        pass


@contextmanager
def endpoint(port: int) -> Iterator[None]:
    with ThreadingHTTPServer(("127.0.0.1", port), Endpoint) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join(5)


def remote(port: int, **more: Any) -> dict[str, Any]:
    """The engine at its defaults, on that port."""
    there = {"base_url": f"http://127.0.0.1:{port}/v1", "model": "vlm"}
    return {"engine": "remote", "remote": there, **more}


def healthz(http_port: int) -> dict[str, Any]:
    with urllib.request.urlopen(f"http://127.0.0.1:{http_port}/healthz", timeout=5) as answer:
        assert answer.status == 200
        page: dict[str, Any] = json.loads(answer.read())
        return page


def codes(http_port: int) -> list[str]:
    return [problem["code"] for problem in healthz(http_port)["problems"]]


def told_over_mqtt(subscriber: PersistentSubscriber) -> str:
    return (subscriber.last("health") or b"").decode()


def test_an_endpoint_that_refuses_is_told_and_forgotten_when_it_is_there(
    tmp_path: Path, broker: Broker
) -> None:
    """Also where nothing would be due for an hour. Given the endpoint, the canary's own message comes back, too."""
    port, http_port = free_port(), free_port()
    config = write_config(
        tmp_path,
        {"quiet": clip("quiet.mp4")},
        port=broker.port,
        captioner=remote(port),
        sampling=STILL,
        http={"listen": f"127.0.0.1:{http_port}"},
    )
    with PersistentSubscriber(broker.port, PREFIX) as subscriber, DaemonProcess(config) as daemon:
        eventually(lambda: "captions_failing" in codes(http_port), TOLD_WITHIN_S)
        eventually(lambda: "captions_failing" in told_over_mqtt(subscriber), TOLD_WITHIN_S)
        with endpoint(port):
            eventually(lambda: "captions_failing" not in codes(http_port), 40)
            eventually(lambda: "captions_failing" not in told_over_mqtt(subscriber), TOLD_WITHIN_S)
        assert daemon.stop() == 0


def test_a_fallback_that_speaks_is_told_while_captions_go_on(
    tmp_path: Path, broker: Broker
) -> None:
    http_port = free_port()
    script = tmp_path / "script.jsonl"
    script.write_text('{"text": "an empty yard"}')
    config = write_config(
        tmp_path,
        {"quiet": clip("quiet.mp4")},
        port=broker.port,
        captioner=remote(free_port(), fallback={"engine": "script", "script": str(script)}),
        http={"listen": f"127.0.0.1:{http_port}"},
    )
    with PersistentSubscriber(broker.port, PREFIX) as subscriber, DaemonProcess(config) as daemon:
        eventually(lambda: "captioner_fallback" in codes(http_port), TOLD_WITHIN_S)
        eventually(lambda: subscriber.last("quiet/caption"))
        assert "captions_failing" not in codes(http_port)
        assert daemon.stop() == 0


def test_a_request_that_hangs_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """The endpoint takes the connection and never answers: a stop took as long as all attempts, and ended with 1."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config = write_config(
            tmp_path,
            {"quiet": clip("quiet.mp4")},
            port=None,
            captioner=remote(silent.getsockname()[1]),
        )
        with DaemonProcess(config) as daemon:
            silent.settimeout(30)
            connection, _ = silent.accept()
            with connection:
                began_s = time.monotonic()
                assert daemon.stop() == 0
                assert time.monotonic() - began_s < 5


def test_a_model_whose_weights_are_no_numbers_does_not_start(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "model"
    shutil.copytree(SAMPLES / "model", folder)
    weights = load_file(folder / "model.safetensors")
    name = next(one for one in weights if "vision" in one and one.endswith("fc1.weight"))
    weights[name] = weights[name].float().mul(float("nan"))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config = write_config(
        tmp_path, {"quiet": clip("quiet.mp4")}, port=None, captioner={"model": str(folder)}
    )
    with DaemonProcess(config, await_ready=False) as daemon:
        assert daemon.wait(60) == 3
        assert "computes no finite numbers" in daemon.log()


def test_the_canary_passes_once_the_broker_has_its_message(tmp_path: Path, broker: Broker) -> None:
    broker.stop()
    http_port = free_port()
    config = write_config(
        tmp_path,
        {"quiet": clip("quiet.mp4")},
        port=broker.port,
        canary={},
        http={"listen": f"127.0.0.1:{http_port}"},
    )
    with DaemonProcess(config) as daemon:
        eventually(lambda: "canary" in codes(http_port), 60)
        broker.start()
        with PersistentSubscriber(broker.port, PREFIX) as subscriber:
            told = json.loads(eventually(lambda: subscriber.last("canary")) or b"")
            assert (told["passed"], told["rules_proven"]) == (True, True)
            eventually(lambda: "canary" not in codes(http_port), TOLD_WITHIN_S)
        assert daemon.stop() == 0
