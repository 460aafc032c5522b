"""The bounded queue between captioners and the alerts thread. Captions are never dropped: the captioner waits."""

from __future__ import annotations

import queue

from surveil.records import Caption, Unchanged

CAPACITY = 64
"""A few seconds' worth; what waits here holds its frame's pixels."""


class Inbox:
    """Any thread. Satisfies captioning's CaptionSink."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._items: queue.Queue[Caption | Unchanged] = queue.Queue(capacity)

    def put(self, item: Caption | Unchanged, timeout_s: float) -> bool:
        """False when there was no room in time."""
        try:
            self._items.put(item, timeout=timeout_s)
        except queue.Full:
            return False
        return True

    def get(self, timeout_s: float) -> Caption | Unchanged | None:
        """None when nothing came in time."""
        try:
            return self._items.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def __len__(self) -> int:
        return self._items.qsize()
