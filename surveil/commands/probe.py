"""`surveil probe URL`: what a camera is, what it costs, and the lines for config.yaml."""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from surveil.errors import ConfigError

if TYPE_CHECKING:
    from surveil.capture import CameraSpec
    from surveil.capture.probe import Findings

HELP = "open a camera as the daemon would, and print what it is and its lines for config.yaml"
PASSWORD_VARIABLE = "SURVEIL_PASSWORD"
TRANSPORTS = ("auto", "tcp", "udp", "udp_multicast", "http", "tls")
WIDE_PX = 1280
"""Captioners look at 400 pixels or fewer; a wider stream is decoded for nothing."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "url", help="rtsp://, rtsps://, http(s)://, still+http://, /dev/video0 or a file"
    )
    parser.add_argument("--username", help="unless it is in the URL")
    parser.add_argument(
        "--password-file",
        help=f"holds the password; by default it is read from ${PASSWORD_VARIABLE}",
    )
    parser.add_argument("--transport", choices=TRANSPORTS, default="auto", help="for RTSP")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long to watch")
    parser.add_argument(
        "--still", default="surveil-probe.jpg", help="where to save a picture (%(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="the findings for programs")


def run(args: argparse.Namespace) -> int:
    from surveil.capture import CameraSpec, Transport
    from surveil.capture.probe import probe

    spec = CameraSpec(
        camera_id=camera_id_for(args.url),
        url=args.url,
        username=args.username,
        password=_password(args.password_file),
        transport=Transport(args.transport),
        open_timeout_s=10.0,
        loop=True,
    )
    print(f"watching {spec.shown_url} for {args.seconds:g} s ...", file=sys.stderr)
    found = probe(spec, seconds=args.seconds)
    _save(found, Path(args.still))
    if args.json and found.fps is None:
        print(_too_short(found, spec, args.seconds), file=sys.stderr)
    print(_as_json(found) if args.json else _as_text(found, spec, args))
    return 0


def camera_id_for(url: str) -> str:
    """A first proposal: the host, or the file's name, as letters, digits and dashes."""
    name = urlsplit(url).hostname or Path(url).stem
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return slug if slug[:1].isalpha() else f"camera-{slug}".rstrip("-")


def _password(path: str | None) -> str | None:
    if path is None:
        return os.environ.get(PASSWORD_VARIABLE)
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise ConfigError(f"--password-file {path}: {error.strerror}") from None


def _save(found: Findings, path: Path) -> None:
    from PIL import Image

    try:
        Image.fromarray(found.still.rgb()).save(path, "JPEG", quality=90)
    except OSError as error:
        raise ConfigError(f"--still {path}: {error.strerror}") from None


def _as_json(found: Findings) -> str:
    plain = {
        name: getattr(found, name)
        for name in found.__dataclass_fields__
        if name not in {"still", "drift"}
    }
    plain["drift_ppm"] = found.drift.ppm if found.drift else None
    plain["drift_error_ppm"] = found.drift.error_ppm if found.drift else None
    plain["cores_keyframes"], plain["cores_all"] = found.cores_keyframes, found.cores_all
    return json.dumps(plain)


def _as_text(found: Findings, spec: CameraSpec, args: argparse.Namespace) -> str:
    facts = {
        "stream": f"{found.codec}, {found.width_px}x{found.height_px}, over {found.transport}",
        "rate": _rate(found, spec) or _too_short(found, spec, args.seconds),
        "keyframes": _keyframes(found),
        "opened in": f"{found.opened_s:.2f} s, first picture after {found.first_frame_s:.2f} s",
        "clock": _clock(found),
        "decoding": _decoding(found),
        "damaged": f"{found.broken_total} of {found.frames} packets" if found.broken_total else "",
        "still": args.still,
    }
    lines = [f"{name + ':':<11} {text}" for name, text in facts.items() if text]
    return "\n".join([*lines, *_advice(found), "", "for config.yaml:", "", *_yaml(spec, args)])


def _rate(found: Findings, spec: CameraSpec) -> str:
    if found.fps is None or found.bitrate_bps is None:
        return ""
    # FFmpeg takes a single JPEG for the first of 25 a second.
    claimed = None if _is_still(spec) else found.nominal_fps
    differs = claimed and abs(claimed - found.fps) > 0.1 * claimed
    said = f" (claims {claimed:g})" if differs else ""
    return f"{_number(found.fps)} frames/s{said}, {found.bitrate_bps / 1e6:.2f} Mbit/s"


def _number(fps: float) -> str:
    """A still that comes every twenty seconds is not `0.1`, let alone `0.0`."""
    return f"{fps:.1f}" if fps >= 1 else f"{fps:.2g}"


def _too_short(found: Findings, spec: CameraSpec, seconds: float) -> str:
    """Stills come at a pace that is known; of a stream nobody can say when its second picture comes."""
    needed_s = 2 * (spec.poll_s or spec.interval_s) if _is_still(spec) else 3 * seconds
    return (
        f"one picture was seen in {seconds:g} s, which tells nothing of frame rate, bitrate, keyframes and clock; "
        f"try --seconds {math.ceil(max(10.0, needed_s))}"
    )


def _is_still(spec: CameraSpec) -> bool:
    from surveil.capture.camera_spec import SourceKind

    return spec.kind is SourceKind.STILL


def _keyframes(found: Findings) -> str:
    if found.fps is None:
        return ""
    if found.gop_s is None:
        return f"only one in {found.watched_s:.1f} s"
    return f"every {found.gop_s:.2f} s ({found.gop_frames} frames)"


def _clock(found: Findings) -> str:
    if found.drift is None:
        return ""
    if abs(found.drift.ppm) < found.drift.error_ppm:
        return f"no drift to be seen in {found.watched_s:.0f} s (within {found.drift.error_ppm:.0f} ppm)"
    return (
        f"runs {found.drift.ppm:+.0f} ppm against this machine (within {found.drift.error_ppm:.0f})"
    )


def _decoding(found: Findings) -> str:
    if found.cores_all is None:
        return f"{found.frame_ms:.1f} ms of a core for this picture"
    everything = f"all frames {found.cores_all:.4f} of a core"
    if found.cores_keyframes is None:
        return everything
    return f"keyframes {found.cores_keyframes:.4f}, {everything}"


def _advice(found: Findings) -> list[str]:
    if found.width_px <= WIDE_PX:
        return []
    return [
        f"hint:       {found.width_px} pixels are more than captions need; if the camera has a substream, make it "
        "`url`, and this one `snapshot_url`"
    ]


def _yaml(spec: CameraSpec, args: argparse.Namespace) -> list[str]:
    """The camera's section, with credentials left to the environment."""
    from surveil.capture.camera_spec import redact_url, without_credentials

    prefix = re.sub(r"[^A-Z0-9]+", "_", spec.camera_id.upper())
    bare_url, user, _ = without_credentials(spec.url)
    secret = f"${{{prefix}_SECRET}}"
    url = redact_url(bare_url).replace("***", secret)
    lines = ["cameras:", f"  - id: {spec.camera_id}", f"    url: {json.dumps(url)}"]
    if user or spec.username:
        lines.append(f'    username: "${{{prefix}_USERNAME}}"')
        lines.append(f'    password: "${{{prefix}_PASSWORD}}"')
    if args.transport != "auto":
        lines.append(f"    transport: {args.transport}")
    return lines
