"""`Link`: a camera's machine at the other end of a cable that a test can pull (a network namespace and a veth pair)."""

from __future__ import annotations

import os
import shutil
import subprocess
from types import TracebackType


def unavailable() -> str | None:
    """Why there can be no such link here, or None."""
    if os.geteuid() != 0:
        return "needs root for a network namespace: sudo make test"
    if shutil.which("ip") is None:
        return "needs Debian's package iproute2"
    probe = subprocess.run(["ip", "netns", "add", "svprobe"], capture_output=True, check=False)
    if probe.returncode:
        return (
            f"this kernel or container allows no network namespace: {probe.stderr.decode().strip()}"
        )
    _ip("netns", "del", "svprobe")
    return None


class Link:
    """Use with `with`. Processes started with `inside` before their command live at the far end, at `address`."""

    def __init__(self) -> None:
        number = os.getpid() % 250 + 1
        self.address = f"10.213.{number}.2"
        self._here = f"10.213.{number}.1"
        self._space, self._near, self._far = (f"sv{kind}{number}" for kind in ("ns", "a", "b"))
        self.inside = ("ip", "netns", "exec", self._space)

    def __enter__(self) -> Link:
        _ip("netns", "add", self._space)
        try:
            _ip("link", "add", self._near, "type", "veth", "peer", "name", self._far)
            _ip("link", "set", self._far, "netns", self._space)
            _ip("addr", "add", f"{self._here}/30", "dev", self._near)
            _ip("link", "set", self._near, "up")
            _ip("-n", self._space, "addr", "add", f"{self.address}/30", "dev", self._far)
            _ip("-n", self._space, "link", "set", self._far, "up")
            _ip("-n", self._space, "link", "set", "lo", "up")
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._remove()

    def cut(self) -> None:
        """No packet passes, and nobody is told."""
        _ip("-n", self._space, "link", "set", self._far, "down")

    def mend(self) -> None:
        _ip("-n", self._space, "link", "set", self._far, "up")

    def _remove(self) -> None:
        subprocess.run(["ip", "link", "del", self._near], capture_output=True, check=False)
        subprocess.run(["ip", "netns", "del", self._space], capture_output=True, check=False)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
