"""What version 0.1.0 left behind still starts, and delivers what it held.

tests/former/ is a state folder as 0.1.0 wrote it: its broker went away while alerts were being raised, its webhook was
never there, camera `lobby` had been switched off over MQTT, an incident was open. Nothing in it is made by today's
code.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.broker import Broker, free_port
from tests.support.daemon import DaemonProcess
from tests.support.persistent_subscriber import PersistentSubscriber
from tests.support.waiting import eventually

FORMER = Path(__file__).parents[1] / "former"
CLIPS = Path(__file__).parents[2] / "samples" / "clips"
PREFIX = "surveil/former"

pytestmark = pytest.mark.system


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy that may be written."""
    return Path(shutil.copytree(FORMER, tmp_path / "former"))


def environ(broker_port: int) -> dict[str, str]:
    return {
        "CLIPS": str(CLIPS),
        "BROKER_PORT": str(broker_port),
        "HOOK_PORT": str(free_port()),
        "HTTP": "off",
    }


def undelivered(state: Path, destination: str) -> list[tuple[str, str, int]]:
    """(alert id, camera, sequence), in order of commit."""
    with closing(sqlite3.connect(state / "alerts.db")) as connection:
        return connection.execute(
            """SELECT a.alert_id, a.camera_id, a.sequence FROM deliveries d
               JOIN alerts a ON a.row_id = d.alert_row
               WHERE d.destination = ? AND d.kind = 'alert' ORDER BY a.row_id""",
            (destination,),
        ).fetchall()


def test_what_was_held_is_delivered_in_order_and_numbers_go_on(folder: Path) -> None:
    """Given eight alerts that 0.1.0 could not deliver, each arrives under its old id and number, before any new one."""
    held = undelivered(folder / "state", "mqtt")
    assert len(held) == 8
    broker = Broker(folder / "broker")
    with (
        broker,
        PersistentSubscriber(broker.port, PREFIX) as desk,
        DaemonProcess(folder / "config.yaml", environ=environ(broker.port)) as daemon,
    ):
        eventually(lambda: len(desk.alerts()) > len(held), timeout_s=90)
        arrived = [(a["id"], a["camera"], a["sequence"]) for a in desk.alerts()]
        assert arrived[: len(held)] == held
        entrance = [sequence for _, camera, sequence in arrived if camera == "entrance"]
        assert entrance == list(range(entrance[0], entrance[0] + len(entrance)))
        stores = {a["store"] for a in desk.alerts()}
        assert len(stores) == 1, "a new store was begun"
        desk.wait_for("lobby/status", "disabled")
        desk.wait_for("lobby/enabled/state", "OFF")
        assert daemon.stop() == 0
    assert len(undelivered(folder / "state", "webhook:desk")) >= 10
    assert not list((folder / "state").glob("*.damaged-*"))


def test_its_captions_are_found_and_its_configuration_is_valid(folder: Path) -> None:
    """`surveil check`, `search` and `alerts` read what 0.1.0 wrote, without a daemon."""
    config = str(folder / "config.yaml")

    def surveil(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "surveil", *arguments, "-c", config],
            env={"PATH": "/usr/bin:/bin", **environ(free_port())},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    checked = surveil("check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    found = surveil("search", "climbing", "--json")
    assert found.returncode == 0, found.stderr
    texts = {json.loads(line)["caption"] for line in found.stdout.splitlines()}
    assert texts == {"a man climbing over a fence"}
    listed = surveil("alerts", "--json")
    assert listed.returncode == 0, listed.stderr
    assert len(listed.stdout.splitlines()) == 10
