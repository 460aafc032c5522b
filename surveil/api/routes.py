"""What is served at which path, and to whom.

/healthz            200 while the daemon is ready and every thread moves, degraded or not; else 503
/readyz             200 once the start is complete, until the stop begins; else 503
/metrics            Prometheus text
/status             what `surveil status` shows, as JSON
/alerts/<id>.jpg    the picture of an alert; always needs the token
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from ipaddress import ip_address

from surveil.api.status_page import problem_row, state_of
from surveil.errors import SurveilError
from surveil.records import Problem
from surveil.redact import redact

_PICTURE = re.compile(r"/alerts/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.jpg")
_PROBES = ("/healthz", "/readyz")


@dataclass(frozen=True, slots=True)
class Sources:
    """Where answers come from. Each is called in a connection's thread, and must be quick."""

    ready: Callable[[], bool]
    """The start is complete and the stop has not begun."""
    late: Callable[[], Sequence[str]]
    """Names of threads that do not move."""
    problems: Callable[[], Sequence[Problem]]
    metrics: Callable[[], bytes]
    status: Callable[[], Mapping[str, object]]
    picture: Callable[[str], bytes | None] | None = None
    """The JPEG of an alert by its id, None when there is none; None here turns the pictures off."""


class Routes:
    """Answers requests. Any thread."""

    def __init__(self, sources: Sources, *, token: str | None, local: bool) -> None:
        """`local`: only this machine can connect."""
        self._sources = sources
        self._token = token or None
        self._local = local

    def answer(self, request: Request) -> Response:
        """Raises only what a source raises that is neither SurveilError nor OSError: a mistake of ours."""
        if request.method not in ("GET", "HEAD"):
            return refusal(
                HTTPStatus.METHOD_NOT_ALLOWED, "only GET and HEAD are served", Allow="GET, HEAD"
            )
        refused = self._refused(request)
        if refused is not None:
            return refused
        try:
            return self._page(request.path)
        except (SurveilError, OSError) as error:
            return refusal(HTTPStatus.SERVICE_UNAVAILABLE, redact(str(error)))

    def _page(self, path: str) -> Response:
        if path == "/healthz":
            return self._healthz()
        if path == "/readyz":
            return self._readyz()
        if path == "/metrics":
            text = "text/plain; version=0.0.4; charset=utf-8"
            return Response(HTTPStatus.OK, self._sources.metrics(), text)
        if path == "/status":
            return Response(HTTPStatus.OK, as_json(self._sources.status()))
        picture = _PICTURE.fullmatch(path)
        return self._picture(picture[1]) if picture else _not_found()

    def _healthz(self) -> Response:
        ready, late = self._sources.ready(), list(self._sources.late())
        problems = self._sources.problems()
        state = state_of(ready=ready, late_threads=late, problems=problems)
        status = HTTPStatus.OK if ready and not late else HTTPStatus.SERVICE_UNAVAILABLE
        page = {
            "state": state,
            "late_threads": late,
            "problems": [problem_row(problem) for problem in problems],
        }
        return Response(status, as_json(page))

    def _readyz(self) -> Response:
        ready = self._sources.ready()
        status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
        return Response(status, as_json({"ready": ready}))

    def _picture(self, alert_id: str) -> Response:
        if self._sources.picture is None:
            return _not_found()
        jpeg = self._sources.picture(alert_id)
        return Response(HTTPStatus.OK, jpeg, "image/jpeg") if jpeg else _not_found()

    def _refused(self, request: Request) -> Response | None:
        """None when the request may be answered."""
        if self._has_token(request):
            return None
        if request.path.startswith("/alerts/") and self._token is None:
            return refusal(HTTPStatus.FORBIDDEN, "pictures need http.token to be set")
        if self._needs_token(request.path):
            return refusal(
                HTTPStatus.UNAUTHORIZED, "a bearer token is needed", WWW_Authenticate="Bearer"
            )
        if self._local and not _names_this_machine(request.headers.get("host")):
            # A page in a browser can make its own host name point at 127.0.0.1 and read what it likes (DNS rebinding).
            return refusal(HTTPStatus.FORBIDDEN, "ask by address, or by the name localhost")
        return None

    def _needs_token(self, path: str) -> bool:
        if path.startswith("/alerts/"):
            return True
        return self._token is not None and not (self._local and path in _PROBES)

    def _has_token(self, request: Request) -> bool:
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        return (
            self._token is not None
            and kind.lower() == "bearer"
            and hmac.compare_digest(given.strip().encode(), self._token.encode())
        )


def _names_this_machine(host: str | None) -> bool:
    """True for no name, an address, or `localhost`, with a port or without."""
    if not host:
        return True
    found = re.fullmatch(r"(?:\[([^\]]+)\]|([^:]+))(?::\d+)?", host)
    if found is None:
        return False
    name = found[1] or found[2]
    if name == "localhost":
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _not_found() -> Response:
    return refusal(
        HTTPStatus.NOT_FOUND, "served here: /healthz /readyz /metrics /status /alerts/<id>.jpg"
    )


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
