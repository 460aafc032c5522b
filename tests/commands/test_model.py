"""`surveil model`: fetching from a hub, a mirror and git with LFS, all served on the loopback."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from surveil.captioning.model_fetch import Pointer, fetch_git, fetch_large, pointers, shown
from surveil.commands import model
from surveil.errors import ConfigError, ModelError

WEIGHTS = b"pretend weights" * 1000
SHA = hashlib.sha256(WEIGHTS).hexdigest()


@dataclass
class Server:
    """A hub and a git-lfs server in one; `sent` are the bytes that it serves as weights."""

    url: str = ""
    sent: bytes = WEIGHTS
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes] | None:
        self.asked.append(path)
        if path.endswith("/info/lfs/objects/batch"):
            action = {"download": {"href": f"{self.url}/large", "header": {"X-Token": "t"}}}
            return 200, {}, json.dumps({"objects": [{"oid": SHA, "actions": action}]}).encode()
        if path.startswith("/api/models/shop/blip/tree/"):
            files = [
                {"type": "file", "path": "config.json", "size": 2, "oid": "a" * 40},
                {"type": "file", "path": "README.md", "size": 9, "oid": "b" * 40},
                {
                    "type": "file",
                    "path": "model.safetensors",
                    "size": len(WEIGHTS),
                    "oid": "d" * 40,
                    "lfs": {"oid": SHA, "size": len(WEIGHTS), "pointerSize": 130},
                },
            ]
            return 200, {}, json.dumps(files).encode()
        if path.startswith("/api/models/shop/blip"):
            files = [
                {"rfilename": "config.json", "size": 2},
                {"rfilename": "README.md", "size": 9},
                {
                    "rfilename": "model.safetensors",
                    "size": len(WEIGHTS),
                    "lfs": {"sha256": SHA, "size": len(WEIGHTS), "pointerSize": 130},
                },
            ]
            return (
                200,
                {},
                json.dumps({"id": "shop/blip", "sha": "c" * 40, "siblings": files}).encode(),
            )
        content = {"config.json": b"{}", "model.safetensors": self.sent, "large": self.sent}
        for name, data in content.items():
            if path.endswith(f"/{name}"):
                etag = hashlib.sha256(data).hexdigest()
                return 200, {"ETag": f'"{etag}"', "X-Repo-Commit": "c" * 40}, data
        return None


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, data = state.answer(self.path.split("?")[0]) or (404, {}, b"")
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        do_HEAD = do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None: ...

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{http.server_port}"
    yield state
    http.shutdown()
    http.server_close()
    thread.join(5)


def fetch_in_own_process(
    server: Server, folder: Path, home: Path
) -> subprocess.CompletedProcess[str]:
    """huggingface_hub reads HF_ENDPOINT when it is imported."""
    program = "import sys; from surveil.cli import main; sys.exit(main(sys.argv[1:]))"
    return subprocess.run(
        [sys.executable, "-c", program, "model", "fetch", "shop/blip", str(folder)],
        env={**os.environ, "HF_ENDPOINT": server.url, "HF_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_a_mirror_is_fetched_from_and_checked(server: Server, tmp_path: Path) -> None:
    """HF_ENDPOINT names it; only what a BLIP needs is taken."""
    done = fetch_in_own_process(server, tmp_path / "blip", tmp_path / "home")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "blip" / "model.safetensors").read_bytes() == WEIGHTS
    assert not (tmp_path / "blip" / "README.md").exists()
    assert f"SHA-256 {SHA[:16]}... agrees" in done.stderr
    assert done.stdout.strip() == str(tmp_path / "blip")


def test_a_file_that_is_not_the_publishers_is_removed(server: Server, tmp_path: Path) -> None:
    server.sent = WEIGHTS[:-1] + b"!"
    done = fetch_in_own_process(server, tmp_path / "blip", tmp_path / "home")
    assert done.returncode == 3, done.stderr
    assert "its SHA-256 is not the publisher's" in done.stderr
    assert not (tmp_path / "blip" / "model.safetensors").exists()


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """As GitCode serves one: small files, and a pointer in the place of the weights."""
    folder = tmp_path / "origin"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_text(
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{SHA}\nsize {len(WEIGHTS)}\n"
    )
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "-m", "model")
    return folder


def test_pointers_are_found_and_filled(repository: Path, server: Server, tmp_path: Path) -> None:
    """Small files come by git; the weights by LFS's own protocol, without git-lfs installed."""
    copy = tmp_path / "copy"
    git(tmp_path, "clone", "--quiet", f"file://{repository}", str(copy))
    [(path, pointer)] = pointers(copy)
    assert pointer == Pointer(SHA, len(WEIGHTS))

    fetch_large(f"{server.url}/shop/blip.git", path, pointer, report=lambda line: None)

    assert path.read_bytes() == WEIGHTS
    assert list(pointers(copy)) == []
    assert server.asked == ["/shop/blip.git/info/lfs/objects/batch", "/large"]


def test_a_large_file_that_was_changed_is_refused(repository: Path, server: Server) -> None:
    server.sent = b"something else"
    [(path, pointer)] = pointers(repository)
    with pytest.raises(ModelError, match="not the publisher's"):
        fetch_large(f"{server.url}/shop/blip", path, pointer, report=lambda line: None)
    assert path.read_bytes().startswith(b"version https://git-lfs"), "the pointer is still there"


def test_a_repository_that_is_not_there_is_told_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        fetch_git(
            "http://user:s3cret@127.0.0.1:9/blip.git", tmp_path / "blip", report=lambda line: None
        )
    assert "s3cret" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)
    assert shown("https://a:b@host/x") == "https://host/x"


def parsed(*words: str | Path) -> argparse.Namespace:
    parser = argparse.ArgumentParser(exit_on_error=False)
    model.add_arguments(parser)
    return parser.parse_args([str(word) for word in words])


def test_quantize_needs_pictures(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such folder"):
        model.run(parsed("quantize", "src", tmp_path / "dst", "--images", tmp_path / "none"))


def test_an_agreement_is_a_share(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed("quantize", "src", "dst", "--images", "x", "--min-agreement", "80")
    assert "'80': give a share from 0 to 1" in capsys.readouterr().err
