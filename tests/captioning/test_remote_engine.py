"""The remote engine against a real HTTP server on the loopback."""

from __future__ import annotations

import base64
import io
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import SecretStr, ValidationError

from surveil.captioning import CaptionerSpec, CaptionResult, clamped_settings, open_captioner
from surveil.captioning.fallback import FallbackCaptioner
from surveil.captioning.remote_config import Remote
from surveil.captioning.remote_engine import RemoteCaptioner
from surveil.errors import CaptionError, ConfigError
from tests.support.waiting import eventually

Answer = tuple[int, dict[str, str], Any]


@dataclass
class Endpoint:
    """What the server was asked, and what it answers next."""

    url: str = ""
    answers: list[Answer] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    hold: threading.Event | None = None
    under_way: int = 0
    most_under_way: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


def saying(text: str) -> Answer:
    return 200, {}, {"choices": [{"message": {"role": "assistant", "content": text}}]}


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    end = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            with end.lock:
                end.under_way += 1
                end.most_under_way = max(end.most_under_way, end.under_way)
                body = self.rfile.read(int(self.headers["Content-Length"]))
                end.asked.append({"path": self.path, **json.loads(body)})
                end.keys.append(self.headers.get("Authorization"))
                status, headers, content = end.answers.pop(0) if end.answers else saying("a dog")
            if end.hold is not None:
                end.hold.wait(5)
            with end.lock:
                end.under_way -= 1
            with suppress(OSError):  # whoever asked may have given up
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(json.dumps(content).encode())

        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    end.url = f"http://127.0.0.1:{server.server_port}/v1"
    yield end
    server.shutdown()
    server.server_close()
    thread.join(5)


Open = Callable[..., RemoteCaptioner]


@pytest.fixture
def opened(endpoint: Endpoint) -> Iterator[Open]:
    made: list[RemoteCaptioner] = []

    def make(*, deadline_s: float = 60.0, **values: Any) -> RemoteCaptioner:
        section = {"base_url": endpoint.url, "model": "vlm", "backoff": "1ms", "timeout": "5s"}
        remote = Remote.model_validate(section | values)
        captioner = open_captioner(
            CaptionerSpec(engine="remote", own=remote, deadline_s=deadline_s)
        )
        assert isinstance(captioner, RemoteCaptioner)
        made.append(captioner)
        return captioner

    yield make
    for captioner in made:
        captioner.close()


@contextmanager
def dripping(head: bytes) -> Iterator[str]:
    """A server that sends `head` and then a byte every 50 ms, for ever."""
    over = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.sendall(head or b"HTTP/1.1 200 OK\r\nX: ")
            while not over.wait(0.05):
                connection.sendall(b"x")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    finally:
        over.set()
        thread.join(5)
        listener.close()


PICTURE = np.full((24, 32, 3), (200, 30, 30), dtype=np.uint8)


def test_the_picture_arrives_and_the_sentence_comes_back(endpoint: Endpoint, opened: Open) -> None:
    endpoint.answers = [saying("  A red \n wall. ")]

    said = opened(api_key="s3cret").caption([PICTURE])

    assert said == [CaptionResult("A red wall.", None)]
    asked = endpoint.asked[0]
    assert asked["path"] == "/v1/chat/completions"
    assert asked["model"] == "vlm"
    url = asked["messages"][0]["content"][1]["image_url"]["url"]
    picture = Image.open(io.BytesIO(base64.b64decode(url.removeprefix("data:image/jpeg;base64,"))))
    assert picture.size == (32, 24)
    assert np.abs(np.asarray(picture).astype(int) - PICTURE).max() < 12
    assert endpoint.keys == ["Bearer s3cret"]


def test_a_prompt_is_asked_for_and_removed(endpoint: Endpoint, opened: Open) -> None:
    endpoint.answers = [saying("A picture of a dog")]
    assert opened().caption([PICTURE], prompt="a picture of") == [CaptionResult("a dog", None)]
    assert 'Begin the sentence with "a picture of"' in json.dumps(
        endpoint.asked[0]["messages"][0]["content"][0]["text"]
    ).replace('\\"', '"')


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_trouble_is_tried_again(endpoint: Endpoint, opened: Open, status: int) -> None:
    endpoint.answers = [(status, {"Retry-After": "0"}, {}), (status, {}, {}), saying("a cat")]
    assert opened().caption([PICTURE]) == [CaptionResult("a cat", None)]
    assert len(endpoint.asked) == 3


