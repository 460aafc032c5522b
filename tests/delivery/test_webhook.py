"""Webhooks: signed, in order, tried again, and never told with their address."""

from __future__ import annotations

import hmac
import http.server
import json
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from surveil.alerts.recorder import Destination
from surveil.delivery.webhook import WebhookDelivery, WebhookSpec
from tests.fakes import FakeClock
from tests.support.alerts import Room

HOOK = "webhook:desk"


class WebhookReceiver(http.server.ThreadingHTTPServer):
    """Answers with the next of `answers` (then 204) and keeps what it was told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.told: list[tuple[dict[str, str], bytes]] = []


class _Handler(http.server.BaseHTTPRequestHandler):
    server: WebhookReceiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        code, headers = self.server.answers.pop(0) if self.server.answers else (204, {})
        if code < 300:
            self.server.told.append((dict(self.headers.items()), body))
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def hook(room: Room, receiver: WebhookReceiver, **values: Any) -> WebhookDelivery:
    url = f"http://127.0.0.1:{receiver.server_port}/t0ken"
    spec = WebhookSpec(url, node="edge-01", name="desk", timeout_s=2.0, **values)
    return WebhookDelivery(
        room.store, spec, clock=room.clock, snapshots=room.snapshots, chance=lambda: 0.0
    )


def told(worker: WebhookDelivery) -> list[str]:
    """Its problems, in words."""
    assert all(problem.code == "delivery_failing" for problem in worker.problems())
    return [problem.text for problem in worker.problems()]


def test_a_webhook_gets_each_alert_in_order_signed(
    tmp_path: Path, receiver: WebhookReceiver
) -> None:
    room = Room(tmp_path, destinations=(Destination(HOOK),))
    worker = hook(room, receiver, secret="geheim", snapshot=True)
    ids = [room.open().alert_id for _ in range(3)]
    for _ in ids:
        worker.step()
    assert [json.loads(body)["id"] for _, body in receiver.told] == ids
    headers, body = receiver.told[0]
    signed = headers["X-Surveil-Timestamp"].encode() + b"." + body
    expected = hmac.new(b"geheim", signed, sha256).hexdigest()
    assert headers["X-Surveil-Signature"] == f"sha256={expected}"
    assert headers["X-Surveil-Id"] == ids[0]
    assert json.loads(body)["image"].startswith("/9j/")
    assert room.waiting(HOOK) == []


def test_a_webhook_that_is_down_is_tried_again_and_told_without_its_address(
    tmp_path: Path, receiver: WebhookReceiver
) -> None:
    room = Room(tmp_path, destinations=(Destination(HOOK),))
    clock = room.clock
    assert isinstance(clock, FakeClock)
    worker = hook(room, receiver)
    receiver.answers = [(503, {"Retry-After": "30"}), (429, {})]
    room.open()
    worker.step()
    assert told(worker) == ["127.0.0.1 answered 503"]
    clock.advance(29)
    assert worker._not_before_mono_ns > clock.monotonic_ns()
    clock.advance(1)
    worker.step()
    clock.advance(2)
    worker.step()
    assert len(receiver.told) == 1
    assert worker.problems() == ()
    assert worker.counters() == {"delivered_total": 1, "refused_total": 0, "failures_total": 2}


@pytest.mark.parametrize(("code", "headers"), [(400, {}), (302, {"Location": "/elsewhere"})])
def test_an_answer_that_never_changes_parks_the_alert_and_goes_on(
    tmp_path: Path, receiver: WebhookReceiver, code: int, headers: dict[str, str]
) -> None:
    room = Room(tmp_path, destinations=(Destination(HOOK),))
    worker = hook(room, receiver)
    receiver.answers = [(code, headers)]
    room.open()
    room.open()
    worker.step()
    worker.step()
    gap, alert = (json.loads(body) for _, body in receiver.told)
    assert (gap["schema"], gap["from"], gap["to"]) == ("surveil.gap/1", 1, 1)
    assert "t0ken" not in gap["reason"]
    assert worker.counters() == {"delivered_total": 1, "refused_total": 1, "failures_total": 0}
    assert alert["sequence"] == 2


def test_an_address_that_nobody_answers_is_named_by_its_host_only(tmp_path: Path) -> None:
    room = Room(tmp_path, destinations=(Destination(HOOK),))
    spec = WebhookSpec("http://127.0.0.1:9/t0ken", name="desk", secret="geheim")
    assert "t0ken" not in repr(spec)
    assert "geheim" not in repr(spec)
    worker = WebhookDelivery(room.store, spec, clock=room.clock)
    room.open()
    worker.step()
    assert told(worker) == ["127.0.0.1 cannot be reached: Connection refused"]
