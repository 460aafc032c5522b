"""One name, one thing: file names stand once, and no identifier is a metaphor."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.house.finding import Finding, in_room, named, sources

MAY_REPEAT = ("config", "commands")
"""A section of the configuration and a command are called after the room that they speak of."""
METAPHORS = frozenset(
    {
        *(
            "house",
            "herald",
            "desk",
            "outlet",
            "outlets",
            "shelf",
            "shelves",
            "crew",
            "tally",
            "tallies",
        ),
        *("scrutiny", "roster", "stubborn", "upkeep", "employ", "glimpse", "glimpses"),
        *("inbox", "lane", "lanes"),
    }
)
"""Words of former names; no part of an identifier may be one of them."""
VAGUE = frozenset({"know", "tell", "soon"})
"""Plain enough inside a name and in a private one, but as a public name they say nothing."""
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def file_names(package: Path) -> Finding:
    """Every file name once in the tree, so that it can be searched for."""
    places: dict[str, list[Path]] = defaultdict(list)
    for path in sources(package):
        apart = any(in_room(path, package, room) for room in MAY_REPEAT)
        if path.name != "__init__.py" and not apart:
            places[path.name].append(path)
    return Finding(
        "each file name once",
        f"{len(places)} names",
        faults=[
            f"{name}: {', '.join(named(path, package) for path in paths)}"
            for name, paths in sorted(places.items())
            if len(paths) > 1
        ],
    )


def identifiers(package: Path) -> Finding:
    """Names of files, classes, functions, parameters and attributes, `language` apart."""
    judged = [path for path in sources(package) if not in_room(path, package, "language")]
    faults = []
    count = 0
    for path in judged:
        for line, name in (*_path_names(path, package), *_defined(path)):
            count += 1
            if _is_metaphor(name):
                faults.append(f"{named(path, package)}:{line}: {name}")
    return Finding("no metaphor in a name", f"{count} names", sorted(set(faults)))


def _path_names(path: Path, package: Path) -> Iterator[tuple[int, str]]:
    for part in path.relative_to(package).with_suffix("").parts:
        yield 1, part


def _defined(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr
        if isinstance(node, ast.Module | ast.ClassDef):
            yield from _assigned(node.body)


def _assigned(body: list[ast.stmt]) -> Iterator[tuple[int, str]]:
    """Constants of a module; fields and members of a class."""
    for statement in body:
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        targets = [statement.target] if isinstance(statement, ast.AnnAssign) else targets
        for target in targets:
            if isinstance(target, ast.Name):
                yield target.lineno, target.id


def _is_metaphor(name: str) -> bool:
    words = {word.lower() for word in _WORDS.findall(name)}
    return bool(words & METAPHORS) or name in VAGUE
