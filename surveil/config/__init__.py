"""config.yaml -> frozen models. Every mistake in it is told at once, with its line, and never a secret with it."""

from surveil.config.advice import advice
from surveil.config.load import Reading, load_config, read_config
from surveil.config.missing import missing_files, models_to_fetch
from surveil.config.model import Config
from surveil.config.problems import Mistake, listing
from surveil.scalars import format_duration, format_size

__all__ = [
    "Config",
    "Mistake",
    "Reading",
    "advice",
    "format_duration",
    "format_size",
    "listing",
    "load_config",
    "missing_files",
    "models_to_fetch",
    "read_config",
]
