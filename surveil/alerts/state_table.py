"""Small things that a restart must not forget, kept in memory and in the `states` table of alerts.db."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from surveil.alerts.write_behind import WriteBehind
from surveil.records import Problem

INCIDENTS = ("incidents", "")


class StateTable:
    """The part of AlertStore that is no alert. Any thread; nothing here raises: what cannot be written waits."""

    _file: WriteBehind

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._states: dict[tuple[str, str], str] = {}
        """(kind, key) -> value, as the database has it or will have it."""

    def problem(self) -> Problem | None:
        """Why the database is not fully itself; None when it is."""
        with self._lock:
            return self._file.problem()

    def enabled(self, camera_id: str, *, default: bool = True) -> bool:
        """Whether the camera is to be watched; `default` until somebody switches it."""
        with self._lock:
            state = self._states.get(("enabled", camera_id))
        return default if state is None else state == "ON"

    def set_enabled(self, camera_id: str, on: bool) -> None:
        """At once, whatever the configuration says, and over restarts."""
        self._set_state(("enabled", camera_id), "ON" if on else "OFF")

    def open_incidents(self) -> list[dict[str, Any]]:
        """As last given to `commit` or `save_incidents`."""
        with self._lock:
            found: list[dict[str, Any]] = json.loads(self._states.get(INCIDENTS, "[]"))
            return found

    def save_incidents(self, incidents: Sequence[Mapping[str, Any]]) -> None:
        """For changes that come without an alert: a hit, an end."""
        self._set_state(INCIDENTS, to_json(incidents))

    def announced(self) -> dict[str, dict[str, Any]]:
        """What was announced to subscribers and not taken back: key -> what its author wants to know to do so."""
        with self._lock:
            return {
                key: json.loads(value)
                for (kind, key), value in self._states.items()
                if kind == "announced"
            }

    def announce(self, key: str, details: Mapping[str, Any]) -> None:
        """Remember, before the first retained message goes out, what must be cleared one day."""
        self._set_state(("announced", key), to_json(details))

    def forget(self, key: str) -> None:
        """It was cleared."""
        self._set_state(("announced", key), None)

    def save_canary(self, result: Mapping[str, Any]) -> bool:
        """Commit the canary's result as an alert would be; whether it is on the disk now."""
        self._set_state(("canary", ""), to_json(result))
        return self.problem() is None

    def clip_begun(self, alert_id: str) -> None:
        """A clip was promised."""
        self._set_state(("clip", alert_id), "begun")

    def clip_ended(self, alert_id: str) -> None:
        """It was made, or subscribers were told why not."""
        self._set_state(("clip", alert_id), None)

    def clips_begun(self) -> list[str]:
        """Ids of alerts whose clips were promised."""
        with self._lock:
            return [key for kind, key in self._states if kind == "clip"]

    def _set_state(self, key: tuple[str, str], value: str | None) -> None:
        with self._lock:
            if self._states.get(key) != value:
                self._keep_state(key, value)
                self._file.try_write()

    def _keep_state(self, key: tuple[str, str], value: str | None) -> None:
        self._file.pending.states[key] = value
        if value is None:
            self._states.pop(key, None)
        else:
            self._states[key] = value


def to_json(value: object) -> str:
    """Compact, readable by people."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
