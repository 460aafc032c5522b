"""The journal: captions in batches, found again by their words."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveil.errors import StoreError
from surveil.journal.caption_search import Query, SearchError, find_in, to_fts5
from surveil.journal.journal_store import PAGE, Journal
from surveil.records import Caption
from tests.fakes import FakeClock, make_frame
from tests.support.alerts import make_draft

RED = "a red car is parked"
DOGS = "two dogs are running across the street"
MAN = "a man climbs over a fence"


def caption(text: str, *, unix_ms: int = 1_000, camera_id: str = "yard") -> Caption:
    frame = make_frame(camera_id, unix_ms=unix_ms)
    return Caption(frame, text, 0.5, "tiny", 1, 0, 0, 0)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    made = Journal(tmp_path / "journal.db", FakeClock())
    for index, text in enumerate((RED, DOGS, MAN)):
        made.add(caption(text, unix_ms=1_000 * (index + 1)))
    made.flush()
    return made


def found(journal: Journal, words: str) -> list[str]:
    return [hit.text for hit in journal.search(words)]


@pytest.mark.parametrize(
    ("words", "texts"),
    [
        ("red car", [RED]),
        ("car red", [RED]),
        ('"car red"', []),
        ('"red car"', [RED]),
        ("run", [DOGS]),
        ("climbing", [MAN]),
        ("fence OR dog", [MAN, DOGS]),
        ("(car OR man) NOT fence", [RED]),
        ("climb*", [MAN]),
        ("dog, street!", [DOGS]),
        ("red - car", [RED]),
        ("giraffe", []),
    ],
)
def test_captions_are_found_by_stems_phrases_and_operators(
    journal: Journal, words: str, texts: list[str]
) -> None:
    assert found(journal, words) == texts


@pytest.mark.parametrize("words", ["NOT red", "(red", "red)", "red AND", "", "OR", "()", "- , !"])
def test_questions_that_make_no_sense_say_how_to_ask(journal: Journal, words: str) -> None:
    with pytest.raises(SearchError, match="exact phrases"):
        journal.search(words)


@given(words=st.text(alphabet='ab AND OR NOT()"*-:^{}+', max_size=30))
def test_no_question_reaches_sqlite_unquoted(words: str) -> None:
    """Whatever a person types is either understood or refused with help; SQLite never complains."""
    try:
        query = to_fts5(words)
    except SearchError:
        return
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE VIRTUAL TABLE t USING fts5 (text)")
        database.execute("SELECT * FROM t WHERE t MATCH ?", (query,)).fetchall()


def test_camera_time_and_limit_narrow_the_search(journal: Journal) -> None:
    journal.add(caption(RED, unix_ms=9_000, camera_id="gate"))
    journal.flush()
    assert [hit.camera_id for hit in journal.search("car", camera_id="gate")] == ["gate"]
    assert [h.captured_unix_ms for h in journal.search("car", until_unix_ms=9_000)] == [1_000]
    assert [h.captured_unix_ms for h in journal.search("car", limit=1)] == [9_000]


def test_a_caption_that_raised_an_alert_says_so(journal: Journal) -> None:
    clock = FakeClock(unix_s=3)
    journal.add_alert(make_draft(clock, "yard", rule_id="person-climbing"))
    journal.flush()
    assert journal.search("climbs")[0].rules == ("person-climbing",)


def test_another_process_reads_while_the_daemon_writes(journal: Journal) -> None:
    journal.add(caption("a blue car"))
    journal.flush()
    assert len(find_in(journal.path, Query("car"))) == 2


def test_nothing_is_written_before_the_flush(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db", FakeClock())
    journal.add(caption(RED))
    assert found(journal, "car") == []
    journal.close()
    assert found(Journal(tmp_path / "journal.db", FakeClock()), "car") == [RED]


def test_replay_gives_every_caption_once_oldest_first(tmp_path: Path) -> None:
    """Also when more share one moment than a page holds."""
    journal = Journal(tmp_path / "journal.db", FakeClock())
    moments = [1_000] * (PAGE + 500) + list(range(2_000, 2_000 + PAGE + 7))
    for moment in moments:
        journal.add(caption(RED, unix_ms=moment))
    journal.flush()
    assert [hit.captured_unix_ms for hit in journal.captions()] == moments
    assert len(list(journal.captions(since_unix_ms=2_000, until_unix_ms=2_010))) == 10


def test_pruning_forgets_words_too(journal: Journal) -> None:
    assert journal.prune(2_000) == 1
    assert found(journal, "car") == []
    assert found(journal, "dogs") == [DOGS]


def test_pruning_by_size_takes_the_oldest(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db", FakeClock())
    for moment in range(6_000):
        journal.add(caption(f"{RED} number {moment}", unix_ms=moment))
    journal.flush()
    assert journal.prune(0, max_bytes=400_000) >= PAGE
    left = [hit.captured_unix_ms for hit in journal.captions()]
    assert left
    assert left[-1] == 5_999
    assert len(left) > 1_000
    journal.prune(0, max_bytes=400_000)
    assert journal._used_bytes() < 500_000
    left = [hit.captured_unix_ms for hit in journal.captions()]
    assert len(left) > 1_000
    assert left == list(range(left[0], 6_000))


def test_a_locked_journal_keeps_captions_in_memory_and_says_so(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db", FakeClock())
    with closing(sqlite3.connect(journal.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        journal.add(caption(RED))
        journal.flush()
        (problem,) = journal.problems()
        assert "locked" in problem.text
        other.execute("ROLLBACK")
    assert journal.counters()["captions_waiting"] == 1
    journal.flush()
    assert journal.problems() == []
    assert journal.counters() == {
        "captions_total": 1,
        "captions_waiting": 0,
        "captions_lost_total": 0,
    }
    assert found(journal, "car") == [RED]


def test_a_damaged_journal_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(b"not a database at all" * 1_000)
    journal = Journal(path, FakeClock())
    assert list(tmp_path.glob("journal.db.damaged-*"))
    journal.add(caption(RED))
    journal.flush()
    assert found(journal, "car") == [RED]
    (problem,) = journal.problems()
    assert "put aside" in problem.text, (
        "the captions of the past are gone, until somebody has read it"
    )


def test_a_journal_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="has the daemon run"):
        find_in(tmp_path / "journal.db", Query("car"))
