"""Word lists as blocks of text, which people can read and diff."""

from __future__ import annotations


def word_set(text: str) -> frozenset[str]:
    """Words separated by white space, or, where there is a comma, phrases separated by commas."""
    parts = text.split(",") if "," in text else text.split()
    return frozenset(" ".join(part.split()) for part in parts)
