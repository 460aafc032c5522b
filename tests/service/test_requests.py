"""Any bytes become a request or a clear refusal."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveil.api.routes import MAX_HEAD_BYTES, Request, Response, parse
from tests.support.fuzz import THOUSANDS


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
