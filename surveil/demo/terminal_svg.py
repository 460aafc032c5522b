"""What the terminal shows, as an SVG picture for the README."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from surveil.demo.subscriber import Subscriber
from surveil.demo.summary import Summary
from surveil.demo.view import alert_text, camera_table, print_summary
from surveil.errors import ConfigError

WIDTH_COLUMNS = 118


def save_picture(path: Path, subscriber: Subscriber, summary: Summary) -> None:
    """Alerts, table and summary as at the end of the demo. Raises ConfigError when the file cannot be written."""
    console = Console(record=True, width=WIDTH_COLUMNS, file=io.StringIO(), force_terminal=True)
    with subscriber.lock:
        alerts = list(subscriber.alerts)
    for alert in alerts:
        console.print(alert_text(alert, Path("snapshots")))
    console.print(camera_table(subscriber))
    # Whose machine it was, and where on it, is nobody's business.
    print_summary(console, replace(summary, folder=Path(summary.folder.name)))
    try:
        path.write_text(console.export_svg(title="surveil demo"), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--svg {path}: {error.strerror}") from error
