"""The real unit under a real systemd: ready, reload, watchdog, restarts, and an end in order.

One boot is shared; the tests are one story and run in their order.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import booted
from tests.support.booted import BootedSystemd
from tests.support.waiting import eventually

_WHY_NOT = booted.why_not()
pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(240),
    pytest.mark.skipif(_WHY_NOT is not None, reason=_WHY_NOT or ""),
]

CONFIG = """\
cameras:
  - {id: yard, url: /opt/surveil/src/samples/clips/entrance.mp4, file: {loop: on}, interval: 500ms}
rules:
  - {id: climbing, patterns: person climbing}
captioner:
  engine: script
  script: /etc/surveil/script.jsonl
  deadline: 2s
  fallback: {engine: script, script: /etc/surveil/fallback.jsonl}
sampling: {motion_area: off, duplicate_area: off}
http: {listen: "unix:/run/surveil/http.sock"}
canary: off
"""

LAUNCHER = """\
#!/opt/surveil/python/bin/python{version}
import sys, threading, pathlib
sys.path[:0] = ["/opt/surveil/src", "/opt/surveil/site"]
from surveil.captioning.script_engine import ScriptCaptioner
from surveil.cli import main

FAULT = pathlib.Path("/var/lib/surveil/fault")
captions = ScriptCaptioner.caption

def caption(self, pictures, **options):
    fault = FAULT.read_text() if FAULT.exists() else ""
    if fault:
        FAULT.unlink()
    if fault == "raise":
        raise ValueError("drill")
    if fault == "hang":
        threading.Event().wait()
    return captions(self, pictures, **options)

ScriptCaptioner.caption = caption
sys.exit(main())
"""

DROPIN = """\
[Service]
RestartSec=200ms
WatchdogSec=3
# Where a Python that was built with a shared library finds it: its own place may be below /root, which is walled off.
Environment=LD_LIBRARY_PATH=/opt/surveil/python/lib
"""


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BootedSystemd]:
    folder: Path = tmp_path_factory.mktemp("box")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    launcher = LAUNCHER.replace("{version}", version)
    with BootedSystemd(folder, config=CONFIG, launcher=launcher, dropin=DROPIN) as box:
        for name in ("script", "fallback"):
            box.write(f"/etc/surveil/{name}.jsonl", f'{{"text": "{name} sees an empty yard"}}\n')
        yield box


def complaint(box: BootedSystemd) -> str:
    """How things stand, for a failed test's message."""
    lines = [str(entry.get("MESSAGE")) for entry in box.journal()][-40:]
    return box.systemctl("status", "surveil").stdout + "\n".join(lines)


def status_page(box: BootedSystemd) -> dict[str, Any]:
    """What `surveil status` prints; its exit code says the same as the page."""
    program = "/opt/surveil/bin/surveil"
    done = box.run(program, "status", "-c", "/etc/surveil/config.yaml", "--json")
    page: dict[str, Any] = json.loads(done.stdout)
    assert (done.returncode == 0) == (page["state"] == "ok")
    return page


def await_running(box: BootedSystemd, *, restarts: int) -> None:
    def running() -> bool:
        now = box.show("ActiveState", "NRestarts")
        return now == {"ActiveState": "active", "NRestarts": str(restarts)}

    eventually(running, timeout_s=40, what=lambda: complaint(box))


def test_start_returns_once_the_daemon_is_ready(box: BootedSystemd) -> None:
    done = box.systemctl("start", "surveil")
    assert done.returncode == 0, complaint(box)
    state = box.show("ActiveState", "SubState", "User", "NRestarts")
    assert state == {
        "ActiveState": "active",
        "SubState": "running",
        "User": "surveil",
        "NRestarts": "0",
    }


def test_the_status_line_is_in_words(box: BootedSystemd) -> None:
    eventually(
        lambda: "camera" in box.show("StatusText")["StatusText"], what=lambda: complaint(box)
    )


def test_surveil_status_asks_the_socket_in_the_runtime_directory(box: BootedSystemd) -> None:
    eventually(
        lambda: status_page(box)["cameras"][0]["state"] == "online",
        timeout_s=30,
        what=lambda: complaint(box),
    )
    assert status_page(box)["state"] == "ok"


