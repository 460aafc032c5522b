"""`${NAME}` in any value: taken from the environment, so that secrets need not stand in the file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_MARK = re.compile(
    r"(?P<escaped>\$\$\{)|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|(?P<broken>\$\{)"
)


@dataclass(frozen=True, slots=True)
class Expanded:
    """A value after its variables were put in."""

    text: str
    problems: tuple[str, ...]
    """What could not be put in; the text is then not to be used."""
    missing: tuple[str, ...]
    """Names of the variables that are not set."""
    replaced: bool
    """Whether anything came from outside the file, so that the text must not be shown."""


def expand(text: str, environ: Mapping[str, str]) -> Expanded:
    """`${NAME}` and `${NAME:-default}` (also when NAME is empty) replaced; `$${` is a literal `${`."""
    problems: list[str] = []
    missing: list[str] = []

    def put_in(found: re.Match[str]) -> str:
        if found["escaped"]:
            return "${"
        if found["broken"]:
            problems.append("holds ${ without a name and a }; for a literal ${ write $${")
            return ""
        value = environ.get(found["name"])
        if value or (value is not None and found["default"] is None):
            return value
        if found["default"] is None:
            missing.append(found["name"])
            problems.append(_not_set(found["name"]))
            return ""
        return found["default"]

    expanded = _MARK.sub(put_in, text)
    replaced = any(found["name"] for found in _MARK.finditer(text))
    return Expanded(expanded, tuple(problems), tuple(missing), replaced)


def _not_set(name: str) -> str:
    return (
        f"the environment variable {name} is not set; "
        f"set it, or give a default with ${{{name}:-...}}, or write $${{ for a literal ${{"
    )
