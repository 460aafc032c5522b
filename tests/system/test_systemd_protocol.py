"""What the daemon tells systemd, over a real notify socket: for machines where systemd itself cannot be booted."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.support.daemon import DaemonProcess
from tests.support.node import clip
from tests.support.waiting import eventually, throughout

pytestmark = pytest.mark.timeout(120)

WATCHDOG = {"WATCHDOG_USEC": "1000000"}
"""One second: it must be told every half."""


def node(tmp_path: Path, *lines: dict[str, object], interval: str = "500ms") -> Path:
    """A node with one camera, whose captions are `lines`."""
    (tmp_path / "script.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    config = tmp_path / "config.yaml"
    config.write_text(
        f"""\
cameras:
  - {{id: yard, url: {clip("quiet.mp4")}, file: {{loop: on}}, interval: {interval}}}
rules:
  - {{id: climbing, patterns: person climbing}}
captioner: {{engine: script, script: script.jsonl, deadline: 1s}}
sampling: {{motion_area: off, duplicate_area: off}}
http: {{listen: off}}
canary: off
"""
    )
    return config


def count(daemon: DaemonProcess, line: str) -> int:
    daemon.was_notified(line)
    return daemon.notified.count(line)


def test_ready_then_watchdog_then_reload_then_stopping(tmp_path: Path) -> None:
    """Given a healthy node, then systemd hears each word in its place, and every word about a reload."""
    config = node(tmp_path, {"text": "an empty yard"})
    with DaemonProcess(config, environ=WATCHDOG) as daemon:
        assert daemon.was_notified("STATUS=")
        eventually(lambda: count(daemon, "WATCHDOG=1") >= 3, what=daemon.log)
        config.write_text(config.read_text().replace("person climbing", "person running"))
        daemon.send(signal.SIGHUP)
        eventually(lambda: count(daemon, "READY=1") == 2, what=daemon.log)
        reloading = daemon.notified.index("RELOADING=1")
        assert daemon.notified[reloading + 1].startswith("MONOTONIC_USEC=")
        assert daemon.notified.index("READY=1") < reloading
        assert daemon.stop() == 0
        assert daemon.was_notified("STOPPING=1")


def test_a_hung_captioner_starves_the_watchdog_and_is_named(tmp_path: Path) -> None:
    """Given an inference that never returns, when its deadline is past, then systemd hears only the name."""
    hang = {"text": "an empty yard", "delay_ms": 3_600_000}
    with DaemonProcess(node(tmp_path, hang), environ=WATCHDOG) as daemon:
        daemon.wait_notified("STATUS=hung: captioner")
        told = count(daemon, "WATCHDOG=1")
        throughout(lambda: count(daemon, "WATCHDOG=1") == told, 2.5, what="silence")
        assert "has not moved for" in daemon.log()
        daemon.send(signal.SIGABRT)  # what systemd does then
        assert daemon.wait() == -signal.SIGABRT
        assert "Fatal Python error: Aborted" in daemon.log()


def test_a_start_that_fails_says_why_in_its_status_and_in_one_error_line(tmp_path: Path) -> None:
    """A device that is not there: exit code 3, before anything has begun."""
    config = node(tmp_path, {"text": "x"})
    text = config.read_text()
    config.write_text(
        text.replace("engine: script, script: script.jsonl", "model: ./nowhere, device: cpu")
    )
    daemon = DaemonProcess(config)
    daemon.start()
    assert daemon.wait(60) == 3
    assert daemon.was_notified("STATUS=failed: ")
    assert not daemon.was_notified("READY=1")
    assert "ERROR" in daemon.log()
    assert "Traceback" not in daemon.log()
    daemon._socket.close()