def test_a_lasting_trouble_is_not_tried_again(endpoint: Endpoint, opened: Open) -> None:
    endpoint.answers = [(401, {}, {"error": "bad key"})]
    with pytest.raises(CaptionError, match=r"HTTP 401: .*bad key.*check the API key") as caught:
        opened(api_key="s3cret").caption([PICTURE])
    assert "s3cret" not in str(caught.value)
    assert len(endpoint.asked) == 1


def test_it_gives_up_after_its_attempts(endpoint: Endpoint, opened: Open) -> None:
    endpoint.answers = [(503, {}, {})] * 5
    with pytest.raises(CaptionError, match=r"127.0.0.1: HTTP 503: .*\(2 attempts"):
        opened(attempts=2).caption([PICTURE])


@pytest.mark.parametrize(
    "content", [{}, {"choices": []}, {"choices": [{"message": {"content": None}}]}, "text"]
)
def test_an_answer_in_another_form_is_told(
    endpoint: Endpoint, opened: Open, content: object
) -> None:
    endpoint.answers = [(200, {}, content)]
    with pytest.raises(CaptionError, match="no caption in its answer"):
        opened(attempts=1).caption([PICTURE])


def test_no_server_is_told() -> None:
    remote = Remote(base_url="http://127.0.0.1:9/v1", model="vlm", attempts=1)
    captioner = open_captioner(CaptionerSpec(engine="remote", own=remote))
    with pytest.raises(CaptionError, match=r"127\.0\.0\.1: .*refused"):
        captioner.caption([PICTURE])
    captioner.close()


def test_a_silent_server_is_told(endpoint: Endpoint, opened: Open) -> None:
    endpoint.hold = threading.Event()
    with pytest.raises(CaptionError, match="no answer in time"):
        opened(attempts=1, timeout="200ms").caption([PICTURE])
    endpoint.hold.set()


def test_all_attempts_and_pauses_stay_within_the_deadline(endpoint: Endpoint, opened: Open) -> None:
    """As long as each attempt may take, the sum of them is not: the watchdog would end the process first."""
    endpoint.hold = threading.Event()
    captioner = opened(attempts=3, timeout="30s", deadline_s=1.0)
    began_s = time.monotonic()
    with pytest.raises(CaptionError, match=r"no answer in time \(1 attempts within 0\.9 s\)"):
        captioner.caption([PICTURE])
    assert 0.8 < time.monotonic() - began_s < 1.9
    endpoint.hold.set()


def test_a_pause_that_the_server_asks_for_is_not_made_beyond_the_deadline(
    endpoint: Endpoint, opened: Open
) -> None:
    endpoint.answers = [(503, {"Retry-After": "20"}, {}), saying("a dog")]
    began_s = time.monotonic()
    with pytest.raises(CaptionError, match="HTTP 503"):
        opened(deadline_s=5.0).caption([PICTURE])
    assert time.monotonic() - began_s < 4


@pytest.mark.parametrize(
    "head", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"], ids=["head", "body"]
)
def test_a_server_that_drips_is_given_up_in_time(head: bytes) -> None:
    """Each byte comes soon enough for any timeout between two reads."""
    with dripping(head) as url:
        remote = Remote(base_url=url, model="vlm", attempts=1)
        captioner = open_captioner(CaptionerSpec(engine="remote", own=remote, deadline_s=1.0))
        began_s = time.monotonic()
        with pytest.raises(CaptionError, match="no answer in time"):
            captioner.caption([PICTURE])
        assert time.monotonic() - began_s < 2.5
        captioner.close()


