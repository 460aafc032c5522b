"""The demo's course: write a configuration, start a broker, a subscriber and the daemon, show, compare, stop."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import yaml
from rich.console import Console

from surveil.clock import NS_PER_S, SystemClock, ns
from surveil.config import load_config
from surveil.daemon import Daemon
from surveil.demo.embedded_broker import EmbeddedBroker
from surveil.demo.story import DemoCamera, demo_cameras, samples_folder
from surveil.demo.subscriber import Subscriber
from surveil.demo.summary import Summary, summarise
from surveil.demo.terminal_svg import save_picture
from surveil.demo.view import LineView, SilentView, TableView, View
from surveil.errors import ConfigError
from surveil.service.logging_setup import setup_logging
from surveil.service.signals import Signals

INTERVAL_S = 1.0
REFRESH_S = 0.25
NODE = "demo"
MARKER = ".surveil-demo"
"""Only a folder that holds this file, or none, is emptied for a new demo."""

RULES = [
    {"id": "person-climbing", "patterns": ["person climbing"], "severity": "critical"},
    {"id": "person-running", "patterns": ["person running"], "severity": "warning"},
    {"id": "person-fighting", "patterns": ["people fighting"], "severity": "critical"},
    {"id": "person-lying", "patterns": ["person lying on the ground"], "severity": "critical"},
    {"id": "fire", "patterns": ["fire"], "severity": "critical"},
    {"id": "suspicious-package", "patterns": ["suspicious package"], "severity": "warning"},
    {"id": "broken-window", "patterns": ["broken window"], "severity": "warning"},
]


def play(
    *,
    seconds: float,
    as_json: bool,
    folder: Path,
    samples: Path | None = None,
    clips: dict[str, str] | None = None,
    svg: Path | None = None,
) -> int:
    """Run the demo; exit code 0 when every alert that the clips contain arrived, and no other."""
    samples = samples or samples_folder()
    cameras = demo_cameras(samples, clips)
    folder = prepare_folder(folder)
    setup_logging("info", "text", (folder / "surveil.log").open("w", encoding="utf-8"))
    console = Console(stderr=as_json)
    console.print(
        f"Everything that this demo writes is in {folder}", soft_wrap=True, highlight=False
    )
    view = _view(console, folder, as_json=as_json)
    summary, subscriber = _watch(
        cameras, samples / "model", seconds=seconds, folder=folder, view=view
    )
    view.end(summary)
    if svg is not None:
        save_picture(svg, subscriber, summary)
    if as_json:
        print(json.dumps(summary.as_json(), indent=2))
    return 0 if summary.passed else 1


def prepare_folder(folder: Path) -> Path:
    """An empty folder of the demo's own; one that holds anything else is refused, not emptied."""
    folder = folder.resolve()
    if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).is_file():
        raise ConfigError(f"{folder} holds other files: name an empty or new folder with --dir")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True)
        (folder / MARKER).touch()
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written: {error.strerror}") from error
    return folder


def configuration(cameras: Sequence[DemoCamera], model: Path, *, port: int) -> dict[str, object]:
    """The demo's config.yaml, as a document."""
    return {
        "node": NODE,
        "state_dir": "state",
        "sampling": {"interval": f"{INTERVAL_S:g}s", "max_interval": "10s"},
        "captioner": {
            "model": str(model),
            "max_batch": 4,  # measuring what pays would only make a newcomer wait
            "generation": {"num_beams": 1, "max_new_tokens": 24},
        },
        "cameras": [{"id": c.camera_id, "url": str(c.clip)} for c in cameras],
        "rules": [{**rule, "confirm": {"hits": 2, "of": 3}, "cooldown": "5s"} for rule in RULES],
        "mqtt": {
            "host": "127.0.0.1",
            "port": port,
            "protocol": "3.1.1",  # all that amqtt speaks
            "homeassistant": {"enabled": False},
        },
        "http": {"listen": "off"},
        "canary": "off",
    }


def _view(console: Console, folder: Path, *, as_json: bool) -> View:
    if as_json:
        return SilentView()
    snapshots = folder / "state" / "snapshots"
    return TableView(console, snapshots) if console.is_terminal else LineView(console, snapshots)


def _watch(
    cameras: Sequence[DemoCamera], model: Path, *, seconds: float, folder: Path, view: View
) -> tuple[Summary, Subscriber]:
    clock = SystemClock()
    camera_ids = tuple(camera.camera_id for camera in cameras)
    with (
        EmbeddedBroker() as broker,
        Subscriber(broker.port, f"surveil/{NODE}", camera_ids) as subscriber,
        Signals() as signals,
        view,
    ):
        daemon = _daemon(cameras, model, folder=folder, port=broker.port)
        daemon.start()
        began_ns = clock.monotonic_ns()
        try:
            _show(daemon, subscriber, view, signals=signals, until_ns=began_ns + ns(seconds))
        finally:
            daemon.stop()
        watched_s = (clock.monotonic_ns() - began_ns) / NS_PER_S
        if daemon.failure is not None:
            raise daemon.failure[1]
        # Summarised by what was asked for: the stop's own seconds are not on screen.
        shown_s = seconds if signals.stop_requested is None else min(seconds, watched_s)
        summary = summarise(
            subscriber, cameras, seconds=shown_s, interval_s=INTERVAL_S, folder=folder
        )
        return summary, subscriber


def _daemon(cameras: Sequence[DemoCamera], model: Path, *, folder: Path, port: int) -> Daemon:
    path = folder / "config.yaml"
    document = configuration(cameras, model, port=port)
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return Daemon(load_config(path, environ=os.environ), config_path=path)


def _show(
    daemon: Daemon, subscriber: Subscriber, view: View, *, signals: Signals, until_ns: int
) -> None:
    """Tick the daemon once a second and the view four times, until the time is up, Ctrl-C, or a failure."""
    clock = SystemClock()
    shown = 0
    next_tick_ns = 0
    while (now_ns := clock.monotonic_ns()) < until_ns:
        if signals.stop_requested is not None or daemon.failure is not None:
            return
        if now_ns >= next_tick_ns:
            daemon.tick()
            next_tick_ns = now_ns + NS_PER_S
        with subscriber.lock:
            news = subscriber.alerts[shown:]
        for alert in news:
            view.alert(alert)
        shown += len(news)
        view.refresh(subscriber, left_s=(until_ns - now_ns) / NS_PER_S)
        signals.wait(REFRESH_S)
