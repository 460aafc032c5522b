"""Cameras in, frames and packets out, into one bounded buffer. See docs/design/capture.md.

The only room that imports FFmpeg's binding, which takes 0.2 s.
"""

from surveil.capture.buffer import FrameBuffer
from surveil.capture.camera_spec import CameraSpec, DecodeMode, Transport
from surveil.capture.supervisor import CaptureSupervisor

__all__ = [
    "CameraSpec",
    "CaptureSupervisor",
    "DecodeMode",
    "FrameBuffer",
    "Transport",
]
