"""Code that nobody runs: what vulture finds in the package alone, so that a test is no user.

`unused.txt` beside this file names what is used all the same by somebody whom vulture cannot see, each with its reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from vulture import Vulture

from tests.house.finding import Finding, named

SEEN_BY_OTHERS = Path(__file__).with_name("unused.txt")
CONFIDENCE_MIN = 60
"""vulture's own floor: a function, method, attribute or variable that is named nowhere else."""
DECORATORS = ("@field_validator", "@model_validator", "@field_serializer", "@model_serializer")
"""pydantic calls what they mark."""


@dataclass(frozen=True, slots=True)
class Exemption:
    """One line of the list: in files like this, this name is used by somebody."""

    files: str
    """A pattern of fnmatch; `*` crosses folders."""
    name: str
    reason: str

    def covers(self, path: str, name: str) -> bool:
        return name == self.name and fnmatch(path, self.files)


def exemptions(text: str) -> list[Exemption]:
    """`files name: reason`, a line each. Raises ValueError for a line without a reason."""
    found = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        place, _, reason = line.partition(": ")
        files, _, names = place.partition(" ")
        if not names or not reason.strip():
            raise ValueError(f"unused list: {line!r} wants `files name[,name]: reason`")
        found += [Exemption(files, name.strip(), reason.strip()) for name in names.split(",")]
    return found


def dead_code(package: Path, exempt: Iterable[Exemption]) -> Finding:
    """Also broken by an exemption that nothing needs any more."""
    vulture = Vulture(ignore_decorators=list(DECORATORS))
    vulture.scavenge([str(package)])
    listed = list(exempt)
    needed: set[Exemption] = set()
    faults = []
    for item in vulture.get_unused_code(min_confidence=CONFIDENCE_MIN):
        path = named(Path(item.filename).resolve(), package.resolve())
        covering = [entry for entry in listed if entry.covers(path, item.name)]
        needed.update(covering)
        if not covering:
            faults.append(f"{path}:{item.first_lineno}: {item.typ} {item.name}")
    stale = [entry for entry in listed if entry not in needed]
    faults += [f"{SEEN_BY_OTHERS.name}: {e.files} {e.name} excuses nothing" for e in stale]
    return Finding("no dead code", f"{len(faults)} found, {len(needed)} exempt", faults)
