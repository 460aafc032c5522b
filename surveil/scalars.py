"""Durations and byte sizes as people write them: `5s`, `1h30m`, `512MiB`.

A bare number is refused, because nobody can see whether `5` meant seconds or minutes.
"""

from __future__ import annotations

import re

_UNIT_MS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_PART = r"(\d{1,12}(?:\.\d{1,6})?)(ms|d|h|m|s)"
DURATION_PATTERN = r"^(\d{1,12}(\.\d{1,6})?(ms|d|h|m|s))+$"

_UNIT_BYTES = {
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
_SIZE = re.compile(r"(\d{1,12}(?:\.\d{1,6})?) ?(B|[kK]B|MB|GB|TB|KiB|MiB|GiB|TiB)", re.ASCII)
SIZE_PATTERN = r"^\d{1,12}(\.\d{1,6})? ?(B|[kK]B|MB|GB|TB|KiB|MiB|GiB|TiB)$"


def parse_duration(text: str) -> float:
    """Seconds, to the millisecond. Units d, h, m, s, ms, largest first, each at most once. Raises ValueError."""
    if re.fullmatch(rf"(?:{_PART})+", text, re.ASCII) is None:
        raise ValueError("a duration is numbers with units (ms, s, m, h, d)")
    parts = re.findall(_PART, text, re.ASCII)
    order = [list(_UNIT_MS).index(unit) for _, unit in parts]
    if order != sorted(set(order)):
        raise ValueError("the units of a duration go from large to small, each once, as in 1h30m")
    return round(sum(float(number) * _UNIT_MS[unit] for number, unit in parts)) / 1_000


def format_duration(seconds: float) -> str:
    """The shortest text that `parse_duration` reads as the same number of milliseconds."""
    left_ms = round(seconds * 1_000)
    if left_ms == 0:
        return "0s"
    text = ""
    for unit, unit_ms in _UNIT_MS.items():
        count, left_ms = divmod(left_ms, unit_ms)
        text += f"{count}{unit}" if count else ""
    return text


def parse_size(text: str) -> int:
    """Bytes. Decimal units (kB, MB, GB, TB) and binary ones (KiB, MiB, GiB, TiB). Raises ValueError."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ValueError("a size is a number with a unit (B, kB, MB, GB, KiB, MiB, GiB)")
    unit = "kB" if found[2] == "KB" else found[2]
    return round(float(found[1]) * _UNIT_BYTES[unit])


def format_size(count: int) -> str:
    """The shortest text that `parse_size` reads as the same number of bytes."""
    if count == 0:
        return "0B"
    whole = [unit for unit, size in _UNIT_BYTES.items() if count % size == 0]
    return min((f"{count // _UNIT_BYTES[unit]}{unit}" for unit in whole), key=len)
