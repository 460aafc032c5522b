"""systemd hears from us only while everything moves."""

import logging

import pytest

from surveil.service.sd_notify import Notifier
from surveil.service.watchdog import Watchdog
from tests.fakes import FakeClock


class CountingNotifier(Notifier):
    def __init__(self, interval_s: float | None = 10.0) -> None:
        super().__init__({})
        self.watchdog_interval_s = interval_s
        self.sent = 0

    def watchdog(self) -> None:
        self.sent += 1


class Beat:
    """A thread's heartbeat, moved by hand."""

    age_s = 0.0


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def notifier() -> CountingNotifier:
    return CountingNotifier()


@pytest.fixture
def beat() -> Beat:
    return Beat()


@pytest.fixture
def watchdog(clock: FakeClock, notifier: CountingNotifier, beat: Beat) -> Watchdog:
    watchdog = Watchdog(notifier, clock)
    watchdog.watch("alerts", lambda: beat.age_s, lambda: 30.0, stack=lambda: "alerts.py line 7")
    return watchdog


def test_systemd_is_told_once_an_interval(
    watchdog: Watchdog, notifier: CountingNotifier, clock: FakeClock
) -> None:
    for _ in range(21):
        assert watchdog.step() == []
        clock.advance(1)
    assert notifier.sent == 3


def test_a_late_thread_starves_systemd_until_it_moves(
    watchdog: Watchdog, notifier: CountingNotifier, clock: FakeClock, beat: Beat
) -> None:
    beat.age_s = 30.1
    for _ in range(100):
        assert watchdog.step() == ["alerts"]
        clock.advance(1)
    assert notifier.sent == 0
    beat.age_s = 0.5
    assert watchdog.step() == []
    assert notifier.sent == 1


def test_lateness_is_logged_once_with_the_stack_and_so_is_its_end(
    watchdog: Watchdog, beat: Beat, caplog: pytest.LogCaptureFixture
) -> None:
    beat.age_s = 40.0
    watchdog.step()
    watchdog.step()
    beat.age_s = 0.0
    watchdog.step()
    watchdog.step()
    late, again = caplog.records
    assert late.levelno == logging.ERROR
    assert "alerts.py line 7" in late.getMessage()
    assert "moves again" in again.getMessage()


def test_the_allowance_is_asked_for_at_each_step(clock: FakeClock) -> None:
    """A captioner that loads a model may take longer than one that runs it."""
    allowance_s = [60.0]
    watchdog = Watchdog(CountingNotifier(), clock)
    watchdog.watch("captioner", lambda: 50.0, lambda: allowance_s[0])
    assert watchdog.step() == []
    allowance_s[0] = 10.0
    assert watchdog.step() == ["captioner"]


def test_without_an_interval_lateness_is_still_reported(clock: FakeClock) -> None:
    notifier = CountingNotifier(interval_s=None)
    watchdog = Watchdog(notifier, clock)
    watchdog.watch("a", lambda: 2.0, lambda: 1.0)
    assert watchdog.step() == ["a"]
    assert notifier.sent == 0
