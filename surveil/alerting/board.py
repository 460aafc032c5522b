"""What subscribers should see now: the newest value of every retained topic, and which of them are still to be sent.

A state that changes ten times while the broker is away is sent once, as it is. Any thread.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Post:
    """One message."""

    topic: str
    payload: bytes = field(repr=False)
    qos: int = 1
    retain: bool = True
    user_properties: tuple[tuple[str, str], ...] = ()
    """MQTT 5 only."""
    note: str | None = None
    """For the sender: handed back when the broker has acknowledged the message."""


class Board:
    """Topics keep the order in which they were first put up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._posts: dict[str, Post] = {}
        self._unsent: dict[str, Post] = {}

    def put(self, post: Post) -> None:
        """Unsent when it says something new."""
        with self._lock:
            if self._posts.get(post.topic) != post:
                self._posts[post.topic] = post
                self._unsent[post.topic] = post

    def put_default(self, post: Post) -> None:
        """Only if the topic has no value yet."""
        with self._lock:
            if post.topic not in self._posts:
                self._posts[post.topic] = post
                self._unsent[post.topic] = post

    def once(self, post: Post) -> None:
        """Sent once, not again at the next connect; a newer one on the same topic replaces it."""
        with self._lock:
            self._unsent[post.topic] = post

    def drop(self, topic: str) -> None:
        """Forget the topic; the broker is not told."""
        with self._lock:
            self._posts.pop(topic, None)
            self._unsent.pop(topic, None)

    def resend(self, prefix: str = "") -> None:
        """All topics that begin so are unsent again: a new connection, or Home Assistant was born."""
        with self._lock:
            again = {t: p for t, p in self._posts.items() if t.startswith(prefix)}
            self._unsent = {**again, **self._unsent}

    def take(self) -> Post | None:
        """The next unsent message; it counts as sent."""
        with self._lock:
            topic = next(iter(self._unsent), None)
            return None if topic is None else self._unsent.pop(topic)

    def drop_transient(self) -> None:
        """A connection ended: what was to be sent once and was not is stale."""
        with self._lock:
            self._unsent = {t: p for t, p in self._unsent.items() if self._posts.get(t) == p}
