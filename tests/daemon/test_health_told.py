"""One problem is told everywhere at once: /healthz, `surveil status`, metrics, MQTT, Home Assistant; and taken back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import pytest

from surveil.api.client import fetch_status
from surveil.cli import main
from surveil.daemon import Daemon
from surveil.records import Problem
from tests.daemon.test_daemon import running, ticking, write_config
from tests.support.broker import Broker
from tests.support.subscriber import Subscriber

PREFIX = "surveil/test"
NODE = "homeassistant/device/surveil-test/config"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path / "broker") as broker:
        yield broker


@pytest.fixture
def config(tmp_path: Path, broker: Broker) -> Path:
    return write_config(
        tmp_path,
        http={"listen": f"unix:{tmp_path}/http"},
        mqtt={"host": "127.0.0.1", "port": broker.port},
    )


def heard(subscriber: Subscriber, leaf: str) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(subscriber.last(f"{PREFIX}/{leaf}") or b"{}")
    return said


def in_home_assistant(subscriber: Subscriber) -> str:
    """The state of the node's entity, as Home Assistant makes it of the two messages."""
    entity = json.loads(subscriber.last(NODE) or b"{}")["cmps"]["problem"]
    said = json.loads(subscriber.last(entity["stat_t"]) or b"{}")
    return str(jinja2.Template(entity["val_tpl"], autoescape=True).render(value_json=said))


def metric(daemon: Daemon) -> bool:
    return 'surveil_problem{code="reload",component="node"} 1.0' in (
        daemon.node.metrics.render().decode()
    )


def test_a_problem_is_told_everywhere_and_taken_back(
    config: Path, broker: Broker, capsys: pytest.CaptureFixture[str]
) -> None:
    address = f"unix:{config.parent}/http"
    with running(config) as daemon, Subscriber(broker.port) as subscriber:
        ticking(daemon, lambda: heard(subscriber, "health").get("state") == "ok")
        ticking(daemon, lambda: subscriber.last(NODE))
        assert in_home_assistant(subscriber) == "OFF"
        assert main(["status", "--url", address]) == 0

        whole = config.read_text(encoding="utf-8")
        config.write_text("camras: []\n", encoding="utf-8")
        daemon.reload()
        ticking(daemon, lambda: heard(subscriber, "health").get("state") == "degraded")

        (problem,) = heard(subscriber, "health")["problems"]
        assert (problem["code"], problem["component"]) == ("reload", "node")
        assert "camras" in problem["text"]
        assert "surveil check" in problem["remedy"]
        assert in_home_assistant(subscriber) == "ON"
        (row,) = fetch_status(address)["problems"]
        assert row["code"] == "reload"
        assert metric(daemon)
        capsys.readouterr()
        assert main(["status", "--url", address]) == 1
        assert "problem reload (node): the new configuration was refused" in capsys.readouterr().out

        config.write_text(whole, encoding="utf-8")
        daemon.reload()
        ticking(daemon, lambda: heard(subscriber, "health").get("state") == "ok")
        assert in_home_assistant(subscriber) == "OFF"
        assert main(["status", "--url", address]) == 0
        assert not metric(daemon)


def test_what_any_part_says_reaches_subscribers(config: Path, broker: Broker) -> None:
    """No list of parts that are asked: whoever is registered is heard."""
    with running(config) as daemon, Subscriber(broker.port) as subscriber:
        ticking(daemon, lambda: heard(subscriber, "health"))
        for part in daemon.node.components:
            problem = Problem("disk", f"of {part.name}", 1, remedy="none")
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(part, "problems", lambda problem=problem: [problem])
                daemon.node.health.tick()
                assert [(p.component, p.text) for p in daemon.node.health.problems] == [
                    (part.name, f"of {part.name}")
                ]
            daemon.node.health.tick()
            assert daemon.node.health.problems == ()
