"""The queue between captioners and alerts says no when it is full, and loses nothing."""

from surveil.captioning.captions_worker import CaptionQueue
from surveil.records import Unchanged
from tests.fakes import make_frame


def test_a_full_queue_refuses_and_takes_again_when_there_is_room() -> None:
    caption_queue = CaptionQueue(capacity=2)
    items = [Unchanged(make_frame(seq=seq)) for seq in range(3)]
    assert caption_queue.put(items[0], 0)
    assert caption_queue.put(items[1], 0)
    assert not caption_queue.put(items[2], 0)
    assert len(caption_queue) == 2
    assert caption_queue.get(0) is items[0]
    assert caption_queue.put(items[2], 0)
    assert [caption_queue.get(0), caption_queue.get(0), caption_queue.get(0)] == [
        items[1],
        items[2],
        None,
    ]
