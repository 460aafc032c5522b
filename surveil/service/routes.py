"""What is served at which path, and to whom.

/healthz            200 while the daemon is ready and every thread moves, degraded or not; else 503
/readyz             200 once the start is complete, until the stop begins; else 503
/metrics            Prometheus text
/status             what `surveil status` shows, as JSON
/alerts/<id>.jpg    the picture of an alert; always needs the token
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from ipaddress import ip_address

from surveil.errors import SurveilError
from surveil.records import Problem
from surveil.service.redact import redact
from surveil.service.report import state_of
from surveil.service.requests import Request, Response, as_json, refusal

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
            "problems": [asdict(problem) for problem in problems],
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
