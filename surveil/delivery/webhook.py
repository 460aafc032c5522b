"""Alerts as signed JSON POSTs."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import tzinfo
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from surveil import __version__
from surveil.clock import NS_PER_MS, NS_PER_S, Clock
from surveil.delivery import payloads
from surveil.delivery.delivery_queue import DeliveryQueue, SnapshotFiles
from surveil.delivery.delivery_worker import DeliveryWorker, TryLater
from surveil.errors import DeliveryError, StoreError
from surveil.outbound import GRACE_S, Answer, HttpCaller, OutboundError
from surveil.records import Gap, Outgoing
from surveil.worker import WorkerFailed

PASSING = {408, 425, 429}
"""Client errors that go away by themselves; so do all 5xx."""
MARGIN_S = 30.0
"""Beyond one call's deadline, for pictures and a disk that is slow to sync, before the watchdog takes offence."""
MAX_ANSWER_BYTES = 64 << 10
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
    """For one call, from the name's lookup to the last byte of the answer."""
    snapshot: bool = False
    """A scaled picture rides along, base64."""


class WebhookDelivery(DeliveryWorker):
    """POST until the answer is 2xx; an answer that will never change parks the alert."""

    failing = "webhook_failing"
    remedy = "see to the receiver and the way to it, or mend its url; alerts wait meanwhile"

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
        self._caller = HttpCaller(f"http-{spec.name}")

    @property
    def allowance_s(self) -> float:
        return self._spec.timeout_s + GRACE_S + MARGIN_S

    def stop(self) -> None:
        """Also ends a call that is under way; its alert stays in the queue."""
        super().stop()
        self._caller.close()

    def deliver(self, outgoing: Outgoing) -> bool:
        body = payloads.alert_payload(outgoing, node=self._spec.node, tz=self._tz)
        picture = self._picture(outgoing)
        if picture:
            encoded = base64.b64encode(picture).decode()
            body = payloads.encode({**json.loads(body), "image": encoded})
        self._post(body, message_id=outgoing.alert.alert_id)
        return True

    def deliver_gap(self, gap: Gap) -> bool:
        fields = json.loads(payloads.gap_payload(gap))
        body = payloads.encode({"schema": "surveil.gap/1", "camera": gap.camera_id, **fields})
        self._post(body, message_id=f"{gap.store_id}/{gap.camera_id}/{gap.first}-{gap.last}")
        return True

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
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"surveil/{__version__}",
            "X-Surveil-Id": message_id,
            "X-Surveil-Timestamp": timestamp,
        }
        if self._spec.secret is not None:
            headers["X-Surveil-Signature"] = signature(self._spec.secret, timestamp, body)
        try:
            answer = self._caller.call(
                "POST",
                self._spec.url,
                deadline_s=self._spec.timeout_s,
                body=body,
                headers=headers,
                max_bytes=MAX_ANSWER_BYTES,
            )
        except OutboundError as error:
            raise TryLater(f"{self._host} cannot be reached: {error}") from None
        self._judge(answer)

    def _judge(self, answer: Answer) -> None:
        if 200 <= answer.status < 300:
            return
        text = f"{self._host} answered {answer.status}"
        if answer.status in PASSING or answer.status >= 500:
            raise TryLater(text, after_s=retry_after_s(answer, now_unix_ms=self._clock.unix_ms()))
        if 300 <= answer.status < 400:
            raise DeliveryError(f"{text}: redirects are not followed, give the final address")
        raise DeliveryError(text)


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """`sha256=` and the hexadecimal HMAC-SHA256 of `<timestamp>.<body>`; the timestamp keeps a copy from being
    played back later."""
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    return f"sha256={digest.hexdigest()}"


def retry_after_s(answer: Answer, *, now_unix_ms: int) -> float | None:
    """Retry-After as seconds, whole or not, or as a date (RFC 9110, 10.2.3); None when there is none to obey.

    A date is measured against the answer's own Date, where it has one: this box may not know what time it is.
    """
    value = answer.headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value):
        return float(value)
    until_s = _unix_s(value)
    if until_s is None:
        return None
    now_s = _unix_s(answer.headers.get("date", ""))
    return max(0.0, until_s - (now_unix_ms / 1000 if now_s is None else now_s))


def _unix_s(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None
