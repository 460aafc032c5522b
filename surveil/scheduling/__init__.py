"""Which frames are worth a caption now.

`Sampler` holds a due list, not a queue of frames: it is asked when the captioner is free, so the frame captioned is the
newest one, and the accelerator sets the pace. `Scheduler` shares it between threads.
"""

from surveil.scheduling.motion_gate import Gates
from surveil.scheduling.sampler import CameraPlan, FrameStore, Pull, Sampler, WatchReport

__all__ = ["CameraPlan", "FrameStore", "Gates", "Pull", "Sampler", "WatchReport"]
