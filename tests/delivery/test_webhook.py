"""Webhooks: signed, in order, tried again, and never told with their address."""

from __future__ import annotations

import hmac
import http.server
import json
import socket
import threading
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from surveil.alerts.recorder import Destination
from surveil.clock import SystemClock, ns
from surveil.delivery.webhook import WebhookDelivery, WebhookSpec, retry_after_s
from surveil.outbound import Answer
from tests.fakes import FakeClock
from tests.support.alerts import Room
from tests.test_outbound import Talk, dripping_body, dripping_head, server, silent

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
    for problem in worker.problems():
        assert (problem.code, problem.component) == ("webhook_failing", "delivery-webhook:desk")
        assert problem.remedy
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
    assert worker.counters() == {
        "delivered_total": 1,
        "refused_total": 0,
        "failures_total": 2,
        "stale_total": 0,
    }


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
    counted = worker.counters()
    assert (counted["delivered_total"], counted["refused_total"]) == (1, 1)
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


@pytest.mark.parametrize("talk", [silent, dripping_head, dripping_body])
def test_a_webhook_that_drips_is_given_up_at_its_timeout_and_told(
    tmp_path: Path, talk: Talk
) -> None:
    """The former client's timeout was for one read: a byte now and then held its thread for ever."""
    room = Room(tmp_path, destinations=(Destination(HOOK),))
    room.open()
    with server(talk) as where:
        spec = WebhookSpec(f"http://{where}/t0ken", name="desk", timeout_s=0.5)
        worker = WebhookDelivery(room.store, spec, clock=room.clock)
        began = time.monotonic()
        worker.step()
        assert time.monotonic() - began < 10
        worker.stop()
    assert told(worker) == ["127.0.0.1 cannot be reached: no answer within 0.5 s"]
    assert room.waiting(HOOK) == [1]


def test_a_stop_ends_a_call_that_hangs_at_once_and_the_alert_stays(tmp_path: Path) -> None:
    room = Room(tmp_path, SystemClock(), destinations=(Destination(HOOK),))
    room.open()
    asked = threading.Event()

    def talk(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(4096)
        asked.set()
        over.wait(60)

    with server(talk) as where:
        spec = WebhookSpec(f"http://{where}/", name="desk", timeout_s=60.0)
        worker = WebhookDelivery(room.store, spec, clock=room.clock)
        worker.start()
        assert asked.wait(30)
        worker.stop()
        assert worker.join(room.clock.monotonic_ns() + ns(5.0))
    assert worker.failure is None
    assert room.waiting(HOOK) == [1]


def test_the_watchdog_waits_for_as_long_as_a_call_may_take(tmp_path: Path) -> None:
    """A timeout of 60 s was allowed, and killed the daemon: its thread was given 30 s."""
    room = Room(tmp_path)
    for timeout_s in (10.0, 60.0, 300.0):
        spec = WebhookSpec("http://127.0.0.1:9/", name="desk", timeout_s=timeout_s)
        worker = WebhookDelivery(room.store, spec, clock=room.clock)
        assert timeout_s + 10.0 < worker.allowance_s < timeout_s + 60.0


NOW_MS = 1_795_000_000_000


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "30"}, 30.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "Wed, 18 Nov 2026 11:07:20 GMT"}, 40.0),
        ({"retry-after": "Wed, 18 Nov 2020 10:07:20 GMT"}, 0.0),
        (
            {
                "retry-after": "Wed, 18 Nov 2020 10:07:20 GMT",
                "date": "Wed, 18 Nov 2020 10:06:20 GMT",
            },
            60.0,
        ),
    ],
)
def test_retry_after_is_seconds_or_a_date(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(Answer(503, b"", headers), now_unix_ms=NOW_MS) == seconds


def test_a_gap_that_is_refused_is_not_told_but_kept_and_the_health_says_so(
    tmp_path: Path, receiver: WebhookReceiver
) -> None:
    room = Room(tmp_path, destinations=(Destination(HOOK),))
    worker = hook(room, receiver)
    receiver.answers = [(400, {}), (404, {})]
    room.open()
    room.open()
    for _ in range(4):
        worker.step()
    problems = {problem.code: problem for problem in worker.problems()}
    assert set(problems) == {"alerts_parked", "gap_refused"}
    assert "answered 404" in problems["gap_refused"].text
    assert [gap.first for gap in room.store.gaps(HOOK)] == [1]
    assert [json.loads(body)["sequence"] for _, body in receiver.told] == [2]
    again = hook(room, receiver)
    again.begin()
    again.step()
    again.step()
    assert again.problems() == ()
    assert room.store.gaps(HOOK) == []


def test_refused_alerts_are_counted_until_they_get_through(
    tmp_path: Path, receiver: WebhookReceiver
) -> None:
    """A start tries them again: whoever mended the address had to restart anyway."""
    room = Room(tmp_path, destinations=(Destination(HOOK),))
    assert isinstance(room.clock, FakeClock)
    worker = hook(room, receiver)
    receiver.answers = [(401, {}), (200, {}), (401, {})]
    room.open()
    room.open()
    worker.step()
    worker.step()
    began_ms = room.clock.unix_ms()
    room.clock.advance(60)
    worker.step()
    (problem,) = worker.problems()
    assert (problem.code, problem.since_unix_ms) == ("alerts_parked", began_ms)
    assert problem.text.startswith("2 alerts")
    assert "answered 401" in problem.text
    again = hook(room, receiver)
    again.begin()
    for _ in range(3):
        again.step()
    assert again.problems() == ()
    assert [json.loads(body).get("sequence") for _, body in receiver.told][-2:] == [1, 2]
