"""Which frames are worth a caption now.

`Sampler` holds a due list, not a queue of frames: it is asked when the captioner is free, so the frame captioned is the
newest one, and the accelerator sets the pace. Pure: no clock, no thread, no lock; whoever shares it locks around it.
"""

from surveil.scheduling.camera_plan import CameraPlan, Region
from surveil.scheduling.motion_gate import Gates
from surveil.scheduling.sampler import FrameStore, Pull, Sampler, WatchReport

__all__ = [
    "CameraPlan",
    "FrameStore",
    "Gates",
    "Pull",
    "Region",
    "Sampler",
    "WatchReport",
]
