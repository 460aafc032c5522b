"""HTTP as far as a probe, Prometheus and a browser need it: one request a connection, its head alone, GET and HEAD."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

MAX_HEAD_BYTES = 8192
MAX_HEADERS = 64

_REQUEST_LINE = re.compile(rb"([A-Z]{1,16}) ([!-~]{1,2048}) HTTP/1\.[01]")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*")


@dataclass(frozen=True, slots=True)
class Request:
    """The head of one request; header names in lower case."""

    method: str
    path: str
    """Without the query."""
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Response:
    status: HTTPStatus
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    def encode(self, *, head_only: bool = False) -> bytes:
        """The bytes for the wire. `head_only` for HEAD: the length is told, the body kept."""
        lines = {
            "Content-Type": self.content_type,
            "Content-Length": str(len(self.body)),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Connection": "close",
        } | dict(self.headers)
        head = f"HTTP/1.1 {self.status.value} {self.status.phrase}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return head.encode("latin-1") + b"\r\n" + (b"" if head_only else self.body)


def refusal(status: HTTPStatus, text: str, **headers: str) -> Response:
    """An answer that says in words why there is no better one."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, as_json({"error": text}), headers=named)


def as_json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "backslashreplace")


def parse(head: bytes) -> Request | Response:
    """The request in `head`, or the answer to what is none. Any bytes are taken, none raise."""
    if len(head) > MAX_HEAD_BYTES:
        return refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the request is too long")
    if not re.search(rb"\r?\n\r?\n", head):
        return refusal(HTTPStatus.BAD_REQUEST, "the request ends before its headers do")
    first, *rest = re.split(rb"\r?\n\r?\n", head, maxsplit=1)[0].split(b"\n")
    line = _REQUEST_LINE.fullmatch(first.removesuffix(b"\r"))
    if line is None:
        return refusal(HTTPStatus.BAD_REQUEST, "this is no HTTP/1.1 request")
    if len(rest) > MAX_HEADERS:
        return refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "too many headers")
    headers = {}
    for row in rest:
        found = _HEADER.fullmatch(row.removesuffix(b"\r"))
        if found is None:
            return refusal(HTTPStatus.BAD_REQUEST, "a header cannot be read")
        headers[found[1].decode("ascii").lower()] = found[2].decode("latin-1")
    return Request(line[1].decode(), line[2].decode().partition("?")[0], headers)
