"""The register of secrets is the process's own; a test leaves it as empty as it found it."""

from __future__ import annotations

from surveil import redact


def forget_secrets() -> None:
    """Empty the register, so that one test's secrets do not hide another's output."""
    with redact._lock:
        redact._secrets.clear()
        redact._registered = None
