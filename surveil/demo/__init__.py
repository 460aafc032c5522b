"""A minute of Surveil on drawn cameras: the daemon as it is, an embedded broker, a subscriber that shows what comes."""

from surveil.demo.play import play

__all__ = ["play"]
