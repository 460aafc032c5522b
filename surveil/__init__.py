"""Surveil watches cameras by describing them: frames come in, sentences come out, alerts leave."""

__version__ = "0.1.0"
