"""`surveil run`: the daemon."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path

from surveil.config import load_config
from surveil.errors import SurveilError
from surveil.service.logging_setup import enable_faulthandler, setup_logging
from surveil.service.sd_notify import Notifier
from surveil.service.signals import Signals

HELP = "watch the cameras of a configuration until told to stop"

logger = logging.getLogger("surveil")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-c", "--config", type=Path, default=Path("config.yaml"), help="default: %(default)s"
    )


def run(args: argparse.Namespace) -> int:
    """Exit code: 0 after a clean stop, 2 configuration, 3 device or model, 1 anything else."""
    environ = dict(os.environ)
    try:
        config = load_config(args.config, environ=environ)
        setup_logging(config.log.level, config.log.format)
        enable_faulthandler()
        # Imported late: the rooms bring heavy libraries, and a wrong configuration should be told at once.
        from surveil.daemon import Daemon

        with Signals() as signals:
            daemon = Daemon(config, config_path=args.config, environ=environ, wake=signals.wake)
            daemon.start()
            return daemon.run(signals)
    except SurveilError as error:
        return _start_failed(error, Notifier(environ))


def _start_failed(error: SurveilError, notifier: Notifier) -> int:
    """Say why in the log and where `systemctl status` shows it."""
    notifier.status(f"failed: {error}")
    if logging.getLogger().handlers:
        for line in str(error).splitlines():
            logger.error("%s", line)
    else:
        print(f"surveil: {error}", file=sys.stderr)
    return error.exit_code
