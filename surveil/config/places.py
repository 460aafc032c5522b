"""Where a daemon keeps what it remembers, and where it can be asked: all that commands beside it need of its file.

What else stands in the file may be wrong here, or hold secrets that only the service can see: none of that keeps
somebody from reading the alerts of last night.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from surveil.config.load import read_part
from surveil.config.model import Config

INSTALLED = (Path("config.yaml"), Path("/etc/surveil/config.yaml"))
"""Where a configuration is looked for that was not named."""
_UNSEEN = "(unseen)"
"""Stands for a token that only the service can see, so that the rest of `http:` can be judged."""
_URL = "rtsp://placeholder.invalid/"


@dataclass(frozen=True, slots=True)
class Places:
    """Of the daemon that runs with the file."""

    file: Path
    state_dir: Path
    snapshots_dir: Path
    listen: str
    """`http.listen`; `off` where nobody can be asked."""
    token: str | None = field(repr=False)
    """None: there is none, or it cannot be seen from here."""


def configuration(named: Path | None) -> Path:
    """The file that was named, or the first that is there."""
    return named or next((place for place in INSTALLED if place.exists()), INSTALLED[0])


def read_places(named: Path | None, *, environ: Mapping[str, str]) -> Places:
    """Raises ConfigError for a file that cannot be read, and for mistakes in these few keys."""
    file = configuration(named)
    config = read_part(file, _places_in, environ=environ)
    token = config.http.token.get_secret_value() if config.http.token else None
    return Places(
        file=file,
        state_dir=config.state_dir,
        snapshots_dir=config.snapshots_dir,
        listen=config.http.listen,
        token=None if token == _UNSEEN else token,
    )


def read_rules(named: Path | None, *, environ: Mapping[str, str]) -> Config:
    """A configuration of which only rules and synonyms, time zone and camera ids are true. Raises ConfigError."""
    return read_part(configuration(named), _rules_in, environ=environ)


def _places_in(value: Mapping[str, Any], unset: frozenset[tuple[object, ...]]) -> dict[str, Any]:
    part: dict[str, Any] = {key: value[key] for key in ("state_dir",) if key in value}
    if isinstance(snapshots := value.get("snapshots"), dict) and "folder" in snapshots:
        part["snapshots"] = {"folder": snapshots["folder"]}
    if isinstance(http := value.get("http"), dict):
        seen = http.get("token") is not None and ("http", "token") not in unset
        part["http"] = {"token": http["token"] if seen else _UNSEEN}
        if "listen" in http:
            part["http"]["listen"] = http["listen"]
    return part


def _rules_in(value: Mapping[str, Any], unset: frozenset[tuple[object, ...]]) -> dict[str, Any]:
    part = {key: value[key] for key in ("rules", "synonyms", "timezone") if key in value}
    cameras = value.get("cameras")
    if isinstance(cameras, list):
        named = (camera.get("id") for camera in cameras if isinstance(camera, dict))
        part["cameras"] = [{"id": name, "url": _URL} for name in named if name is not None]
    return part
