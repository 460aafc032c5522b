"""Models from elsewhere, ahead of time: a hub, a mirror of it, or a git repository with LFS; checked, then offline.

The hub is Hugging Face's or what HF_ENDPOINT names. GitCode and openMind, which hold BLIP for Ascend users, are git
repositories whose large files are LFS pointers; these are fetched here, so that no git-lfs is needed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surveil.errors import ModelError

Report = Callable[[str], None]

NEEDED = (
    "config.json",
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
)
"""Small files that a BLIP folder may have; the weights come besides."""
_CHUNK = 1 << 20
_TIMEOUT_S = 60.0
_POINTER = re.compile(
    rb"\Aversion https://git-lfs\.github\.com/spec/v1\noid sha256:([0-9a-f]{64})\nsize (\d+)\n"
)


@dataclass(frozen=True, slots=True)
class Pointer:
    """What git keeps in the place of a large file: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md"""

    sha256: str
    size: int


def fetch(name: str, folder: Path | None, *, report: Report) -> Path:
    """A hub name or a git address; returns the folder that holds the model. Raises ModelError."""
    if name.startswith(("https://", "http://", "file://", "git@", "ssh://")):
        if folder is None:
            raise ModelError(f"{shown(name)}: say which folder to put it in")
        fetch_git(name, folder, report=report)
        return folder
    return fetch_hub(name, folder, report=report)


def fetch_hub(name: str, folder: Path | None, *, report: Report) -> Path:
    """Into `folder`, or the hub's own cache; goes on where it was broken off.

    huggingface_hub looks at the sizes of what comes; large files are compared with the publisher's SHA-256 besides.
    """
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        info = HfApi().model_info(name, files_metadata=True)
        files = {file.rfilename: file for file in info.siblings or ()}
        wanted = _wanted(list(files))
        if not wanted:
            raise ModelError(f"{name}: there are no files of a BLIP model in it")
        for one in wanted:
            report(f"{one}  {_size(files[one].size)}")
        found = Path(
            snapshot_download(name, revision=info.sha, allow_patterns=wanted, local_dir=folder)
        )
    except (HfHubHTTPError, OSError, ValueError) as error:
        where = os.environ.get("HF_ENDPOINT", "huggingface.co")
        raise ModelError(f"{name}: not to be had from {where}: {_first(error)}") from error
    for one in wanted:
        lfs = files[one].lfs
        if lfs is not None:
            check_sha256(found / one, lfs.sha256, report=report)
    return found


def fetch_git(address: str, folder: Path, *, report: Report) -> None:
    """Clones into `folder`, which must not exist, and puts each large file in its pointer's place."""
    if folder.exists():
        raise ModelError(f"{folder} exists already; name a folder that does not")
    if shutil.which("git") is None:
        raise ModelError("git is not installed; install it, or fetch from a hub")
    report(f"cloning {shown(address)}")
    cloned = subprocess.run(
        ["git", "clone", "--quiet", "--depth", "1", "--", address, str(folder)],
        env={**os.environ, "GIT_LFS_SKIP_SMUDGE": "1", "GIT_TERMINAL_PROMPT": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    if cloned.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        raise ModelError(f"{shown(address)}: {_redacted(_last(cloned.stderr))}")
    for path, pointer in pointers(folder):
        fetch_large(address, path, pointer, report=report)


def pointers(folder: Path) -> Iterator[tuple[Path, Pointer]]:
    """The weights that are pointers still; safetensors are preferred where both kinds are there."""
    names = [path.name for path in folder.iterdir() if path.is_file()]
    for name in _wanted(names):
        path = folder / name
        if path.stat().st_size < 1024 and (found := _POINTER.match(path.read_bytes())):
            yield path, Pointer(found[1].decode(), int(found[2]))


def fetch_large(address: str, path: Path, pointer: Pointer, *, report: Report) -> None:
    """One file by git-lfs's batch API; the pointer stays in place until all bytes have come and agree."""
    report(f"{path.name}  {_size(pointer.size)}")
    request = _batch_request(address, pointer)
    beside = path.with_name(path.name + ".part")
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
            action = json.load(answer)["objects"][0]["actions"]["download"]
        download = urllib.request.Request(action["href"], headers=action.get("header", {}))
        with (
            urllib.request.urlopen(download, timeout=_TIMEOUT_S) as answer,
            beside.open("wb") as file,
        ):
            _copy(answer, file, pointer.size, report)
    except (OSError, LookupError, ValueError, TypeError) as error:
        beside.unlink(missing_ok=True)
        raise ModelError(
            f"{path.name}: not to be had from {shown(address)}: {_first(error)}"
        ) from error
    check_sha256(beside, pointer.sha256, report=report)
    beside.replace(path)


def check_sha256(path: Path, expected: str, *, report: Report) -> None:
    """Raises ModelError, and removes the file, when it is not what its publisher says."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    if digest.hexdigest() != expected:
        path.unlink()
        raise ModelError(
            f"{path.name}: its SHA-256 is not the publisher's; it was removed, fetch it again"
        )
    report(f"  SHA-256 {expected[:16]}... agrees")


def shown(address: str) -> str:
    """Without a user and password."""
    return re.sub(r"//[^/@]*@", "//", address)


def _redacted(text: str) -> str:
    return re.sub(r"//[^/@\s]*@", "//", text)


def _wanted(names: list[str]) -> list[str]:
    weights = [
        name for name in names if re.fullmatch(r"model.*\.safetensors(\.index\.json)?", name)
    ]
    if not weights:
        weights = [name for name in names if re.fullmatch(r"pytorch_model\.bin", name)]
    return [name for name in NEEDED if name in names] + sorted(weights)


def _batch_request(address: str, pointer: Pointer) -> urllib.request.Request:
    base = address.removesuffix("/").removesuffix(".git") + ".git"
    question = {
        "operation": "download",
        "transfers": ["basic"],
        "objects": [{"oid": pointer.sha256, "size": pointer.size}],
    }
    kind = "application/vnd.git-lfs+json"
    return urllib.request.Request(
        f"{base}/info/lfs/objects/batch",
        data=json.dumps(question).encode(),
        headers={"Accept": kind, "Content-Type": kind},
    )


def _copy(source: Any, file: Any, size: int, report: Report) -> None:
    done = next_tenth = 0
    while chunk := source.read(_CHUNK):
        file.write(chunk)
        done += len(chunk)
        if size and done * 10 // size > next_tenth:
            next_tenth = done * 10 // size
            report(f"  {next_tenth * 10} %")


def _size(size: int | None) -> str:
    return f"{(size or 0) / 1e6:.1f} MB"


def _first(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def _last(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "git gave no reason"
