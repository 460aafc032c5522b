"""What subscribers ask for over MQTT, carried from the delivery thread to the main thread."""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from surveil.delivery.mqtt.topics import CaptionNow, Command, SetEnabled
from surveil.records import Problem

logger = logging.getLogger(__name__)

CAPACITY = 1000
"""A flood of commands (a broken automation) may be lost, with a log line; it must not eat the memory."""


class Cameras(Protocol):
    """What commands are about."""

    def set_enabled(self, camera_id: str, *, on: bool) -> bool:
        """False when there is no such camera."""
        ...

    def caption_now(self, camera_id: str) -> None: ...


class Commands:
    """`put` from any thread, `take` in the main thread."""

    name = "commands"

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._waiting: queue.Queue[Command] = queue.Queue(CAPACITY)
        self._lost_total = 0

    def put(self, command: Command) -> None:
        try:
            self._waiting.put_nowait(command)
        except queue.Full:
            self._lost_total += 1
            logger.warning("too many commands at once; lost one for camera %s", command.camera_id)
        self._wake()

    def take(self) -> Iterator[Command]:
        """What has come so far, and no more: a flood must not keep the main thread from its other duties."""
        for _ in range(self._waiting.qsize()):
            try:
                yield self._waiting.get_nowait()
            except queue.Empty:
                return

    def problems(self) -> Sequence[Problem]:
        return ()

    def counters(self) -> Mapping[str, float]:
        return {"waiting": self._waiting.qsize(), "lost_total": self._lost_total}


def execute(command: Command, cameras: Cameras) -> None:
    """Do what was asked."""
    match command:
        case SetEnabled(camera_id, on):
            if cameras.set_enabled(camera_id, on=on):
                logger.info("camera %s switched %s", camera_id, "on" if on else "off")
            else:  # it left the configuration while the command was under way
                logger.warning("camera %s not switched: there is no such camera", camera_id)
        case CaptionNow(camera_id):
            cameras.caption_now(camera_id)
