"""The main job as a user has it: the real process, a real RTSP server, a real broker, a subscriber."""

from __future__ import annotations

import hashlib
import json
import signal
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from tests.support.broker import Broker
from tests.support.daemon import DaemonProcess
from tests.support.node import PREFIX, SAMPLES, clip, write_config
from tests.support.persistent_subscriber import PersistentSubscriber
from tests.support.rtsp import RtspServer
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(180)


def segment(clip_name: str, rule_id: str) -> tuple[float, float]:
    """When the clip shows what the rule is about, seconds."""
    manifest = json.loads(clip("clips.json").read_text(encoding="utf-8"))
    timeline = manifest["clips"][clip_name]["timeline"]
    (found,) = [part for part in timeline if rule_id in part["rules"]]
    return found["from_s"], found["to_s"]


def moment_of(snapshot: Path, clip_name: str) -> float:
    """Seconds into the clip of the frame that the picture resembles most."""
    wanted = np.asarray(Image.open(snapshot).convert("L").resize((160, 90)), dtype=float)
    with av.open(str(clip(clip_name))) as container:
        distances = {
            float(frame.time or 0): float(
                np.abs(frame.reformat(160, 90, "gray").to_ndarray().astype(float) - wanted).mean()
            )
            for frame in container.decode(video=0)
        }
    return min(distances, key=lambda moment: distances[moment])


def snapshot_path(folder: Path, alert: dict[str, Any]) -> Path:
    return folder / "state" / "snapshots" / str(alert["snapshot"]["path"])


@pytest.mark.usefixtures("rtsp_available")
def test_an_event_on_an_rtsp_camera_becomes_one_alert_with_the_right_picture(
    tmp_path: Path, broker: Broker
) -> None:
    """Given two RTSP cameras, when somebody climbs on one, its alert arrives, with the frame that shows it on disk."""
    clips = {"/entrance": clip("entrance.mp4"), "/quiet": clip("quiet.mp4")}
    with RtspServer(clips) as rtsp, PersistentSubscriber(broker.port, PREFIX) as subscriber:
        cameras = {"entrance": rtsp.url("/entrance"), "yard": rtsp.url("/quiet")}
        config = write_config(tmp_path, cameras, port=broker.port)
        with DaemonProcess(config) as daemon:
            subscriber.wait_for("status", "online")
            subscriber.wait_for("entrance/status", "online")
            subscriber.wait_for("yard/status", "online")
            alert = subscriber.wait_for_alert("entrance", "person-climbing", 90)
            picture = snapshot_path(tmp_path, alert)
            assert hashlib.sha256(picture.read_bytes()).hexdigest() == alert["snapshot"]["sha256"]
            from_s, to_s = segment("entrance.mp4", "person-climbing")
            assert from_s - 0.2 <= moment_of(picture, "entrance.mp4") <= to_s + 0.2
            assert "climb" in alert["caption"] or "fence" in alert["caption"]
            assert alert["confidence"] is not None
            assert 0 < alert["confidence"] <= 1
            assert subscriber.alerts("yard") == []
            assert daemon.stop() == 0
        subscriber.wait_for("status", "stopped")
        climbing = [a for a in subscriber.alerts("entrance") if a["rule"] == "person-climbing"]
        assert len({a["sequence"] for a in climbing}) == len(climbing)


def test_alerts_raised_while_the_broker_is_away_arrive_when_it_comes(
    tmp_path: Path, broker: Broker
) -> None:
    """No broker at the start: the daemon is READY all the same, and what it saw meanwhile is delivered later."""
    broker.stop()
    config = write_config(tmp_path, {"entrance": clip("entrance.mp4")}, port=broker.port)
    with DaemonProcess(config) as daemon:
        snapshots = tmp_path / "state" / "snapshots"
        eventually(lambda: list(snapshots.rglob("*person-climbing*.jpg")), timeout_s=60)
        broker.start()
        with PersistentSubscriber(broker.port, PREFIX) as subscriber:
            alert = subscriber.wait_for_alert("entrance", "person-climbing", 60)
            assert min(one["sequence"] for one in subscriber.alerts("entrance")) == 1
            assert alert["durable"] is True
        assert daemon.stop() == 0


def test_a_camera_that_is_down_is_a_status_and_stops_nothing(
    tmp_path: Path, broker: Broker
) -> None:
    """A refused connection and a missing clip: both cameras are offline with a reason, the third is watched."""
    cameras: dict[str, str | Path] = {
        "down": "rtsp://viewer:s3cret-word@127.0.0.1:9/live",
        "gone": tmp_path / "no-such-clip.mp4",
        "square": clip("square.mp4"),
    }
    config = write_config(tmp_path, cameras, port=broker.port)
    with PersistentSubscriber(broker.port, PREFIX) as subscriber, DaemonProcess(config) as daemon:
        subscriber.wait_for("square/status", "online")
        subscriber.wait_for_alert("square", "person-fighting", 60)
        for camera_id in ("down", "gone"):
            assert subscriber.last(f"{camera_id}/status") == b"offline"
        reason = str(subscriber.messages("gone/status/attributes")[-1].json()["reason"])
        assert "no-such-clip.mp4" in reason
        assert "s3cret-word" not in daemon.log()
        told = [m.payload for m in subscriber.messages("down/status/attributes")]
        assert told
        assert not any(b"s3cret-word" in payload for payload in told)


