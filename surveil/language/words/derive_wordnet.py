"""Makes wordnet_nouns.txt, wordnet_verbs.txt and wordnet_use.txt from the WordNet 3.0 database (a maintainer's tool).

    python -m surveil.language.words.derive_wordnet /usr/share/wordnet

What is kept is what a caption can show and what people mean first: lower-case words in their commonest sense, or in
one that makes up a quarter of their counted uses; compounds of two words where the last alone would mislead.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
SHARE = 0.25
"""Least part of a word's counted uses that makes a later sense worth keeping."""
CONCRETE = {
    "03",
    "04",
    "05",
    "06",
    "08",
    "11",
    "13",
    "14",
    "15",
    "17",
    "18",
    "19",
    "20",
    "26",
    "27",
}
"""Lexicographer files of things one can see: animals, artefacts, bodies, food, groups, places, persons, plants,
substances; acts, events and phenomena (a fight, an accident, smoke)."""


@dataclass(frozen=True, slots=True)
class Synset:
    words: tuple[str, ...]
    parents: tuple[str, ...]
    field: str


def main(folder: Path) -> None:
    counts = _counts(folder / "cntlist.rev")
    for kind, letter in (("noun", "1"), ("verb", "2")):
        synsets = dict(_synsets(folder / f"data.{kind}"))
        kept = _kept_senses(folder / f"index.{kind}", synsets, counts[letter])
        lines = sorted(_lines(synsets, kept))
        (HERE / f"wordnet_{kind}s.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (HERE / "wordnet_use.txt").write_text("\n".join(_uses(counts)) + "\n", encoding="utf-8")


def _counts(path: Path) -> dict[str, dict[str, Counter[int]]]:
    """Part of speech digit -> lemma -> sense number -> counted uses."""
    counts: dict[str, dict[str, Counter[int]]] = defaultdict(lambda: defaultdict(Counter))
    for line in path.read_text(encoding="latin-1").splitlines():
        key, sense, uses = line.split()
        lemma, _, rest = key.partition("%")
        counts[rest[0].replace("5", "3")][lemma][int(sense)] += int(uses)
    return counts


def _synsets(path: Path) -> Iterator[tuple[str, Synset]]:
    for line in path.read_text(encoding="latin-1").splitlines():
        if line.startswith(" "):
            continue
        fields = line.split(" | ")[0].split()
        word_count = int(fields[3], 16)
        words = tuple(fields[4 : 4 + 2 * word_count : 2])
        pointers = fields[5 + 2 * word_count :]
        pairs = zip(pointers[0::4], pointers[1::4], strict=False)
        parents = tuple(target for symbol, target in pairs if symbol == "@")
        yield fields[0], Synset(words, parents, fields[1])


def _kept_senses(
    path: Path, synsets: dict[str, Synset], counts: dict[str, Counter[int]]
) -> dict[str, list[str]]:
    """Synset -> its words that keep that sense."""
    kept: dict[str, list[str]] = defaultdict(list)
    for line in path.read_text(encoding="latin-1").splitlines():
        if line.startswith(" "):
            continue
        fields = line.split()
        lemma, senses = fields[0], fields[-int(fields[2]) :]
        uses = counts.get(lemma, Counter())
        total = sum(uses.values())
        for rank, offset in enumerate(senses, 1):
            common = rank == 1 or (rank <= 4 and total and uses[rank] / total >= SHARE)
            if common and _showable(lemma, synsets[offset]):
                kept[offset].append(lemma.replace("_", " "))
    return kept


def _showable(lemma: str, synset: Synset) -> bool:
    is_verb = int(synset.field) >= 29
    written = next((word for word in synset.words if word.lower() == lemma), lemma)
    plain = written == written.lower() and written.replace("_", "").replace("-", "").isalpha()
    rare = synset.field in {"05", "20"} and ("_" in lemma or len(lemma) > 9)
    return plain and not rare and lemma.count("_") <= 1 and (is_verb or synset.field in CONCRETE)


def _lines(synsets: dict[str, Synset], kept: dict[str, list[str]]) -> Iterator[str]:
    """`key<TAB>what it is`: a word leads to its synsets, a synset (`name#n`) to its name and those above it."""
    kept = {
        offset: told for offset, words in kept.items() if (told := _telling(words, offset, synsets))
    }
    wanted = set(kept).union(*(_above(offset, synsets) for offset in kept))
    names = _names(synsets, wanted)
    above: dict[str, list[str]] = defaultdict(list)
    for offset, name in names.items():
        above[name] = [names[parent] for parent in synsets[offset].parents] + [
            name.partition("#")[0]
        ]
        for word in kept.get(offset, ()):
            above[word].append(name)
    for key, parents in above.items():
        yield f"{key}\t{','.join(parents)}"


def _telling(words: list[str], offset: str, synsets: dict[str, Synset]) -> list[str]:
    """Without the compounds that say what they are: a police dog is a dog."""
    above = {word for one in {offset, *_above(offset, synsets)} for word in synsets[one].words}
    return [word for word in words if " " not in word or word.split()[-1] not in above]


def _above(offset: str, synsets: dict[str, Synset]) -> set[str]:
    found: set[str] = set()
    queue = [offset]
    while queue:
        for parent in synsets[queue.pop()].parents:
            if parent not in found:
                found.add(parent)
                queue.append(parent)
    return found


def _names(synsets: dict[str, Synset], wanted: set[str]) -> dict[str, str]:
    """Each synset's first word and a number."""
    taken: Counter[str] = Counter()
    names = {}
    for offset in sorted(wanted):
        word = synsets[offset].words[0].replace("_", " ").lower()
        taken[word] += 1
        names[offset] = f"{word}#{taken[word]}"
    return names


def _uses(counts: dict[str, dict[str, Counter[int]]]) -> Iterator[str]:
    """`word noun verb adjective`: counted uses of words that are more than one of these."""
    lemmas = sorted({lemma for letter in "123" for lemma in counts[letter]})
    for lemma in lemmas:
        uses = [sum(counts[letter].get(lemma, Counter()).values()) for letter in "123"]
        if lemma.isalpha() and lemma.islower() and sum(use > 0 for use in uses) > 1:
            yield " ".join([lemma, *map(str, uses)])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
