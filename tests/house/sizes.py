"""How long files and functions are, and how many ways lead through a function."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from radon.complexity import cc_visit
from radon.visitors import Class

from tests.house.finding import Finding, in_room, named, sources

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50
COMPLEXITY_MAX = 20
APART = "language"
"""Its reader is rewritten on its own; its figures are told, not judged."""


def file_lengths(package: Path) -> Finding:
    """Lines of every file."""
    lengths = [(_lines(path), path) for path in sources(package)]
    over = [(length, path) for length, path in lengths if length > FILE_LINES_MAX]
    return Finding(
        f"no file over {FILE_LINES_MAX} lines",
        f"{len(lengths)} files, the longest {max((length for length, _ in lengths), default=0)}",
        faults=[
            f"{named(path, package)}: {length} lines"
            for length, path in over
            if not in_room(path, package, APART)
        ],
        details=[
            f"apart: {named(path, package)}: {length} lines"
            for length, path in over
            if in_room(path, package, APART)
        ],
    )


def function_lengths(package: Path) -> Finding:
    """Lines of every function and method, nested ones too, from `def` to the last line."""
    measured = [(n, where, path) for path in sources(package) for n, where in _functions(path)]
    return _judged(
        f"no function over {FUNCTION_LINES_MAX} lines",
        measured,
        package=package,
        bound=FUNCTION_LINES_MAX,
        unit="lines",
    )


def complexities(package: Path) -> Finding:
    """McCabe's number of every function and method, by radon."""
    measured = [(n, where, path) for path in sources(package) for n, where in _complexities(path)]
    return _judged(
        f"no function of complexity over {COMPLEXITY_MAX}",
        measured,
        package=package,
        bound=COMPLEXITY_MAX,
        unit="ways",
    )


def _judged(
    measure: str, measured: list[tuple[int, str, Path]], *, package: Path, bound: int, unit: str
) -> Finding:
    over = [found for found in measured if found[0] > bound]
    apart = [found for found in over if in_room(found[2], package, APART)]
    judged = [n for n, _, path in measured if not in_room(path, package, APART)]
    return Finding(
        measure,
        f"{len(judged)} functions, the most {max(judged, default=0)} {unit}; {len(apart)} over in {APART}",
        faults=[
            f"{named(path, package)}:{where}: {n} {unit}"
            for n, where, path in over
            if not in_room(path, package, APART)
        ],
    )


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def _functions(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield node.end_lineno - node.lineno + 1, f"{node.lineno} {node.name}"


def _complexities(path: Path) -> Iterator[tuple[int, str]]:
    for block in cc_visit(path.read_text(encoding="utf-8")):
        if not isinstance(block, Class):
            yield block.complexity, f"{block.lineno} {block.fullname}"
