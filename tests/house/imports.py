"""Who imports whom: no circle at any level, and the floors that pyproject.toml draws."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import grimp

from tests.house.finding import PROJECT, Finding

Edges = Mapping[str, Iterable[str]]


def circles(package_name: str) -> Finding:
    """Between files, and between the parts of every package.

    Counts what is imported inside functions and for type checkers only: both say that two files need each other.
    """
    graph = grimp.build_graph(package_name, cache_dir=None)
    edges = {
        module: graph.find_modules_directly_imported_by(module) for module in sorted(graph.modules)
    }
    faults = [f"files: {_told(circle, edges)}" for circle in knots(edges)]
    for package in (module for module in sorted(graph.modules) if graph.find_children(module)):
        between = _between_parts(package, edges)
        faults += [f"parts of {package}: {_told(circle, between)}" for circle in knots(between)]
    return Finding("no import circle", f"{len(edges)} files, {len(faults)} circles", faults)


def knots(edges: Edges) -> list[list[str]]:
    """Strongly connected sets of two and more nodes, and nodes that lead to themselves (Tarjan)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in edges.get(node, ()):
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            knot = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(knot) > 1 or node in edges.get(node, ()):
                found.append(sorted(knot))

    for node in edges:
        if node not in index:
            visit(node)
    return sorted(found)


def _between_parts(package: str, edges: Edges) -> dict[str, set[str]]:
    """Imports between the modules and packages directly inside one package, its own `__init__` aside."""
    between: dict[str, set[str]] = defaultdict(set)
    for importer, imported in edges.items():
        for module in imported:
            start, end = _part(package, importer), _part(package, module)
            if start and end and start != end:
                between[start].add(end)
    return dict(between)


def _part(package: str, module: str) -> str:
    """`rules` of surveil.rules.incidents in surveil; empty for what is not inside."""
    inside = module.removeprefix(package + ".")
    return "" if inside == module else inside.partition(".")[0]


def _told(circle: list[str], edges: Edges) -> str:
    steps = [f"{node} -> {to}" for node in circle for to in sorted(edges[node]) if to in circle]
    return f"{len(circle)} import each other: {', '.join(steps)}"


def floors() -> Finding:
    """The contracts of import-linter."""
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    return floors_of(done.returncode, done.stdout + done.stderr)


def floors_of(returncode: int, output: str) -> Finding:
    """Reads what lint-imports printed."""
    lines = [line for line in output.splitlines() if line.strip()]
    kept = next((line for line in reversed(lines) if line.startswith("Contracts:")), "not judged")
    return Finding("floors hold", kept, faults=list(_broken(lines)) if returncode else [])


def _broken(lines: list[str]) -> Iterator[str]:
    """The contracts that do not hold and the imports that break them; all that was said if it was no verdict."""
    start = next((n for n, line in enumerate(lines) if line.startswith("Broken contracts")), 0)
    yield from (line for line in lines[start:] if any(c.isascii() and c.isalpha() for c in line))