def test_the_walls_stand(box: BootedSystemd) -> None:
    """What the unit promises is what the process has: no capability, a filter, no new privileges, no core."""
    pid = box.show("MainPID")["MainPID"]
    status = box.run("cat", f"/proc/{pid}/status").stdout
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert int(fields["CapEff"], 16) == 0
    assert fields["NoNewPrivs"] == "1"
    assert fields["Seccomp"] == "2"
    limits = box.run("cat", f"/proc/{pid}/limits").stdout
    assert "Max core file size        0 " in limits


def test_the_journal_has_priorities_and_one_line_an_event(box: BootedSystemd) -> None:
    own = [entry for entry in box.journal() if entry.get("_COMM", "").startswith("surveil")]
    own = own or [e for e in box.journal() if e.get("SYSLOG_IDENTIFIER") == "surveil"]
    assert own, complaint(box)
    assert {entry["PRIORITY"] for entry in own} <= {"3", "4", "6"}
    assert not [entry for entry in own if str(entry["MESSAGE"]).startswith(("<", "20"))]


def test_reload_takes_the_changed_file_without_a_restart(box: BootedSystemd) -> None:
    before = box.show("MainPID")
    box.write("/etc/surveil/config.yaml", CONFIG.replace("person climbing", "person running"))
    assert box.systemctl("reload", "surveil").returncode == 0, complaint(box)
    eventually(lambda: box.said("reloaded"), what=lambda: complaint(box))
    assert box.show("MainPID") == before
    assert box.show("ActiveState") == {"ActiveState": "active"}


def test_an_exception_in_a_thread_ends_the_process_and_systemd_starts_it_again(
    box: BootedSystemd,
) -> None:
    box.write("/var/lib/surveil/fault", "raise")
    await_running(box, restarts=1)
    assert box.said("ValueError: drill"), complaint(box)
    assert box.said("status=1/FAILURE"), complaint(box)


def test_a_thread_that_hangs_starves_the_watchdog_and_systemd_starts_it_again(
    box: BootedSystemd,
) -> None:
    """... and the journal keeps where it hung, and the stacks that SIGABRT left."""
    box.write("/var/lib/surveil/fault", "hang")
    await_running(box, restarts=2)
    assert box.said("Watchdog timeout"), complaint(box)
    assert box.said("has not moved for"), complaint(box)
    assert box.said("Fatal Python error: Aborted"), complaint(box)


def test_the_third_end_that_the_model_caused_brings_the_fallback_and_says_so(
    box: BootedSystemd,
) -> None:
    """A model that keeps killing the daemon must not stop captions of what can run."""
    box.write("/var/lib/surveil/fault", "raise")
    await_running(box, restarts=3)

    def fell_back() -> bool:
        page = status_page(box)
        codes = [problem["code"] for problem in page["problems"]]
        return "fallback" in codes and "fallback sees" in str(page["cameras"][0]["last_caption"])

    eventually(fell_back, timeout_s=30, what=lambda: complaint(box))


def test_stop_ends_in_order_and_in_time(box: BootedSystemd) -> None:
    assert box.systemctl("stop", "surveil", timeout_s=15).returncode == 0
    state = box.show("ActiveState", "Result", "ExecMainStatus")
    assert state == {"ActiveState": "inactive", "Result": "success", "ExecMainStatus": "0"}


def test_a_wrong_configuration_is_told_in_the_status_and_not_tried_again(
    box: BootedSystemd,
) -> None:
    box.write("/etc/surveil/config.yaml", "cameras: [{id: yard, ulr: rtsp://x/}]\n")
    assert box.systemctl("start", "surveil").returncode != 0
    state = box.show("ActiveState", "ExecMainStatus", "NRestarts", "StatusText")
    assert state["ActiveState"] == "failed"
    assert state["ExecMainStatus"] == "2"
    assert state["NRestarts"] == "0"
    assert "ulr" in state["StatusText"]
    assert box.said("ulr")
