"""Identifiers that sort by time: UUID version 7 (RFC 9562, section 5.7)."""

from __future__ import annotations

import secrets
from uuid import UUID


def uuid7(unix_ms: int) -> UUID:
    """48 bits of unix time in milliseconds, then 74 random bits. Any thread."""
    return UUID(
        int=(unix_ms & (1 << 48) - 1) << 80
        | 0x7 << 76
        | secrets.randbits(12) << 64
        | 0b10 << 62
        | secrets.randbits(62)
    )
