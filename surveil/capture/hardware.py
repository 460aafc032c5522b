"""Decoders: in hardware where it was asked for and is there, else in software."""

from __future__ import annotations

import logging
from dataclasses import replace

import av.error
from av.codec.hwaccel import HWAccel, hwdevices_available

from surveil.capture.decode import Decoder
from surveil.capture.packet import StreamInfo

WRAPPED = {"v4l2m2m", "rkmpp", "cuvid"}
"""Hardware that FFmpeg knows as decoders of their own, not as accelerators of the usual ones."""

logger = logging.getLogger(__name__)


class DecoderShop:
    """Gives one camera its decoders. Says once, not at every reconnection, why hardware is not used."""

    def __init__(self, camera_id: str, hwaccel: str | None) -> None:
        self._camera_id = camera_id
        self._kind, _, self._device = (hwaccel or "").partition(":")
        self._told = False

    def decoder(self, info: StreamInfo) -> Decoder:
        """Never fails for want of hardware. Raises FFmpegError or ValueError for a codec that nothing here knows."""
        if not self._kind:
            return Decoder(info)
        try:
            if self._kind in WRAPPED:
                return Decoder(replace(info, codec=f"{info.codec}_{self._kind}"), at_once=True)
            accelerator = HWAccel(self._kind, self._device or None, allow_software_fallback=True)
            decoder = Decoder(info, hwaccel=accelerator)
        except (av.error.FFmpegError, ValueError, LookupError, RuntimeError, OSError) as error:
            self._tell(str(getattr(error, "strerror", None) or error))
            return Decoder(info)
        if not decoder.is_hardware:
            self._tell(f"{self._kind} does not decode {info.codec}")
        return decoder

    def _tell(self, why: str) -> None:
        if not self._told:
            known = ", ".join(hwdevices_available()) or "none"
            logger.warning(
                "camera %s decodes in software: %s: %s (this FFmpeg knows: %s)",
                self._camera_id,
                self._kind,
                why,
                known,
            )
        self._told = True
