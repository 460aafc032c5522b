"""One connection to a real Mosquitto: passwords, certificates, and a second client with our id."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from surveil.delivery.mqtt.mqtt_session import TlsSpec
from tests.support.broker import MOSQUITTO, Broker, TlsFiles
from tests.support.mqtt_node import node
from tests.support.subscriber import Subscriber
from tests.support.waiting import eventually, throughout

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed"),
]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path / "broker") as running:
        yield running


def test_a_refused_password_is_not_a_connection_and_names_the_reason(tmp_path: Path) -> None:
    with Broker(tmp_path / "broker", users={"surveil": "right", "desk": "d"}) as broker:
        spec = {"username": "surveil", "password": "wr0ng", "retry_max_s": 0.2}
        with node(tmp_path, broker, **spec) as it:
            alert = it.room.open()
            eventually(it.problem)
            throughout(lambda: not it.mqtt.connected, 0.5)
            problem = it.problem()
            assert "refused the connection" in problem
            assert "Not authorized" in problem or "Bad user name" in problem
            assert "wr0ng" not in problem
            assert it.room.waiting() == [1]
            with Subscriber(broker.port, username="desk", password="d") as subscriber:
                broker.set_users({"surveil": "wr0ng", "desk": "d"})
                eventually(subscriber.alerts, 20)
                assert subscriber.alerts()[0]["id"] == alert.alert_id
            assert it.mqtt.problems() == ()


def test_a_twin_with_the_same_client_id_is_suspected_and_given_way(
    tmp_path: Path, broker: Broker
) -> None:
    """Mosquitto 2.0 throws us out without a word; without stepping back, both would do so to each other for ever."""
    with node(tmp_path, broker, client_id="twin") as it:
        it.connected()
        with Subscriber(broker.port, client_id="twin"):
            eventually(lambda: "running twice" in it.problem(), 20)
            throughout(lambda: not it.mqtt.connected, 1.0)


def make_certificates(folder: Path) -> dict[str, Path]:
    """A small authority, the broker's certificate and a client's."""

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    folder.mkdir()
    openssl(
        *["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem"],
        *["-days", "2", "-subj", "/CN=ca"],
    )
    (folder / "san").write_text("subjectAltName=IP:127.0.0.1")
    for name in ("broker", "client"):
        openssl(
            *f"req -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}".split()
        )
        openssl(
            *f"x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial".split(),
            *f"-out {name}.pem -days 2 -extfile san".split(),
        )
    return {p.name: p for p in folder.iterdir()}


def test_tls_with_a_client_certificate_and_a_wrong_authority(tmp_path: Path) -> None:
    files = make_certificates(tmp_path / "tls")
    tls = TlsFiles(files["ca.pem"], files["broker.pem"], files["broker.key"], True)
    with Broker(tmp_path / "broker", tls=tls) as broker:
        client = TlsSpec(files["ca.pem"], files["client.pem"], files["client.key"])
        with node(tmp_path, broker, tls=client) as it:
            it.room.open()
            it.connected().drained()
        anybody = TlsSpec(None, files["client.pem"], files["client.key"], insecure=True)
        with node(tmp_path, broker, tls=anybody) as it:
            it.connected()
        with node(tmp_path, broker, tls=TlsSpec()) as it:
            eventually(lambda: "certificate is not accepted" in it.problem())
        with node(tmp_path, broker, tls=TlsSpec(tmp_path / "no.pem")) as it:
            eventually(lambda: "TLS file does not exist" in it.problem())
