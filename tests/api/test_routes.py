"""Who gets what."""

from __future__ import annotations

import dataclasses
import json
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveil.api.routes import MAX_HEAD_BYTES, Request, Response, Routes, Sources, parse
from surveil.errors import StoreError
from surveil.records import Problem
from tests.support.fuzz import THOUSANDS

ALERT = "0197f6e2-0000-7000-8000-000000000001"
PICTURE = f"/alerts/{ALERT}.jpg"
TOKEN = "tok-en"


def broken() -> bytes:
    raise StoreError("disk of rtsp://u:hunter2@h/ is gone")


SOURCES = Sources(
    ready=lambda: True,
    late=lambda: [],
    problems=lambda: [],
    metrics=lambda: b"surveil_x 1\n",
    status=lambda: {"state": "ok"},
    picture=lambda alert_id: b"JPEG" if alert_id == ALERT else None,
)


def get(
    path: str,
    *,
    method: str = "GET",
    token: str | None = None,
    local: bool = True,
    sources: Sources = SOURCES,
    **headers: str,
) -> Response:
    routes = Routes(sources, token=token, local=local)
    return routes.answer(Request(method, path, headers))


def with_token(token: str = TOKEN) -> str:
    return f"Bearer {token}"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/status"])
def test_on_this_machine_all_but_pictures_are_open(path: str) -> None:
    assert get(path).status is HTTPStatus.OK


def test_degraded_is_alive() -> None:
    """A prober that restarts what is not 200 must not restart a node because its disk is nearly full."""
    sources = dataclasses.replace(
        SOURCES, problems=lambda: [Problem("disk", "full", 5, "alerts.db", "make room")]
    )
    response = get("/healthz", sources=sources)
    assert response.status is HTTPStatus.OK
    assert json.loads(response.body) == {
        "state": "degraded",
        "late_threads": [],
        "problems": [
            {
                "code": "disk",
                "component": "alerts.db",
                "text": "full",
                "remedy": "make room",
                "since_unix_ms": 5,
            }
        ],
    }


def test_a_hung_thread_is_not_healthy_and_is_named() -> None:
    response = get("/healthz", sources=dataclasses.replace(SOURCES, late=lambda: ["alerts"]))
    assert response.status is HTTPStatus.SERVICE_UNAVAILABLE
    assert json.loads(response.body)["late_threads"] == ["alerts"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_before_the_start_is_complete_nothing_is_ready(path: str) -> None:
    sources = dataclasses.replace(SOURCES, ready=lambda: False)
    assert get(path, sources=sources).status is HTTPStatus.SERVICE_UNAVAILABLE


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "BREW"])
def test_only_get_and_head(method: str) -> None:
    response = get("/healthz", method=method)
    assert response.status is HTTPStatus.METHOD_NOT_ALLOWED
    assert response.headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", ["/", "/metrics/", "/alerts/../x.jpg", "/alerts/", "//healthz"])
def test_anything_else_is_not_found(path: str) -> None:
    response = get(path, token=TOKEN, authorization=with_token())
    assert response.status is HTTPStatus.NOT_FOUND


def test_a_picture_needs_the_token_even_here() -> None:
    assert get(PICTURE).status is HTTPStatus.FORBIDDEN
    assert get(PICTURE, token=TOKEN).status is HTTPStatus.UNAUTHORIZED
    wrong = get(PICTURE, token=TOKEN, authorization=with_token("other"))
    assert wrong.status is HTTPStatus.UNAUTHORIZED
    right = get(PICTURE, token=TOKEN, authorization=with_token())
    assert (right.status, right.body, right.content_type) == (HTTPStatus.OK, b"JPEG", "image/jpeg")


def test_no_token_configured_means_no_token_fits() -> None:
    assert get(PICTURE, authorization="Bearer ").status is HTTPStatus.FORBIDDEN
    assert get(PICTURE, token="", authorization="Bearer ").status is not HTTPStatus.OK


def test_an_unknown_picture_and_pictures_turned_off_are_not_found() -> None:
    other = PICTURE.replace("1.jpg", "2.jpg")
    assert get(other, token=TOKEN, authorization=with_token()).status is HTTPStatus.NOT_FOUND
    off = dataclasses.replace(SOURCES, picture=None)
    response = get(PICTURE, token=TOKEN, authorization=with_token(), sources=off)
    assert response.status is HTTPStatus.NOT_FOUND


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/status"])
def test_to_other_machines_everything_needs_the_token(path: str) -> None:
    assert get(path, token=TOKEN, local=False).status is HTTPStatus.UNAUTHORIZED
    ok = get(path, token=TOKEN, local=False, authorization=with_token())
    assert ok.status is HTTPStatus.OK


def test_probes_on_this_machine_never_need_one() -> None:
    assert get("/healthz", token=TOKEN).status is HTTPStatus.OK
    assert get("/readyz", token=TOKEN).status is HTTPStatus.OK
    assert get("/status", token=TOKEN).status is HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize(
    ("host", "served"),
    [
        ("127.0.0.1:9878", True),
        ("[::1]:9878", True),
        ("localhost", True),
        ("", True),
        ("evil.example", False),
        ("evil.example:9878", False),
        ("[x]:1", False),
    ],
)
def test_a_page_that_points_its_own_name_here_reads_nothing(host: str, *, served: bool) -> None:
    assert (get("/status", host=host).status is HTTPStatus.OK) == served


def test_trouble_of_a_source_is_an_answer_without_secrets() -> None:
    response = get("/metrics", sources=dataclasses.replace(SOURCES, metrics=broken))
    assert response.status is HTTPStatus.SERVICE_UNAVAILABLE
    assert b"is gone" in response.body
    assert b"hunter2" not in response.body


def test_a_request_is_its_method_path_and_headers() -> None:
    head = b"GET /metrics?x=1 HTTP/1.1\r\nHost: a:1\r\nAuthorization:  Bearer t \r\n\r\n"
    assert parse(head) == Request("GET", "/metrics", {"host": "a:1", "authorization": "Bearer t"})


def test_bare_line_feeds_are_read_too() -> None:
    assert parse(b"HEAD / HTTP/1.0\n\n") == Request("HEAD", "/", {})


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (b"GET / HTTP/2.0\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (b"get / HTTP/1.1\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (b"GET / HTTP/1.1\r\n", HTTPStatus.BAD_REQUEST),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (b"GET / HTTP/1.1\r\n folded: x\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (
            b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 65 + b"\r\n",
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        ),
        (b"x" * (MAX_HEAD_BYTES + 1), HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE),
    ],
)
def test_what_is_no_request_is_refused(head: bytes, status: HTTPStatus) -> None:
    answer = parse(head)
    assert isinstance(answer, Response)
    assert answer.status is status


@THOUSANDS
@given(st.binary(max_size=400))
def test_no_bytes_raise(head: bytes) -> None:
    parsed = parse(head)
    assert isinstance(parsed, Request) or parsed.status >= 400


@THOUSANDS
@given(st.binary(max_size=100), st.binary(max_size=100))
def test_no_bytes_raise_inside_an_otherwise_good_request(line: bytes, header: bytes) -> None:
    parsed = parse(b"GET /" + line + b" HTTP/1.1\r\nHost: " + header + b"\r\n\r\n")
    assert isinstance(parsed, Request) or parsed.status >= 400


def test_a_head_tells_the_length_and_keeps_the_body() -> None:
    response = Response(HTTPStatus.OK, b"12345")
    assert response.encode().endswith(b"\r\n\r\n12345")
    head = response.encode(head_only=True)
    assert head.endswith(b"\r\n\r\n")
    assert b"Content-Length: 5\r\n" in head