def test_the_fallback_speaks_before_the_deadline_is_over(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    """A silent server uses up half of the time; the other half is the fallback's."""
    endpoint.hold = threading.Event()
    remote = Remote.model_validate({"base_url": endpoint.url, "model": "vlm"})
    script = tmp_path / "drill.jsonl"
    script.write_text('{"text": "a cat"}')
    second = CaptionerSpec(engine="script", model=str(script))
    spec = CaptionerSpec(engine="remote", own=remote, deadline_s=2.0, fallback=second)
    captioner = open_captioner(spec)
    began_s = time.monotonic()
    said = captioner.caption([PICTURE])
    assert said == [CaptionResult("a cat", None)]
    assert time.monotonic() - began_s < 1.8
    endpoint.hold.set()
    captioner.close()


def test_a_request_under_way_is_given_up_at_once_when_it_is_interrupted(
    endpoint: Endpoint, opened: Open
) -> None:
    """Also the pictures that still wait for their turn."""
    endpoint.hold = threading.Event()
    captioner = opened(concurrency=2, timeout="30s")
    ends: list[tuple[float, str]] = []

    def caption() -> None:
        with pytest.raises(CaptionError) as caught:
            captioner.caption([PICTURE] * 4)
        ends.append((time.monotonic(), str(caught.value)))

    thread = threading.Thread(target=caption)
    thread.start()
    eventually(lambda: endpoint.most_under_way == 2)
    began_s = time.monotonic()
    captioner.interrupt()
    thread.join(10)
    endpoint.hold.set()
    assert ends[0][0] - began_s < 10.0, (
        "it waited for the endpoint, which holds its answers for 30 s"
    )
    assert "closed" in ends[0][1]


def test_a_redirect_is_not_followed(endpoint: Endpoint, opened: Open) -> None:
    """The key would go along to wherever it points."""
    endpoint.answers = [(307, {"Location": f"{endpoint.url}/elsewhere"}, {})]
    with pytest.raises(CaptionError, match=r"HTTP 307.*redirects are not followed"):
        opened(api_key="s3cret").caption([PICTURE])
    assert len(endpoint.asked) == 1


@pytest.mark.parametrize(
    ("values", "deadline_s", "told"),
    [
        ({}, 60.0, False),
        ({}, 10.0, False),
        ({"attempts": 3, "timeout": "30s"}, 60.0, True),
        ({"timeout": "20s"}, 60.0, False),
        ({"timeout": "2m"}, 60.0, True),
    ],
)
def test_attempts_that_do_not_fit_into_the_deadline_are_told_where_somebody_asked_for_them(
    values: dict[str, Any], deadline_s: float, told: bool
) -> None:
    remote = Remote.model_validate({"base_url": "http://box/v1", "model": "vlm", **values})
    spec = CaptionerSpec(engine="remote", own=remote, deadline_s=deadline_s)
    texts = clamped_settings(spec)
    assert bool(texts) is told
    assert all("do not fit" in text for text in texts)


def test_a_fallback_halves_what_the_attempts_must_fit_into() -> None:
    remote = Remote.model_validate({"base_url": "http://box/v1", "model": "vlm", "timeout": "15s"})
    alone = CaptionerSpec(engine="remote", own=remote, deadline_s=60.0)
    assert clamped_settings(alone) == []
    (text,) = clamped_settings(replace(alone, fallback=CaptionerSpec(engine="script", model="x")))
    assert "30 s that captioner.deadline leaves" in text


def test_no_more_requests_at_once_than_allowed(endpoint: Endpoint, opened: Open) -> None:
    """Eight pictures, two at a time: both places are used, never a third."""
    endpoint.hold = threading.Event()
    captioner = opened(concurrency=2)
    answers: list[list[CaptionResult]] = []
    thread = threading.Thread(target=lambda: answers.append(captioner.caption([PICTURE] * 8)))
    thread.start()
    deadline = threading.Event()
    while endpoint.most_under_way < 2 and not deadline.wait(0.01):
        pass
    endpoint.hold.set()
    thread.join(10)
    assert len(answers[0]) == 8
    assert endpoint.most_under_way == 2


def test_a_wrong_address_is_refused() -> None:
    with pytest.raises(ValidationError, match="base_url"):
        Remote(base_url="box:8000", model="vlm")


def test_an_endpoint_is_needed() -> None:
    with pytest.raises(ConfigError, match="no endpoint"):
        open_captioner(CaptionerSpec(engine="remote"))


def test_a_key_is_not_shown() -> None:
    """Specs end up in logs; the key of an endpoint must not."""
    remote = Remote(base_url="http://box/v1", model="vlm", api_key=SecretStr("s3cret"))
    assert "s3cret" not in repr(CaptionerSpec(engine="remote", own=remote))


def test_another_engine_takes_over_and_hands_back(endpoint: Endpoint, opened: Open) -> None:
    """While the first is away it is not asked each time; captions carry the name of who spoke."""
    now_s = [0.0]
    second = opened(model="second", base_url=endpoint.url)
    first = opened(model="first", attempts=1)
    both = FallbackCaptioner(first, second, retry_s=30, now_s=lambda: now_s[0])

    endpoint.answers = [(503, {}, {}), saying("from second")]
    assert both.caption([PICTURE]) == [CaptionResult("from second", None)]
    assert both.model_id == "second"
    assert "HTTP 503" in str(both.trouble)

    now_s[0] = 29.0
    both.caption([PICTURE])
    assert [asked["model"] for asked in endpoint.asked] == ["first", "second", "second"]

    now_s[0] = 30.0
    endpoint.answers = [saying("from first")]
    assert both.caption([PICTURE]) == [CaptionResult("from first", None)]
    assert (both.model_id, both.trouble) == ("first", None)
