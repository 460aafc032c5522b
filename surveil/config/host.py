"""What the machine itself says: its name and its time zone."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

LOCALTIME = Path("/etc/localtime")
"""A link into the zone files, by systemd's convention (localtime(5))."""


def host_node() -> str:
    """The node's name that the host name gives: `[a-z0-9-]{1,63}`."""
    name = re.sub("[^a-z0-9-]+", "-", socket.gethostname().split(".")[0].lower()).strip("-")
    return name[:63] or "node"


def host_timezone(environ: Mapping[str, str]) -> str:
    """IANA name of the local time zone, from TZ or /etc/localtime; UTC where neither tells."""
    linked = str(LOCALTIME.resolve()).rpartition("/zoneinfo/")[2]
    for name in (environ.get("TZ", "").removeprefix(":"), linked):
        if _is_zone(name):
            return name
    return "UTC"


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        return False
    return True
