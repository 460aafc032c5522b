"""Passwords and tokens taken out of text before it reaches a log, a payload or a terminal.

Two nets: shapes that hold secrets (user-info in addresses, `password=...`, `Bearer ...`), and the very values that the
configuration holds, registered at start. A little too much is hidden rather than a little too little.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from urllib.parse import quote, quote_plus, unquote

MASK = "***"
SHORT = 4
"""Secrets shorter than this are hidden only where they stand alone: hiding every `1` would hide the log."""

_lock = threading.Lock()
_secrets: set[str] = set()
_registered: re.Pattern[str] | None = None

_URL = re.compile(
    # Passwords with @ and / in them are typed without escaping: the last @ before a space or the next address counts.
    r"(?P<scheme>[a-z][a-z0-9+.-]{0,20}://)(?:(?![a-z][a-z0-9+.-]{0,20}://)[^\s\"'<>]){0,512}@",
    re.IGNORECASE,
)
_ENCODED_URL = re.compile(r"(?P<scheme>%3a%2f%2f)[^\s\"'<>&]{0,512}%40", re.IGNORECASE)
_BARE = re.compile(r"(?<![\w.%+~-])[\w.%+~-]{1,128}:(?!//)[^\s@\"'<>]{1,256}@(?=[\w\[])")
_NAME = r"(?:pass(?:word|wd|phrase)?|pwd|token|secret|key|auth|authorization|signature|sig|credentials?)"
_PAIR = re.compile(
    rf"(?P<name>{_NAME}s?\s*=\s*)(?P<value>\"[^\"]*\"|'[^']*'|[^\s&;,\"'<>)\]}}]+)", re.IGNORECASE
)
_FIELD = re.compile(
    r"(?P<name>(?:pass(?:word|wd|phrase)?|pwd|token|secret|authorization)['\"]?\s*:\s*)"
    r"(?P<value>\"[^\"]*\"|'[^']*'|[^\s&;,\"'<>)\]}]+)",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[\w.~-]{16,}")
_BEARER = re.compile(
    r"\b(?P<name>(?:bearer|basic|digest)\s+)(?P<value>[\w.~+/=-]{6,})", re.IGNORECASE
)


def redact(text: str) -> str:
    """`text` with every secret that it is known or seems to hold replaced by `***`. Any thread."""
    if _registered is not None:
        text = _registered.sub(MASK, text)
    text = _BEARER.sub(rf"\g<name>{MASK}", text)
    if "@" in text:
        text = _URL.sub(rf"\g<scheme>{MASK}@", text)
        text = _BARE.sub(f"{MASK}@", text)
    if "%40" in text:
        text = _ENCODED_URL.sub(rf"\g<scheme>{MASK}%40", text)
    if "=" in text:
        text = _PAIR.sub(rf"\g<name>{MASK}", text)
    if ":" in text:
        text = _FIELD.sub(rf"\g<name>{MASK}", text)
    return text


def register_secret(value: str) -> None:
    """Hide this value from now on, also as it looks inside an address, JSON or a Python repr. Any thread."""
    global _registered
    if not value.strip("*"):
        return
    with _lock:
        _secrets.update(form for form in _forms(value) if form)
        longest_first = sorted(_secrets, key=len, reverse=True)
        _registered = re.compile("|".join(_pattern(secret) for secret in longest_first))


def register_secrets_of(value: object) -> None:
    """Register every secret inside a configuration: whatever has `get_secret_value`, however deep. Any thread.

    Of an address the password counts, and what looks like a token in its path (webhooks have such addresses): hiding
    all of it would hide which camera failed.
    """
    reveal = getattr(value, "get_secret_value", None)
    if callable(reveal):
        _register_revealed(str(reveal()))
    elif isinstance(value, Mapping):
        for inner in value.values():
            register_secrets_of(inner)
    elif isinstance(value, (tuple, list, set, frozenset)):
        for inner in value:
            register_secrets_of(inner)
    elif not isinstance(
        value, (Path, Enum)
    ):  # an enumeration refers to its class, and that to its members
        register_secrets_of(getattr(value, "__dict__", {}))


def _register_revealed(text: str) -> None:
    scheme, mark, rest = text.partition("://")
    if not mark:
        register_secret(text)
        return
    user_info, at, _ = rest.rpartition("@")
    _, colon, password = user_info.partition(":")
    if scheme and at and colon:
        register_secret(password)
        register_secret(unquote(password))
    for piece in re.split(r"[/?&=#]", rest.rpartition("@")[2])[1:]:
        if _TOKEN.fullmatch(piece):
            register_secret(piece)


def _forms(value: str) -> set[str]:
    return {
        value,
        value.strip(),
        quote(value, safe=""),
        quote(value),
        quote_plus(value),
        json.dumps(value)[1:-1],
        repr(value)[1:-1],
    }


def _pattern(secret: str) -> str:
    escaped = re.escape(secret)
    return escaped if len(secret) >= SHORT else rf"(?<!\w){escaped}(?!\w)"
