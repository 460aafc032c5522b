"""What a measure of the house says: one figure, its bound, and each place where it is broken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[2]
PACKAGE = PROJECT / "surveil"


@dataclass(frozen=True, slots=True)
class Finding:
    """Broken when `faults` holds anything."""

    measure: str
    """In words, with the bound."""
    figure: str
    """What was found, whether broken or not."""
    faults: Sequence[str] = ()
    """Each a line for a person: where, what."""
    details: Sequence[str] = ()
    """Printed in any case."""

    def lines(self) -> Iterable[str]:
        yield f"{'BROKEN' if self.faults else 'holds '}  {self.measure}: {self.figure}"
        yield from (f"          {detail}" for detail in self.details)
        yield from (f"        ! {fault}" for fault in self.faults)


def sources(package: Path) -> list[Path]:
    """All Python files of the package, in order of path."""
    return sorted(package.rglob("*.py"))


def named(path: Path, package: Path) -> str:
    """`surveil/rules/incidents.py`, wherever the package's folder is."""
    return str(path.relative_to(package.parent))


def in_room(path: Path, package: Path, room: str) -> bool:
    """Whether the file stands in this folder of the package."""
    return path.relative_to(package).parts[:1] == (room,)
