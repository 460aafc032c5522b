"""Files that a configuration names, and that are not there.

A camera that is down never stops the daemon, so this is for `surveil check` only.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from surveil.config.captioner import Engine
from surveil.config.model import Config
from surveil.config.problems import Loc, did_you_mean

Missing = tuple[Loc, str]


def missing_files(config: Config) -> Iterator[Missing]:
    """(place, sentence) of what is not there: files, folders, devices. What may not be looked at is passed over."""
    for index, camera in enumerate(config.cameras):
        if camera.enabled and camera.kind in ("file", "device"):
            path = Path(camera.url.get_secret_value())
            yield from _missing(("cameras", index, "url"), path, folder=False)
    for loc, engine in _engines(config):
        yield from _of_engine(loc, engine)
    for loc, path, folder in _others(config):
        yield from _missing(loc, path, folder=folder)


def models_to_fetch(config: Config, environ: Mapping[str, str]) -> Iterator[Missing]:
    """(place, sentence) of hub models that neither lie in the local cache nor may be downloaded."""
    for loc, engine in _engines(config):
        if _from_hub(engine) and not engine.allow_download and not _cached(engine.model, environ):
            yield (
                (*loc, "model"),
                f"{engine.model} is not in this user's cache and may not be downloaded: "
                f"run `surveil model fetch {engine.model}` first, or set allow_download: true",
            )


def _engines(config: Config) -> Iterator[tuple[Loc, Engine]]:
    yield ("captioner",), config.captioner
    if config.captioner.fallback is not None:
        yield ("captioner", "fallback"), config.captioner.fallback


def _of_engine(loc: Loc, engine: Engine) -> Iterator[Missing]:
    if isinstance(engine.own, Path):
        yield from _missing((*loc, engine.engine), engine.own, folder=False)
    if engine.kind.loads_model and os.path.isabs(engine.model):
        yield from _missing((*loc, "model"), Path(engine.model), folder=True)


def _others(config: Config) -> Iterator[tuple[Loc, Path, bool]]:
    tls = config.mqtt.tls if config.mqtt is not None else None
    for key in ("ca", "cert", "key"):
        path = getattr(tls, key, None)
        if path is not None:
            yield ("mqtt", "tls", key), path, False
    if config.canary.picture is not None:
        yield ("canary", "picture"), config.canary.picture, False


def _missing(loc: Loc, path: Path, *, folder: bool) -> Iterator[Missing]:
    kind = "folder" if folder else "file"
    try:
        there = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        yield loc, f"there is no {kind} {path}{_nearby(path)}"
        return
    except OSError:
        return
    is_folder = stat.S_ISDIR(there.st_mode)
    if is_folder != folder:
        yield loc, f"{path} is a {'folder' if is_folder else 'file'}; a {kind} is needed"


def _nearby(path: Path) -> str:
    """A file of a similar name in the same folder, or that the folder itself is not there."""
    try:
        names = os.listdir(path.parent)
    except OSError:
        return f" (nor a folder {path.parent})"
    return did_you_mean(path.name, names[:1000])


def _from_hub(engine: Engine) -> bool:
    return engine.kind.loads_model and not os.path.isabs(engine.model)


def _cached(model: str, environ: Mapping[str, str]) -> bool:
    """Where huggingface_hub keeps it: $HF_HUB_CACHE, else $HF_HOME/hub, else ~/.cache/huggingface/hub."""
    home = environ.get("HF_HOME") or f"{environ.get('XDG_CACHE_HOME') or '~/.cache'}/huggingface"
    cache = environ.get("HF_HUB_CACHE") or f"{home}/hub"
    return (Path(cache).expanduser() / f"models--{model.replace('/', '--')}").is_dir()
