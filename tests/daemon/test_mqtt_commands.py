"""What subscribers ask for is carried to the main thread and done there, in order."""

from __future__ import annotations

import pytest

from surveil.daemon.mqtt_commands import CAPACITY, Commands, execute
from surveil.delivery.mqtt.topics import CaptionNow, SetEnabled


class Cameras:
    def __init__(self) -> None:
        self.asked: list[tuple[str, object]] = []

    def set_enabled(self, camera_id: str, *, on: bool) -> bool:
        self.asked.append((camera_id, on))
        return camera_id == "yard"

    def caption_now(self, camera_id: str) -> None:
        self.asked.append((camera_id, "now"))


def test_commands_are_taken_in_order_and_main_is_woken() -> None:
    woken: list[int] = []
    commands = Commands(lambda: woken.append(1))
    commands.put(SetEnabled("yard", False))
    commands.put(CaptionNow("gate"))
    cameras = Cameras()
    for command in commands.take():
        execute(command, cameras)
    assert cameras.asked == [("yard", False), ("gate", "now")]
    assert len(woken) == 2
    assert list(commands.take()) == []


def test_a_camera_that_left_meanwhile_is_told(caplog: pytest.LogCaptureFixture) -> None:
    execute(SetEnabled("gate", False), Cameras())
    assert "camera gate not switched: there is no such camera" in caplog.text


def test_a_flood_is_cut_off_and_told(caplog: pytest.LogCaptureFixture) -> None:
    commands = Commands(lambda: None)
    for _ in range(CAPACITY + 5):
        commands.put(CaptionNow("gate"))
    assert len(list(commands.take())) == CAPACITY
    assert "lost one for camera gate" in caplog.text


def test_a_flood_that_goes_on_is_taken_up_to_where_it_was_and_no_further() -> None:
    """Each command that is carried out brings another: the main thread must get back to its watchdog all the same."""
    commands = Commands(lambda: None)
    for _ in range(10):
        commands.put(CaptionNow("yard"))
    taken = 0
    for _ in commands.take():
        commands.put(CaptionNow("yard"))
        taken += 1
        assert taken <= 10, "it goes on for ever"
    assert taken == 10
    assert commands.counters()["waiting"] == 10
