"""The cameras as subscribers know them: announced with their first states, cleared when they have left."""

from __future__ import annotations

from collections.abc import Sequence

from surveil.alerting import payloads
from surveil.alerting.board import Board, Post
from surveil.alerting.homeassistant import CameraInfo, discovery_payload
from surveil.alerting.store import AlertStore
from surveil.alerting.topics import Topics


class Roster:
    """`set_*` and `knows` from any thread; `refresh` in the delivery thread."""

    def __init__(
        self, store: AlertStore, board: Board, topics: Topics, *, has_pictures: bool
    ) -> None:
        self.changed = False
        """`refresh` has something to do."""
        self._store = store
        self._board = board
        self._topics = topics
        self._has_pictures = has_pictures
        self._cameras: dict[str, CameraInfo] | None = None
        self._event_types: tuple[str, ...] = ()

    def set_cameras(self, infos: Sequence[CameraInfo]) -> None:
        self._cameras = {info.camera_id: info for info in infos}
        self.changed = True

    def set_event_types(self, event_types: Sequence[str]) -> None:
        self._event_types = tuple(event_types)
        self.changed = True

    def knows(self, camera_id: str) -> bool:
        return camera_id in (self._cameras or {})

    def camera_ids(self) -> list[str]:
        return list(self._cameras or {})

    def refresh(self) -> None:
        """Introduce who is there, clear who has left. Until cameras were set, nobody has left."""
        self.changed = False
        if self._cameras is None:
            return
        self._store.announce(self._topics.prefix, {"topics": self._topics.retained_of_node()})
        cameras = dict(self._cameras)
        for camera in cameras.values():
            self._introduce(camera)
        keys = {self._topics.prefix, *(self._key(camera_id) for camera_id in cameras)}
        in_use = {topic for camera_id in cameras for topic in self._topics.retained(camera_id)}
        for key, details in self._store.announced().items():
            if key not in keys:
                # Discovery topics do not hold the prefix: under another one they are the same, and stay.
                self._clear(key, [topic for topic in details["topics"] if topic not in in_use])

    def _introduce(self, camera: CameraInfo) -> None:
        camera_id = camera.camera_id
        self._store.announce(self._key(camera_id), {"topics": self._topics.retained(camera_id)})
        # What an earlier run left at the broker may be wrong by now; these are true until the rooms have spoken.
        for leaf, payload in (
            ("status", b"offline"),
            ("status/attributes", payloads.unknown_attributes()),
            (
                "enabled/state",
                b"ON" if self._store.enabled(camera_id, default=camera.enabled) else b"OFF",
            ),
            ("abnormal", b"OFF"),
            ("abnormal/attributes", payloads.nothing_abnormal()),
        ):
            self._board.put_default(Post(self._topics.of_camera(camera_id, leaf), payload))
        if not self._has_pictures:  # an earlier run with pictures may have left one
            self._board.put(Post(self._topics.of_camera(camera_id, "snapshot"), b""))
        discovery = self._topics.discovery(camera_id)
        if discovery is not None:
            payload = discovery_payload(camera, self._topics, self._event_types)
            self._board.put(Post(discovery, payload))

    def _clear(self, key: str, topics: list[str]) -> None:
        """Empty retained messages; forgotten when the broker has the last of them."""
        if not topics:
            self._store.forget(key)
        for topic in topics:
            self._board.drop(topic)
            self._board.once(Post(topic, b"", note=key if topic == topics[-1] else None))

    def _key(self, camera_id: str) -> str:
        return f"{self._topics.prefix}/{camera_id}"
