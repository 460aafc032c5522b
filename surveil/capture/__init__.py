"""Cameras in, frames and packets out, into one ring. See docs/design/capture.md.

The only room that imports FFmpeg's binding, which takes 0.2 s.
"""

from surveil.capture.buffer import Ring
from surveil.capture.camera_spec import CameraSpec, CropRegion, DecodeMode, Transport
from surveil.capture.supervisor import Captures

__all__ = ["CameraSpec", "Captures", "CropRegion", "DecodeMode", "Ring", "Transport"]
