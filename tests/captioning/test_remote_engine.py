"""The remote engine against a real HTTP server on the loopback."""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import SecretStr, ValidationError

from surveil.captioning import CaptionerSpec, CaptionResult, open_captioner
from surveil.captioning.fallback import FallbackCaptioner
from surveil.captioning.remote_config import Remote
from surveil.captioning.remote_engine import RemoteCaptioner
from surveil.errors import CaptionError, ConfigError

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

    def make(**values: Any) -> RemoteCaptioner:
        section = {"base_url": endpoint.url, "model": "vlm", "backoff": "1ms", "timeout": "5s"}
        remote = Remote.model_validate(section | values)
        captioner = open_captioner(CaptionerSpec(engine="remote", own=remote))
        assert isinstance(captioner, RemoteCaptioner)
        made.append(captioner)
        return captioner

    yield make
    for captioner in made:
        captioner.close()


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
