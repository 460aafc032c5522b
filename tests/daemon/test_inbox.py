"""The queue between captioners and alerts says no when it is full, and loses nothing."""

from surveil.captioning.captions_worker import Inbox
from surveil.records import Unchanged
from tests.fakes import make_frame


def test_a_full_inbox_refuses_and_takes_again_when_there_is_room() -> None:
    inbox = Inbox(capacity=2)
    items = [Unchanged(make_frame(seq=seq)) for seq in range(3)]
    assert inbox.put(items[0], 0)
    assert inbox.put(items[1], 0)
    assert not inbox.put(items[2], 0)
    assert len(inbox) == 2
    assert inbox.get(0) is items[0]
    assert inbox.put(items[2], 0)
    assert [inbox.get(0), inbox.get(0), inbox.get(0)] == [items[1], items[2], None]
