"""Cameras in, frames and packets out, into one ring. See docs/design/capture.md.

The only room that imports FFmpeg's binding, which takes 0.2 s.
"""

from surveil.capture.captures import Captures
from surveil.capture.ring import Ring
from surveil.capture.spec import CameraSpec, CropRegion, DecodeMode, Transport

__all__ = ["CameraSpec", "Captures", "CropRegion", "DecodeMode", "Ring", "Transport"]
