"""Small things that a restart must not forget, kept in memory and in the `states` table of alerts.db."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from surveil.alerts.write_behind import WriteBehind

Key = tuple[str, str]
"""(kind, key)."""
INCIDENTS: Key = ("incidents", "")
CANARY: Key = ("canary", "")


class StateTable:
    """Any thread; nothing here raises, but `load`: what cannot be written waits."""

    def __init__(self, file: WriteBehind) -> None:
        self._file = file
        self._values: dict[Key, str] = {}
        """As the database has it, or will have it."""

    def enabled(self, camera_id: str, *, default: bool = True) -> bool:
        """Whether the camera is to be watched; `default` until somebody switches it."""
        with self._file.lock:
            state = self._values.get(("enabled", camera_id))
        return default if state is None else state == "ON"

    def set_enabled(self, camera_id: str, on: bool) -> None:
        """At once, whatever the configuration says, and over restarts."""
        self._set(("enabled", camera_id), "ON" if on else "OFF")

    def open_incidents(self) -> list[dict[str, Any]]:
        """As last given to `AlertStore.commit` or `save_incidents`."""
        with self._file.lock:
            found: list[dict[str, Any]] = json.loads(self._values.get(INCIDENTS, "[]"))
            return found

    def save_incidents(self, incidents: Sequence[Mapping[str, Any]]) -> None:
        """For changes that come without an alert: a hit, an end."""
        self._set(INCIDENTS, to_json(incidents))

    def announced(self) -> dict[str, dict[str, Any]]:
        """What was announced to subscribers and not taken back: key -> what its author wants to know to do so."""
        with self._file.lock:
            return {
                key: json.loads(value)
                for (kind, key), value in self._values.items()
                if kind == "announced"
            }

    def announce(self, key: str, details: Mapping[str, Any]) -> None:
        """Remember, before the first retained message goes out, what must be cleared one day."""
        self._set(("announced", key), to_json(details))

    def forget(self, key: str) -> None:
        """It was cleared."""
        self._set(("announced", key), None)

    def save_canary(self, result: Mapping[str, Any]) -> bool:
        """Commit the canary's result as an alert would be; whether it is on the disk now."""
        with self._file.lock:
            self._set(CANARY, to_json(result))
            return CANARY not in self._file.pending.states

    def clip_begun(self, alert_id: str) -> None:
        """A clip was promised."""
        self._set(("clip", alert_id), "begun")

    def clip_ended(self, alert_id: str) -> None:
        """It was made, or subscribers were told why not."""
        self._set(("clip", alert_id), None)

    def clips_begun(self) -> list[str]:
        """Ids of alerts whose clips were promised."""
        with self._file.lock:
            return [key for kind, key in self._values if kind == "clip"]

    # For the store, which holds the file's lock while it calls.

    def load(self) -> None:
        """What the database says. Raises StoreError."""
        rows = self._file.read("SELECT kind, key, value FROM states")
        self._values = {(row["kind"], row["key"]): str(row["value"]) for row in rows}

    def values(self) -> dict[Key, str]:
        """All that is known, a copy."""
        return dict(self._values)

    def get(self, key: Key) -> str | None:
        return self._values.get(key)

    def committed(self, key: Key, value: str) -> None:
        """A transaction has just put it into the database."""
        self._values[key] = value

    def put_later(self, key: Key, value: str | None) -> None:
        """With the next transaction that succeeds. None deletes."""
        self._file.pending.states[key] = value
        if value is None:
            self._values.pop(key, None)
        else:
            self._values[key] = value

    def _set(self, key: Key, value: str | None) -> None:
        with self._file.lock:
            if self._values.get(key) != value:
                self.put_later(key, value)
                self._file.try_write()


def to_json(value: object) -> str:
    """Compact, readable by people."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
