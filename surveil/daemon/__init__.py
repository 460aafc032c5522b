"""Where the rooms meet: made from the configuration, started, looked after, reloaded, stopped."""

from surveil.daemon.daemon import Daemon

__all__ = ["Daemon"]