def test_ctrl_c_ends_it_within_the_deadline_with_exit_code_0(
    tmp_path: Path, broker: Broker
) -> None:
    config = write_config(tmp_path, {"entrance": clip("entrance.mp4")}, port=broker.port)
    with PersistentSubscriber(broker.port, PREFIX) as subscriber, DaemonProcess(config) as daemon:
        subscriber.wait_for("entrance/status", "online")
        daemon.send(signal.SIGINT)
        assert daemon.wait(12) == 0
        assert daemon.was_notified("STOPPING=1")
        subscriber.wait_for("status", "stopped")


def test_a_camera_switched_off_stays_off_over_a_restart(tmp_path: Path, broker: Broker) -> None:
    config = write_config(tmp_path, {"square": clip("square.mp4")}, port=broker.port)
    with PersistentSubscriber(broker.port, PREFIX) as subscriber:
        with DaemonProcess(config):
            subscriber.wait_for("square/status", "online")
            subscriber.publish("square/enabled/set", "OFF")
            subscriber.wait_for("square/status", "disabled")
            subscriber.wait_for("square/enabled/state", "OFF")
        subscriber.wait_for("status", "stopped")
        with DaemonProcess(config):
            subscriber.wait_for("status", "online")
            subscriber.wait_for("square/status", "disabled")
            subscriber.publish("square/enabled/set", "ON")
            subscriber.wait_for("square/status", "online")


def test_reload_adds_a_camera_without_touching_the_other(tmp_path: Path, broker: Broker) -> None:
    """SIGHUP: the new camera comes, the old one keeps its connection, a broken file changes nothing and is told."""
    both = {"entrance": clip("entrance.mp4"), "yard": clip("quiet.mp4")}
    config = write_config(tmp_path, {"entrance": clip("entrance.mp4")}, port=broker.port)
    with PersistentSubscriber(broker.port, PREFIX) as subscriber, DaemonProcess(config) as daemon:
        subscriber.wait_for("entrance/status", "online")
        write_config(tmp_path, both, port=broker.port)
        daemon.send(signal.SIGHUP)
        subscriber.wait_for("yard/status", "online")
        assert daemon.was_notified("RELOADING=1")
        statuses = [m.payload for m in subscriber.messages("entrance/status")]
        assert set(statuses[statuses.index(b"online") :]) == {b"online"}

        config.write_text("cameras: 5\n", encoding="utf-8")
        daemon.send(signal.SIGHUP)
        eventually(lambda: b"reload" in (subscriber.last("health") or b""), timeout_s=20)
        health = json.loads(subscriber.last("health") or b"{}")
        assert health["state"] == "degraded"
        assert "config.yaml" in health["problems"][0]["text"]
        assert subscriber.last("yard/status") == b"online"

        write_config(tmp_path, {"yard": clip("quiet.mp4")}, port=broker.port)
        daemon.send(signal.SIGHUP)
        subscriber.wait_for("entrance/status", "")
        eventually(lambda: b'"ok"' in (subscriber.last("health") or b""), timeout_s=20)


def ended_with(config: Path) -> tuple[int, str]:
    """Exit code and log of a daemon that does not get as far as READY."""
    with DaemonProcess(config, await_ready=False) as daemon:
        exit_code = daemon.wait(100)  # torch alone takes 40 s to import on a busy machine
        assert not daemon.was_notified("READY=1")
        return exit_code, daemon.log()


def test_a_wrong_configuration_ends_it_with_2_and_every_problem(tmp_path: Path) -> None:
    config = write_config(tmp_path, {"entrance": clip("entrance.mp4")}, port=None)
    text = config.read_text(encoding="utf-8")
    config.write_text(text + "camera: []\ntimezone: Mars/Phobos\n", encoding="utf-8")
    exit_code, log = ended_with(config)
    assert exit_code == 2
    assert "did you mean cameras" in log
    assert "Mars/Phobos" in log
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    ("captioner", "words"),
    [
        ({"model": "/nonexistent/model"}, ["/nonexistent/model"]),
        ({"model": str(SAMPLES / "model"), "device": "npu"}, ["npu", "torch-npu"]),
        ({"model": str(SAMPLES / "model"), "device": "cuda:7"}, ["cuda:7"]),
    ],
    ids=["no such model", "npu without torch-npu", "no such gpu"],
)
def test_a_model_or_device_that_is_not_there_ends_it_with_3(
    tmp_path: Path, captioner: dict[str, Any], words: list[str]
) -> None:
    config = write_config(
        tmp_path, {"entrance": clip("entrance.mp4")}, port=None, captioner=captioner
    )
    exit_code, log = ended_with(config)
    assert exit_code == 3, log
    for word in words:
        assert word in log
