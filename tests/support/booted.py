"""A real systemd, booted as process 1 of namespaces of its own: a container without an image, gone when the test is.

The machine's own files are used, but /etc, /run, /tmp, /var and the unit folders are private copies or empty, and the
service's folder /opt/surveil holds this Python, its packages and this source. The kernel's settings are read-only:
they are the one thing that is shared. Needs root.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import TracebackType

from tests.support.waiting import eventually

PROJECT = Path(__file__).parents[2]
APP = Path("/opt/surveil")

BOOT = """
set -e
mount --make-rprivate /
mount -t proc proc /proc
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
cp -a /etc {folder}/etc
rm -rf {folder}/etc/systemd/system {folder}/etc/machine-id
mkdir -p {folder}/etc/systemd/system {folder}/units {folder}/opt
cp -a /lib/systemd/system/*.target /lib/systemd/system/systemd-journald*.s* {folder}/units
cp -a {folder}/stage/etc/. {folder}/etc
cp -a {folder}/stage/opt/. {folder}/opt
mount --bind {folder}/etc /etc
mount --bind {folder}/units /lib/systemd/system
mount --bind {folder}/opt /opt
mkdir -p /opt/surveil/python /opt/surveil/site /opt/surveil/src
mount --bind {python} /opt/surveil/python
mount --bind {site} /opt/surveil/site
mount --bind {project} /opt/surveil/src
for path in /run /tmp /var/lib /var/cache /var/log /var/tmp; do mount -t tmpfs tmpfs $path; done
chmod 1777 /tmp /var/tmp
mkdir -p /run/lock
umount -R -l /sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 cgroup2 /sys/fs/cgroup
systemd-sysusers /etc/sysusers.d/surveil.conf
systemd-tmpfiles --create /etc/tmpfiles.d/surveil.conf
exec env -i container=unshare PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
  /lib/systemd/systemd --system --unit=box.target --log-target=journal --show-status=0
"""


BOX = """\
[Unit]
Requires=basic.target systemd-journald.socket systemd-journald.service
After=basic.target systemd-journald.service
"""


class BootedSystemd:
    """A context manager; inside, systemd is up and nothing of ours is started yet."""

    def __init__(self, folder: Path, *, config: str, launcher: str, dropin: str = "") -> None:
        """`launcher` is Python code for /opt/surveil/bin/surveil; `dropin` goes beside the unit."""
        self._folder = folder
        self._stage(config=config, launcher=launcher, dropin=dropin)
        self._unshare: subprocess.Popen[bytes] | None = None
        self._init_pid = 0

    def __enter__(self) -> BootedSystemd:
        script = BOOT.format(
            folder=shlex.quote(str(self._folder)),
            python=shlex.quote(sys.base_prefix),
            site=shlex.quote(sysconfig.get_paths()["purelib"]),
            project=shlex.quote(str(PROJECT)),
        )
        with (self._folder / "boot.log").open("wb") as log:
            self._unshare = subprocess.Popen(
                ["unshare", "-mpCui", "--fork", "--kill-child", "bash", "-c", script],
                stdout=log,
                stderr=log,
            )
        eventually(self._is_up, timeout_s=30, what=self._boot_log)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Ending process 1 of a PID namespace ends all in it."""
        assert self._unshare is not None
        self._unshare.kill()
        self._unshare.wait(30)

    def run(self, *command: str, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
        """A command inside, as root."""
        return subprocess.run(
            ["nsenter", "-t", str(self._init_pid), "-m", "-p", "-C", "-u", "-i", *command],
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
        )

    def systemctl(self, *arguments: str, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
        return self.run("systemctl", "--no-pager", *arguments, timeout_s=timeout_s)

    def show(self, *names: str) -> dict[str, str]:
        """Properties of surveil.service."""
        done = self.systemctl("show", "surveil", *(f"--property={name}" for name in names))
        return dict(line.split("=", 1) for line in done.stdout.splitlines())

    def journal(self) -> list[dict[str, str]]:
        """All that the service and systemd said about it, oldest first."""
        done = self.run("journalctl", "--output=json", "--no-pager", "--unit=surveil")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def said(self, text: str) -> bool:
        return any(text in str(entry.get("MESSAGE")) for entry in self.journal())

    def write(self, path: str, text: str) -> None:
        """Write a file inside."""
        (Path(f"/proc/{self._init_pid}/root") / path.lstrip("/")).write_text(text)

    def _is_up(self) -> bool:
        assert self._unshare is not None
        assert self._unshare.poll() is None, self._boot_log()
        children = Path(f"/proc/{self._unshare.pid}/task/{self._unshare.pid}/children").read_text()
        if not children.strip():
            return False
        self._init_pid = int(children.split()[0])
        return self.systemctl("is-active", "box.target").stdout.strip() == "active"

    def _boot_log(self) -> str:
        return (self._folder / "boot.log").read_text(errors="replace")

    def _stage(self, *, config: str, launcher: str, dropin: str) -> None:
        """What is copied over /etc and /opt before systemd starts."""
        stage = self._folder / "stage"
        units = PROJECT / "systemd"
        files = {
            "etc/surveil/config.yaml": config,
            "etc/systemd/system/surveil.service.d/test.conf": dropin,
            "etc/systemd/journald.conf": "[Journal]\nStorage=volatile\nRateLimitBurst=0\n",
            "etc/machine-id": "uninitialized\n",
            "etc/systemd/system/box.target": BOX,
            "opt/surveil/bin/surveil": launcher,
        }
        for name, text in files.items():
            path = stage / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (stage / "opt/surveil/bin/surveil").chmod(0o755)
        for source, target in (
            ("surveil.service", "etc/systemd/system/surveil.service"),
            ("surveil.sysusers", "etc/sysusers.d/surveil.conf"),
            ("surveil.tmpfiles", "etc/tmpfiles.d/surveil.conf"),
        ):
            (stage / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(units / source, stage / target)


def why_not() -> str | None:
    """Why systemd cannot be booted here; None when it can."""
    if os.geteuid() != 0:
        return "needs root, to make namespaces"
    for program in ("unshare", "nsenter", "systemctl", "journalctl", "/lib/systemd/systemd"):
        if shutil.which(program) is None:
            return f"needs {program} (Debian: systemd, util-linux)"
    probe = subprocess.run(
        [
            "unshare",
            "-m",
            "-p",
            "-C",
            "--fork",
            "mount",
            "-t",
            "cgroup2",
            "cgroup2",
            "/sys/fs/cgroup",
        ],
        capture_output=True,
        check=False,
    )
    return None if probe.returncode == 0 else "this machine lets root make no cgroup namespace"
