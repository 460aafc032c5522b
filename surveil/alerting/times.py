"""Unix milliseconds as people and payloads read them."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo


def local_time(unix_ms: int, tz: tzinfo | None = None) -> datetime:
    """In `tz`, or in the machine's own zone when that is None."""
    return datetime.fromtimestamp(unix_ms / 1000, UTC).astimezone(tz)


def rfc3339(unix_ms: int, tz: tzinfo | None = None) -> str:
    """With milliseconds and offset: 2026-11-22T13:04:05.123+08:00."""
    return local_time(unix_ms, tz).isoformat(timespec="milliseconds")
