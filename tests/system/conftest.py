"""What the system tests need of the machine; where it is missing they are skipped, saying what to install."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.broker import MOSQUITTO, Broker
from tests.support.rtsp import unavailable


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder starts real processes."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.system)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A Mosquitto that lets everybody in."""
    if MOSQUITTO is None:
        pytest.skip("needs Debian's package mosquitto: make system-packages")
    with Broker(tmp_path / "broker") as running:
        yield running


@pytest.fixture(scope="session")
def rtsp_available() -> None:
    """Skips the test where no RTSP server can be started."""
    if reason := unavailable():
        pytest.skip(reason)
