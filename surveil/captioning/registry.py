"""The one way to an engine. Importing this module imports no model library; calling `open_captioner` may."""

from __future__ import annotations

import os
from dataclasses import replace

from surveil.captioning.engine import Captioner, CaptionerSpec


def open_captioner(spec: CaptionerSpec) -> Captioner:
    """Load the engine that `spec` names, and its fall-back. Raises DeviceError, ModelError, ConfigError."""
    first = _open_one(spec)
    if spec.fallback is None:
        return first
    from surveil.captioning.fallback import FallbackCaptioner

    return FallbackCaptioner(first, _open_one(replace(spec.fallback, fallback=None)))


def _open_one(spec: CaptionerSpec) -> Captioner:
    if spec.engine == "script":
        from surveil.captioning.script_engine import ScriptCaptioner

        return ScriptCaptioner.open(spec)
    if spec.engine == "remote":
        from surveil.captioning.remote_engine import RemoteCaptioner

        return RemoteCaptioner.open(spec)
    quiet_libraries(allow_download=spec.allow_download)
    if spec.engine == "openvino" or spec.is_quantized:
        from surveil.captioning.openvino.openvino_engine import open_openvino

        return open_openvino(spec)
    from surveil.captioning.blip.blip_engine import BlipCaptioner

    return BlipCaptioner.open(spec)


def quiet_libraries(*, allow_download: bool) -> None:
    """Set, before torch and transformers are first imported, what they read from the environment at import.

    Progress bars and telemetry are for notebooks. Without TORCH_DEVICE_BACKEND_AUTOLOAD=0, `import torch` itself
    raises on a machine with torch-npu and no CANN; `devices.py` imports torch-npu when a device asks for it.
    """
    os.environ["TORCH_DEVICE_BACKEND_AUTOLOAD"] = "0"
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if not allow_download:
        os.environ["HF_HUB_OFFLINE"] = "1"
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
