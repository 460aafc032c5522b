"""An engine on another machine: any server that speaks OpenAI's chat protocol and accepts pictures.

The protocol as vLLM, Ollama and llama.cpp's server document it: POST {base_url}/chat/completions with one user
message of a text part and an image part (a JPEG as data URL); the answer is choices[0].message.content.
"""

from __future__ import annotations

import base64
import io
import json
import threading
import time
import urllib.parse
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from PIL import Image

from surveil.captioning.engine import CaptionerSpec, CaptionResult, GenerationSpec
from surveil.captioning.remote_config import NAME, Remote, budget_s
from surveil.clock import Backoff
from surveil.errors import CaptionError, ConfigError
from surveil.outbound import Answer, CallerClosed, DeadlineExceeded, HttpCaller, OutboundError
from surveil.records import PictureSize, Rgb

_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST_PAUSE_S = 30.0
_REMEDIES = {401: "; check the API key", 404: "; check base_url and model"} | dict.fromkeys(
    (301, 302, 303, 307, 308), "; redirects are not followed: write the new address into base_url"
)
_ANSWER_BYTES = 1_000_000
_SHOWN_BYTES = 300
_MAX_TOKENS = 60
"""A chat model is more talkative than BLIP; a rule needs one sentence."""


def open_remote(spec: CaptionerSpec) -> RemoteCaptioner:
    """Sends nothing yet: an endpoint that is away is a status, not a reason not to start. Raises ConfigError."""
    if not isinstance(spec.own, Remote):
        raise ConfigError(f"engine is {NAME!r} but no endpoint is given (base_url and model)")
    return RemoteCaptioner(spec.own, spec.generation, budget_s=budget_s(spec))


class RemoteCaptioner:
    """A Captioner over HTTP. `caption` runs up to `concurrency` requests at once and returns when all are answered, or
    when its time is up."""

    gives_confidence = False
    takes_prompt = True
    takes_question = False
    precision = NAME

    def __init__(self, spec: Remote, generation: GenerationSpec, *, budget_s: float) -> None:
        """`budget_s`: for one `caption`, with all attempts and the pauses between them."""
        self.model_id = spec.model
        self.device = urllib.parse.urlsplit(spec.base_url).hostname or spec.base_url
        self.max_batch = spec.concurrency
        self.picture_size = PictureSize(spec.input_px)
        self._spec = spec
        self._generation = generation
        self._url = spec.base_url.rstrip("/") + "/chat/completions"
        self._pool = ThreadPoolExecutor(spec.concurrency, thread_name_prefix="remote-caption")
        self._http = HttpCaller("remote-http", connections=spec.concurrency)
        self._budget_s = budget_s
        self._closed = threading.Event()

    def caption(self, pictures: Sequence[Rgb], *, prompt: str | None = None) -> list[CaptionResult]:
        """Raises CaptionError when any of the pictures could not be had in `attempts`, or in time."""
        if self._closed.is_set():
            raise CaptionError("the captioner is closed")
        until_s = time.monotonic() + self._budget_s
        return list(self._pool.map(lambda one: self._ask(one, prompt, until_s), pictures))

    def warm_up(self) -> None:
        """Nothing is sent: the first picture may cost money."""

    def interrupt(self) -> None:
        """Requests and pauses end at once."""
        self._closed.set()
        self._http.close()

    def close(self) -> None:
        self.interrupt()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, picture: Rgb, prompt: str | None, until_s: float) -> CaptionResult:
        """Tries until `until_s` of time.monotonic() at the latest."""
        body = json.dumps(self._question(picture, prompt)).encode()
        backoff = Backoff(first_s=self._spec.backoff_s, longest_s=_LONGEST_PAUSE_S, jitter=0.0)
        attempt = 0
        while True:
            attempt += 1
            try:
                return _caption_of(self._post(body, until_s), prompt)
            except _Passing as trouble:
                pause_s = backoff.next_s(at_least_s=trouble.pause_s or 0.0)
                in_time = time.monotonic() + pause_s < until_s
                if attempt == self._spec.attempts or not in_time:
                    raise CaptionError(
                        f"{self.device}: {trouble} ({attempt} attempts within {self._budget_s:g} s)"
                    ) from trouble
                if self._closed.wait(pause_s):
                    raise CaptionError("the captioner is closed") from trouble

    def _question(self, picture: Rgb, prompt: str | None) -> dict[str, Any]:
        words = self._spec.instruction
        if prompt:
            words += f' Begin the sentence with "{prompt}".'
        image = {"url": f"data:image/jpeg;base64,{self._jpeg(picture)}"}
        return {
            "model": self._spec.model,
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": words},
                        {"type": "image_url", "image_url": image},
                    ],
                }
            ],
            "max_tokens": self._generation.max_new_tokens or _MAX_TOKENS,
            "temperature": (self._generation.temperature or 1.0)
            if self._generation.do_sample
            else 0,
        }

    def _jpeg(self, picture: Rgb) -> str:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=self._spec.jpeg_quality)
        return base64.b64encode(file.getvalue()).decode()

    def _post(self, body: bytes, until_s: float) -> bytes:
        """Raises _Passing for what may be better next time, CaptionError for what will not."""
        headers = {"Content-Type": "application/json"}
        if self._spec.api_key:
            headers["Authorization"] = f"Bearer {self._spec.api_key.get_secret_value()}"
        left_s = max(0.0, until_s - time.monotonic())
        try:
            answer = self._http.call(
                "POST",
                self._url,
                deadline_s=min(self._spec.timeout_s, left_s),
                body=body,
                headers=headers,
                max_bytes=_ANSWER_BYTES,
            )
        except CallerClosed as error:
            raise CaptionError("the captioner is closed") from error
        except DeadlineExceeded as error:
            raise _Passing("no answer in time") from error
        except OutboundError as error:
            raise _Passing(str(error)) from error
        if not 200 <= answer.status < 300:
            raise self._refused(answer)
        return answer.body

    def _refused(self, answer: Answer) -> Exception:
        said = " ".join(answer.body[:_SHOWN_BYTES].decode(errors="replace").split())
        if answer.status in _TRY_AGAIN:
            pause_s = _seconds(answer.headers.get("retry-after"))
            return _Passing(f"HTTP {answer.status}: {said}", pause_s)
        remedy = _REMEDIES.get(answer.status, "")
        return CaptionError(f"{self.device}: HTTP {answer.status}: {said}{remedy}")


class _Passing(Exception):
    """A trouble that another attempt may not meet."""

    def __init__(self, text: str, pause_s: float | None = None) -> None:
        super().__init__(text)
        self.pause_s = pause_s


def _caption_of(content: bytes, prompt: str | None) -> CaptionResult:
    """The sentence without the prompt. Raises _Passing for an answer that has none."""
    try:
        text = json.loads(content)["choices"][0]["message"]["content"]
        words = " ".join(text.split())
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise _Passing(f"no caption in its answer: {content[:200]!r}") from error
    if not words:
        raise _Passing("its caption is empty")
    if prompt and words.lower().startswith(prompt.lower()):
        words = words[len(prompt) :].lstrip()
    return CaptionResult(words, None)


def _seconds(header: str | None) -> float | None:
    return float(header) if header and header.isdigit() else None
