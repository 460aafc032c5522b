"""What is wrong in a file, where, in one line each; and what the writer may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

Loc = tuple[str | int, ...]
"""Keys and list positions from the top of the document."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One line of an error or a warning. `text` holds no secret."""

    line: int | None
    """From 1; None when the file could not be read at all."""
    loc: Loc
    text: str

    def __str__(self) -> str:
        where = path_text(self.loc)
        return f"{where}: {self.text}" if where else self.text

    def at(self, file: str, *, mark: str = "") -> str:
        """`config.yaml:12: cameras[1].url: ...`; a mark such as `warning: ` stands before the path."""
        place = file if self.line is None else f"{file}:{self.line}"
        return f"{place}: {mark}{self}"


def path_text(loc: Loc) -> str:
    """`cameras[1].url`. Parts that a person typed are kept short and printable."""
    text = ""
    for part in loc:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + printable(part, limit=64)
    return text


def listing(file: str, problems: Iterable[Mistake], *, mark: str = "") -> str:
    """One problem a line, in the order of the file, none twice."""
    lines = sorted(problems, key=lambda problem: (problem.line or 0, problem.loc == ()))
    return "\n".join(dict.fromkeys(problem.at(file, mark=mark) for problem in lines))


def suggestion(word: str, known: Iterable[str]) -> str | None:
    """The known word that is most like it, or None."""
    lowered = {name.lower().replace("-", "_"): name for name in known}
    found = difflib.get_close_matches(word.lower().replace("-", "_"), lowered, n=1, cutoff=0.66)
    return lowered[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean url?`, or nothing."""
    found = suggestion(word, known)
    return f"; did you mean {found}?" if found is not None and found != word else ""


def printable(text: str, *, limit: int) -> str:
    """The text on one line, control characters escaped, cut to `limit` characters."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in cut
    )
