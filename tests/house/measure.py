"""`make house`: measures how well the house can be read, prints every figure, and fails when one is broken.

python -m tests.house.measure              all measures
python -m tests.house.measure --quick      those that need no run of the demo
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence

from tests.house.finding import PACKAGE, Finding
from tests.house.frame_way import frame_way
from tests.house.imports import circles, floors
from tests.house.naming import file_names, identifiers
from tests.house.sizes import complexities, file_lengths, function_lengths
from tests.house.unused import SEEN_BY_OTHERS, dead_code, exemptions


def quick_measures() -> Iterable[Callable[[], Finding]]:
    """What can be read off the sources."""
    yield lambda: file_lengths(PACKAGE)
    yield lambda: function_lengths(PACKAGE)
    yield lambda: complexities(PACKAGE)
    yield lambda: file_names(PACKAGE)
    yield lambda: identifiers(PACKAGE)
    yield lambda: circles(PACKAGE.name)
    yield floors
    yield lambda: dead_code(PACKAGE, exemptions(SEEN_BY_OTHERS.read_text(encoding="utf-8")))


def report(measures: Iterable[Callable[[], Finding]]) -> int:
    """Prints each finding as it comes; 1 when any is broken."""
    broken = 0
    for measure in measures:
        finding = measure()
        print("\n".join(finding.lines()), flush=True)
        broken += bool(finding.faults)
    print(f"{broken} broken" if broken else "The house holds.")
    return 1 if broken else 0


def main(arguments: Sequence[str]) -> int:
    measures = list(quick_measures())
    if "--quick" not in arguments:
        measures.append(lambda: frame_way(PACKAGE))
    return report(measures)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
