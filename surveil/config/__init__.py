"""config.yaml -> frozen models. Every mistake in it is told at once, with its line, and never a secret with it."""

from surveil.config.load import load_config
from surveil.config.model import Config

__all__ = ["Config", "load_config"]
