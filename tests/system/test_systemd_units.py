"""The unit files, judged by systemd itself: sound, walled in, and complete."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "systemd"
UNIT = SOURCE / "surveil.service"
DROPINS = sorted(path.stem for path in (SOURCE / "surveil.service.d").glob("*.conf"))
MAX_EXPOSURE = 2.0

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        shutil.which("systemd-analyze") is None, reason="needs systemd-analyze (Debian: systemd)"
    ),
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root folder with the unit, systemd's own targets, and stand-ins for the programs that the unit names."""
    units = tmp_path / "etc/systemd/system"
    units.mkdir(parents=True)
    shutil.copy(UNIT, units)
    shutil.copytree(
        "/lib/systemd/system",
        tmp_path / "lib/systemd/system",
        symlinks=True,
        ignore=lambda _, names: [name for name in names if not name.endswith(".target")],
    )
    for program in ("opt/surveil/bin/surveil", "bin/kill", "usr/bin/nvidia-modprobe"):
        path = tmp_path / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(0o755)
    return tmp_path


def add_dropins(root: Path, *names: str) -> None:
    folder = root / "etc/systemd/system/surveil.service.d"
    folder.mkdir()
    for name in names:
        shutil.copy(SOURCE / f"surveil.service.d/{name}.conf", folder)


def analyze(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", f"--root={root}", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def exposure(root: Path) -> float:
    """0 (nothing to fear) to 10."""
    report = analyze(root, "--offline=true", "security", "surveil.service").stdout
    found = re.search(r"Overall exposure level for surveil\.service: ([\d.]+)", report)
    assert found, report
    return float(found[1])


def settings() -> dict[str, list[str]]:
    """The unit's own assignments, comments left out."""
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text(encoding="utf-8").splitlines():
        key, sign, value = line.partition("=")
        if sign and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


@pytest.mark.parametrize("dropins", [(), *((name,) for name in DROPINS), tuple(DROPINS)], ids=str)
def test_systemd_finds_nothing_wrong(root: Path, dropins: tuple[str, ...]) -> None:
    add_dropins(root, *dropins)
    done = analyze(root, "verify", "surveil.service")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("dropins", [(), *((name,) for name in DROPINS)], ids=str)
def test_the_walls_hold_with_any_device_let_in(root: Path, dropins: tuple[str, ...]) -> None:
    add_dropins(root, *dropins)
    assert exposure(root) <= MAX_EXPOSURE


@pytest.mark.parametrize("name", DROPINS)
def test_a_dropin_says_what_it_opens_and_how_to_put_it_in_place(name: str) -> None:
    text = (SOURCE / f"surveil.service.d/{name}.conf").read_text(encoding="utf-8")
    assert "/etc/systemd/system/surveil.service.d/" in text
    assert "# Opens: " in text
    assert "PrivateDevices=no" in text
    assert re.search(r"^DeviceAllow=", text, re.MULTILINE), "closed but for what it names"


def test_supervision_is_as_designed() -> None:
    unit = settings()
    assert unit["Type"] == ["notify"]
    assert unit["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
    assert unit["Restart"] == ["always"]
    assert unit["RestartPreventExitStatus"] == ["2"]
    assert unit["StartLimitIntervalSec"] == ["0"]
    assert unit["LimitCORE"] == ["0"]
    assert int(unit["WatchdogSec"][0]) > 0
    assert int(unit["TimeoutStopSec"][0]) > 10, "the daemon's own deadline"
    assert "time-sync.target" in unit["After"][0]
    assert "network-online.target" in unit["After"][0]
    assert "MemoryDenyWriteExecute" not in unit, "torch's bf16 kernels are written at run time"


def test_the_account_and_its_folders_are_made(tmp_path: Path) -> None:
    """Given an empty root, then the account exists without a shell, and secrets are root's alone."""
    if shutil.which("systemd-sysusers") is None:
        pytest.skip("needs systemd-sysusers")
    (tmp_path / "etc").mkdir()
    for program, source in (
        (["systemd-sysusers"], "surveil.sysusers"),
        (["systemd-tmpfiles", "--create"], "surveil.tmpfiles"),
    ):
        subprocess.run(
            [*program, f"--root={tmp_path}", str(SOURCE / source)],
            check=True,
            capture_output=True,
            timeout=60,
        )
    account = (tmp_path / "etc/passwd").read_text().strip().split(":")
    assert account[0] == "surveil"
    assert account[6].endswith("nologin")
    assert (tmp_path / "etc/surveil/secrets").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "etc/surveil").stat().st_mode & 0o777 == 0o750
    assert (tmp_path / "var/lib/surveil").stat().st_mode & 0o777 == 0o750
