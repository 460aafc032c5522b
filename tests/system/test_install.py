"""`make install` into a scratch root: complete, repeatable, and careful with what is not its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
FULL = os.environ.get("SURVEIL_FAULTS") == "full"

pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(1800 if FULL else 300),
    pytest.mark.skipif(shutil.which("make") is None, reason="needs make"),
]


def make(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Dependencies are installed from the network in the full run only; else the scratch environment borrows ours."""
    deps = [] if FULL else ["PIP_ARGS=--no-deps"]
    environ = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    return subprocess.run(
        ["make", "--no-print-directory", *arguments, f"DESTDIR={root}", *deps],
        cwd=PROJECT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An installed root, shared by the tests of this file in their order."""
    root = tmp_path_factory.mktemp("install") / "root"
    done = make(root, "install", "DROPINS=v4l2")
    assert done.returncode == 0, done.stdout + done.stderr
    if not FULL:
        site = next((root / "opt/surveil/lib").glob("python3*/site-packages"))
        (site / "borrowed.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    yield root
    shutil.rmtree(root)


def surveil(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [root / "opt/surveil/bin/surveil", *arguments],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_it_runs_from_there_and_finds_its_configuration_sound(root: Path) -> None:
    done = surveil(root, "check", "-c", str(root / "etc/surveil/config.yaml"))
    assert done.returncode == 0, done.stdout + done.stderr
    version = surveil(root, "--version")
    assert version.stdout.startswith("surveil ")


def test_the_code_that_runs_is_the_installed_one(root: Path) -> None:
    python = root / "opt/surveil/bin/python"
    done = subprocess.run(
        [python, "-c", "import surveil; print(surveil.__file__)"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(str(root))


def test_everything_is_in_its_place(root: Path) -> None:
    expected = (
        "usr/local/lib/systemd/system/surveil.service",
        "usr/local/lib/sysusers.d/surveil.conf",
        "usr/local/lib/tmpfiles.d/surveil.conf",
        "usr/local/bin/surveil",
        "etc/surveil/config.yaml",
        "etc/systemd/system/surveil.service.d/v4l2.conf",
        "opt/surveil/share/surveil.service.d/cuda.conf",
    )
    missing = [path for path in expected if not os.path.lexists(root / path)]
    assert missing == []
    assert (root / "etc/surveil/config.yaml").stat().st_mode & 0o007 == 0, "may hold passwords"


def test_again_is_an_upgrade_that_keeps_configuration_and_data(root: Path) -> None:
    config = root / "etc/surveil/config.yaml"
    config.write_text("cameras: []  # mine\n")
    data = root / "var/lib/surveil/alerts.db"
    data.parent.mkdir(parents=True)
    data.write_text("data")
    old = next((root / "opt/surveil/lib").glob("python3*/site-packages/surveil/cli.py"))
    old.write_text("raise SystemExit('old code')\n")
    done = make(root, "install")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "kept" in done.stdout
    assert config.read_text() == "cameras: []  # mine\n"
    assert data.read_text() == "data"
    assert surveil(root, "--version").returncode == 0


def test_an_unknown_dropin_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    done = make(tmp_path / "new", "install", "DROPINS=gpu")
    assert done.returncode != 0
    assert "there is no drop-in gpu; there are: cuda intel-gpu npu sound v4l2" in done.stdout
    assert not (tmp_path / "new").exists()


def test_uninstall_leaves_what_is_not_an_installation_alone(tmp_path: Path) -> None:
    """A PREFIX typed wrong must not cost a folder."""
    precious = tmp_path / "opt/surveil/thesis.txt"
    precious.parent.mkdir(parents=True)
    precious.write_text("years of work")
    done = make(tmp_path, "uninstall")
    assert done.returncode != 0
    assert "left alone" in done.stdout
    assert precious.exists()


def test_uninstall_takes_the_program_and_keeps_configuration_and_data(root: Path) -> None:
    """Runs last: it ends the installation that the tests above share."""
    done = make(root, "uninstall")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Kept" in done.stdout
    assert not (root / "opt/surveil").exists()
    assert not (root / "usr/local/lib/systemd/system/surveil.service").exists()
    assert not os.path.lexists(root / "usr/local/bin/surveil")
    assert (root / "etc/surveil/config.yaml").read_text() == "cameras: []  # mine\n"
    assert (root / "var/lib/surveil/alerts.db").read_text() == "data"
    again = make(root, "uninstall")
    assert again.returncode == 0, "nothing to take away is no error"
