"""A whole daemon in the test's own process: scripted captions, drawn clips, no broker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from surveil.clock import SystemClock, ns
from surveil.config import load_config
from surveil.daemon import Daemon
from surveil.daemon.camera_registry import CameraOverview
from surveil.daemon.daemon import refuse_restart_only
from surveil.errors import ConfigError, ModelError, SurveilError
from surveil.records import CameraState
from surveil.service.crash_log import CrashLog
from tests.support.clips import render_clip
from tests.support.waiting import eventually

CLIMBING = "a man is climbing over a fence"


def write_config(folder: Path, **sections: Any) -> Path:
    """Two drawn cameras, a script that says that somebody climbs, nothing outside the folder."""
    clip = folder / "clip.mp4"
    if not clip.exists():
        render_clip(clip, frames=40, fps=10, gop=5)
    (folder / "script.jsonl").write_text(json.dumps({"text": CLIMBING}) + "\n", encoding="utf-8")
    document: dict[str, Any] = {
        "node": "test",
        "state_dir": "state",
        "sampling": {"interval": "200ms", "max_interval": "1s"},
        "captioner": {"engine": "script", "script": "script.jsonl"},
        "cameras": [{"id": "yard", "url": "clip.mp4"}, {"id": "gate", "url": "clip.mp4"}],
        "rules": [{"patterns": ["person climbing"], "cameras": ["yard"]}],
        "http": {"listen": "off"},
        "canary": "off",
        **sections,
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


@contextmanager
def running(path: Path) -> Iterator[Daemon]:
    daemon = Daemon(load_config(path, environ={}), config_path=path)
    daemon.start()
    try:
        yield daemon
    finally:
        daemon.stop()


def ticking(daemon: Daemon, condition: Any) -> None:
    """Tick as `run` does until the condition holds."""

    def ticked() -> Any:
        daemon.tick()
        return condition()

    eventually(ticked)


def test_frames_become_captions_become_one_alert_on_the_right_camera(tmp_path: Path) -> None:
    with running(write_config(tmp_path)) as daemon:
        activity = daemon.node.activity
        ticking(
            daemon, lambda: activity.of("yard").alerts_total and activity.of("gate").captions_total
        )
        assert activity.of("gate").alerts_total == 0
        assert activity.of("yard").active_rules == ("person-climbing",)
        assert daemon.ready()
    pictures = list((tmp_path / "state" / "snapshots").rglob("*.jpg"))
    assert [picture.parent.parent.name for picture in pictures] == ["yard"]
    assert daemon.failure is None
    assert not daemon.ready()


def test_a_clean_end_leaves_no_mark_of_a_crash(tmp_path: Path) -> None:
    with running(write_config(tmp_path)):
        pass
    crashes = CrashLog(tmp_path / "state", clock=SystemClock())
    assert not crashes.started()
    assert crashes.ends == ()


def test_a_second_instance_is_refused_and_does_not_disturb_the_first(tmp_path: Path) -> None:
    path = write_config(tmp_path)
    with running(path) as first:
        second = Daemon(load_config(path, environ={}))
        with pytest.raises(SurveilError, match="in use"):
            second.start()
        first.tick()
        assert first.failure is None


def test_a_model_that_is_not_there_stops_the_start_and_lets_go_of_everything(
    tmp_path: Path,
) -> None:
    path = write_config(tmp_path, captioner={"model": str(tmp_path / "nothing")})
    daemon = Daemon(load_config(path, environ={}))
    with pytest.raises(ModelError, match="nothing"):
        daemon.start()
    with running(write_config(tmp_path)) as again:
        assert again.failure is None


def test_a_thread_that_dies_is_the_daemons_failure(tmp_path: Path) -> None:
    with running(write_config(tmp_path)) as daemon:

        def broken(_engine: object) -> list[Any]:
            raise ZeroDivisionError("rules went wrong")

        daemon.node.alerts.submit(broken)
        ticking(daemon, lambda: daemon.failure)
        assert daemon.failure is not None
        assert daemon.failure[0] == "alerts"
        assert isinstance(daemon.failure[1], ZeroDivisionError)


def test_reload_adds_and_removes_cameras_and_leaves_the_rest_alone(tmp_path: Path) -> None:
    path = write_config(tmp_path)
    with running(path) as daemon:
        statuses = daemon.node.cameras.statuses
        ticking(daemon, lambda: statuses()["yard"].state is CameraState.ONLINE)
        before = statuses()["yard"]
        write_config(
            tmp_path,
            cameras=[{"id": "yard", "url": "clip.mp4"}, {"id": "roof", "url": "clip.mp4"}],
        )
        daemon.reload()
        ticking(daemon, lambda: statuses()["roof"].state is CameraState.ONLINE)
        assert set(statuses()) == {"yard", "roof"}
        assert statuses()["yard"].since_unix_ms == before.since_unix_ms
        assert daemon.node.health.problems == ()


def test_a_reload_with_an_error_changes_nothing_and_is_told(tmp_path: Path) -> None:
    path = write_config(tmp_path)
    with running(path) as daemon:
        path.write_text("camras: []\n", encoding="utf-8")
        daemon.reload()
        daemon.tick()
        (problem,) = daemon.node.health.problems
        assert (problem.component, problem.code) == ("node", "reload")
        assert "camras" in problem.text
        assert "surveil check" in problem.remedy
        assert set(daemon.node.cameras.statuses()) == {"yard", "gate"}
        write_config(tmp_path)
        daemon.reload()
        daemon.tick()
        assert daemon.node.health.problems == ()


def test_a_rule_removed_by_reload_ends_its_incident(tmp_path: Path) -> None:
    with running(write_config(tmp_path)) as daemon:
        activity = daemon.node.activity
        ticking(daemon, lambda: activity.of("yard").active_rules)
        write_config(tmp_path, rules=[{"patterns": ["fire"]}])
        daemon.reload()
        ticking(daemon, lambda: not activity.of("yard").active_rules)


def test_a_camera_switched_off_is_disabled_and_its_incident_over(tmp_path: Path) -> None:
    with running(write_config(tmp_path)) as daemon:
        cameras, activity = daemon.node.cameras, daemon.node.activity
        ticking(daemon, lambda: activity.of("yard").active_rules)
        assert cameras.set_enabled("yard", on=False)
        assert cameras.statuses()["yard"].state is CameraState.DISABLED
        ticking(daemon, lambda: not activity.of("yard").active_rules)
        assert not cameras.set_enabled("no-such-camera", on=False)
        assert cameras.set_enabled("yard", on=True)
        ticking(daemon, lambda: cameras.statuses()["yard"].state is CameraState.ONLINE)


def test_all_that_is_known_of_a_camera_is_gathered_in_one_place(tmp_path: Path) -> None:
    with running(write_config(tmp_path)) as daemon:
        cameras = daemon.node.cameras

        def yard() -> CameraOverview:
            (found,) = [c for c in cameras.overview() if c.status.camera_id == "yard"]
            return found

        assert cameras.overview() == [], "nothing was gathered yet"
        ticking(daemon, lambda: yard().activity.alerts_total)
        assert yard().status.state is CameraState.ONLINE
        assert [report.camera_id for report in yard().watch] == ["yard"]
        cameras.set_enabled("yard", on=False)
        daemon.tick()
        assert yard().status.state is CameraState.DISABLED
        assert yard().watch == ()
        assert yard().activity.alerts_total == 1, "what it gave stays counted"
        assert "unwatched_s" in daemon.node.stats.stats()
        assert "yard" not in daemon.node.stats.stats()["unwatched_s"]


def test_a_camera_off_in_the_configuration_can_be_switched_on(tmp_path: Path) -> None:
    path = write_config(tmp_path, cameras=[{"id": "yard", "url": "clip.mp4", "enabled": False}])
    with running(path) as daemon:
        cameras = daemon.node.cameras
        assert cameras.statuses()["yard"].state is CameraState.DISABLED
        cameras.set_enabled("yard", on=True)
        ticking(daemon, lambda: cameras.statuses()["yard"].state is CameraState.ONLINE)


@pytest.mark.parametrize(
    ("sections", "named"),
    [
        ({"state_dir": "elsewhere"}, "state_dir"),
        ({"node": "other"}, "node"),
        ({"snapshots": "off"}, "snapshots"),
    ],
)
def test_what_only_a_restart_can_change_is_named(
    tmp_path: Path, sections: dict[str, Any], named: str
) -> None:
    running_config = load_config(write_config(tmp_path), environ={})
    wanted = load_config(write_config(tmp_path, **sections), environ={})
    with pytest.raises(ConfigError, match=named):
        refuse_restart_only(running_config, wanted)


def test_stop_ends_every_thread_well_within_its_deadline(tmp_path: Path) -> None:
    clock = SystemClock()
    with running(write_config(tmp_path)) as daemon:
        ticking(daemon, lambda: daemon.node.activity.of("yard").captions_total)
        workers = [daemon.node.alerts, *daemon.node.captioners]
        began_ns = clock.monotonic_ns()
        daemon.stop()
        assert clock.monotonic_ns() - began_ns < ns(10)
        assert not any(worker.alive for worker in workers)


def test_a_state_folder_that_vanishes_is_told_and_ends_nothing(tmp_path: Path) -> None:
    """A disk that is unmounted or a folder that is moved: the watch goes on, and the node says so until it is back."""
    with running(write_config(tmp_path)) as daemon:
        state = daemon.node.config.state_dir
        elsewhere = state.with_name("elsewhere")

        def told() -> bool:
            return "state_folder" in {problem.code for problem in daemon.node.health.problems}

        daemon.tick()
        assert not told()
        state.rename(elsewhere)
        ticking(daemon, told)
        elsewhere.rename(state)
        ticking(daemon, lambda: not told())
        assert daemon.failure is None
