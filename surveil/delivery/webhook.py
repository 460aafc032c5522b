"""Alerts as signed JSON POSTs."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import random
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import IO
from urllib.parse import urlsplit

from surveil import __version__
from surveil.clock import NS_PER_MS, NS_PER_S, Clock
from surveil.delivery import payloads
from surveil.delivery.delivery_queue import DeliveryQueue, SnapshotFiles
from surveil.delivery.delivery_worker import DeliveryWorker, TryLater
from surveil.errors import DeliveryError, StoreError
from surveil.records import Gap, Outgoing
from surveil.worker import WorkerFailed

PASSING = {408, 425, 429}
"""Client errors that go away by themselves; so do all 5xx."""
PICTURE_MAX_PX = 640
PICTURE_MAX_BYTES = 128 << 10


@dataclass(frozen=True, slots=True)
class WebhookSpec:
    """Where to post, as plain values; `repr` shows neither address (it may hold a token) nor key."""

    url: str = field(repr=False)
    node: str = ""
    name: str = "webhook"
    """Of the destination."""
    secret: str | None = field(default=None, repr=False)
    """None: not signed."""
    timeout_s: float = 10.0
    snapshot: bool = False
    """A scaled picture rides along, base64."""


class WebhookDelivery(DeliveryWorker):
    """POST until the answer is 2xx; an answer that will never change parks the alert."""

    def __init__(
        self,
        queue: DeliveryQueue,
        spec: WebhookSpec,
        *,
        clock: Clock,
        snapshots: SnapshotFiles | None = None,
        on_failure: WorkerFailed | None = None,
        tz: tzinfo | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        super().__init__(
            queue, f"webhook:{spec.name}", clock=clock, on_failure=on_failure, chance=chance
        )
        self._spec = spec
        self._snapshots = snapshots if spec.snapshot else None
        self._tz = tz
        self._host = urlsplit(spec.url).hostname or "?"
        self._opener = urllib.request.build_opener(_NoRedirects)

    def deliver(self, outgoing: Outgoing) -> None:
        body = payloads.alert_payload(outgoing, node=self._spec.node, tz=self._tz)
        picture = self._picture(outgoing)
        if picture:
            encoded = base64.b64encode(picture).decode()
            body = payloads.encode({**json.loads(body), "image": encoded})
        self._post(body, message_id=outgoing.alert.alert_id)

    def deliver_gap(self, gap: Gap) -> None:
        fields = json.loads(payloads.gap_payload(gap))
        body = payloads.encode({"schema": "surveil.gap/1", "camera": gap.camera_id, **fields})
        self._post(body, message_id=f"{gap.store_id}/{gap.camera_id}/{gap.first}-{gap.last}")

    def _picture(self, outgoing: Outgoing) -> bytes:
        if self._snapshots is None:
            return b""
        try:
            return self._snapshots.scaled(
                outgoing.alert, max_px=PICTURE_MAX_PX, max_bytes=PICTURE_MAX_BYTES
            )
        except StoreError:
            return b""  # retention was faster; the words still count

    def _post(self, body: bytes, *, message_id: str) -> None:
        timestamp = str(self._clock.unix_ms() * NS_PER_MS // NS_PER_S)
        request = urllib.request.Request(self._spec.url, data=body, method="POST")
        request.add_header("Content-Type", "application/json")
        request.add_header("User-Agent", f"surveil/{__version__}")
        request.add_header("X-Surveil-Id", message_id)
        request.add_header("X-Surveil-Timestamp", timestamp)
        if self._spec.secret is not None:
            mark = signature(self._spec.secret, timestamp, body)
            request.add_header("X-Surveil-Signature", mark)
        try:
            self._opener.open(request, timeout=self._spec.timeout_s).close()
        except urllib.error.HTTPError as error:
            with error:
                raise self._error_of(error) from None  # the original's text holds the address
        except (OSError, http.client.HTTPException) as error:
            raise TryLater(f"{self._host} cannot be reached: {_reason(error)}") from None

    def _error_of(self, error: urllib.error.HTTPError) -> TryLater | DeliveryError:
        answer = f"{self._host} answered {error.code}"
        if error.code in PASSING or error.code >= 500:
            return TryLater(answer, after_s=_retry_after_s(error))
        if 300 <= error.code < 400:
            return DeliveryError(f"{answer}: redirects are not followed, give the final address")
        return DeliveryError(answer)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """urllib would follow with a GET, without the body, and take its 200 for an acknowledgement."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> None:
        return None


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """`sha256=` and the hexadecimal HMAC-SHA256 of `<timestamp>.<body>`; the timestamp keeps a copy from being
    played back later."""
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    return f"sha256={digest.hexdigest()}"


def _retry_after_s(error: urllib.error.HTTPError) -> float | None:
    value = error.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else None


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", error)
    if isinstance(reason, TimeoutError):
        return "it did not answer in time"
    return getattr(reason, "strerror", None) or type(reason).__name__
