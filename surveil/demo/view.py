"""What the demo shows a person: a live table in a terminal, plain lines elsewhere, nothing when JSON was asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from surveil.demo.subscriber import UNKNOWN, ReceivedAlert, Subscriber
from surveil.demo.summary import Summary

STATE_STYLES = {"online": "green", "degraded": "yellow", "offline": "red", "stuck": "red"}


class View(Protocol):
    """Told what happens, about four times a second."""

    def __enter__(self) -> View: ...
    def __exit__(self, *exception: object) -> None: ...
    def refresh(self, subscriber: Subscriber, *, left_s: float) -> None: ...
    def alert(self, alert: ReceivedAlert) -> None: ...
    def end(self, summary: Summary) -> None: ...


class TableView:
    """A live table of the cameras; alerts scroll by above it."""

    def __init__(self, console: Console, snapshots: Path) -> None:
        self._console = console
        self._snapshots = snapshots
        self._live = Live(console=console, auto_refresh=False)

    def __enter__(self) -> TableView:
        self._live.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._live.__exit__(None, None, None)

    def refresh(self, subscriber: Subscriber, *, left_s: float) -> None:
        left = Text(f"{max(0.0, left_s):.0f} s left; Ctrl-C ends it", style="dim")
        self._live.update(Group(camera_table(subscriber), left), refresh=True)

    def alert(self, alert: ReceivedAlert) -> None:
        self._live.console.print(alert_text(alert, self._snapshots))

    def end(self, summary: Summary) -> None:
        print_summary(self._live.console, summary)


class LineView:
    """One line an event, for logs and pipes."""

    def __init__(self, console: Console, snapshots: Path) -> None:
        self._console = console
        self._snapshots = snapshots
        self._states: dict[str, str] = {}

    def __enter__(self) -> LineView:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def refresh(self, subscriber: Subscriber, *, left_s: float) -> None:
        with subscriber.lock:
            states = {view.camera_id: view.state for view in subscriber.cameras.values()}
        for camera_id, state in states.items():
            if self._states.get(camera_id, UNKNOWN) != state:
                self._line(f"{camera_id}: {state}")
        self._states = states

    def alert(self, alert: ReceivedAlert) -> None:
        self._line(alert_text(alert, self._snapshots).plain)

    def end(self, summary: Summary) -> None:
        print_summary(self._console, summary)

    def _line(self, text: str) -> None:
        self._console.print(text, soft_wrap=True, highlight=False, markup=False)


class SilentView:
    """For `--json`: the summary is all there is."""

    def __enter__(self) -> SilentView:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def refresh(self, subscriber: Subscriber, *, left_s: float) -> None:
        pass

    def alert(self, alert: ReceivedAlert) -> None:
        pass

    def end(self, summary: Summary) -> None:
        pass


def camera_table(subscriber: Subscriber) -> Table:
    """One row per camera, as the subscriber knows it."""
    table = Table(title="Surveil watches", title_justify="left", expand=True)
    table.add_column("camera", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("fps", justify="right")
    table.add_column("captions", justify="right")
    table.add_column("last caption", ratio=1)
    table.add_column("alerts", justify="right")
    with subscriber.lock:
        for view in subscriber.cameras.values():
            fps = "" if view.fps is None else f"{view.fps:.0f}"
            state = Text(view.state, style=STATE_STYLES.get(view.state, ""))
            caption = Text(view.caption, style="bold red" if view.abnormal else "")
            table.add_row(view.camera_id, state, fps, str(view.captions), caption, str(view.alerts))
    return table


def alert_text(alert: ReceivedAlert, snapshots: Path) -> Text:
    """One alert: when, which camera and rule, what was seen, how sure, how fast, and where the picture is."""
    payload = alert.payload
    confidence = payload["confidence"]
    sure = "" if confidence is None else f" ({confidence:.2f})"
    clock = str(payload["captured_at"])[11:19]
    snapshot = payload["snapshot"]
    picture = str(snapshots / snapshot["path"]) if snapshot else "no snapshot"
    return Text.assemble(
        (f"{clock} ALERT ", "bold red"),
        (f"{payload['camera']} {payload['rule']}", "bold"),
        f": {payload['caption']}{sure}, {alert.latency_ms} ms after capture, {picture}",
    )


def print_summary(console: Console, summary: Summary) -> None:
    """Which alerts came, which did not, how fast."""
    console.print(Rule("summary"))
    rules = ", ".join(sorted({alert["rule"] for alert in summary.alerts})) or "none"
    _print(console, f"{len(summary.alerts)} alerts in {summary.seconds:.0f} s; rules hit: {rules}")
    if summary.p95_ms is not None:
        _print(
            console, f"95 % of the alerts arrived within {summary.p95_ms} ms of the frame's capture"
        )
    for camera_id, rule_id in summary.missing:
        _print(console, f"MISSING: {camera_id} shows {rule_id}, but no such alert arrived")
    for camera_id, rule_id in summary.unexpected:
        _print(console, f"UNEXPECTED: {camera_id} does not show {rule_id}, but an alert arrived")
    verdict = "every alert that the clips contain arrived" if summary.passed else "failed"
    _print(console, f"{verdict}; snapshots, databases and configuration are in {summary.folder}")


def _print(console: Console, text: str) -> None:
    console.print(text, soft_wrap=True, highlight=False, markup=False)
