"""An engine on another machine: any server that speaks OpenAI's chat protocol and accepts pictures.

The protocol as vLLM, Ollama and llama.cpp's server document it: POST {base_url}/chat/completions with one user
message of a text part and an image part (a JPEG as data URL); the answer is choices[0].message.content.
"""

from __future__ import annotations

import base64
import http.client
import io
import json
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from PIL import Image

from surveil.captioning.engine import CaptionerSpec, CaptionResult, GenerationSpec
from surveil.captioning.remote_config import NAME, Remote
from surveil.clock import Backoff
from surveil.errors import CaptionError, ConfigError
from surveil.records import PictureSize, Rgb

_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST_PAUSE_S = 30.0
_ANSWER_BYTES = 1_000_000
_MAX_TOKENS = 60
"""A chat model is more talkative than BLIP; a rule needs one sentence."""


def open_remote(spec: CaptionerSpec) -> RemoteCaptioner:
    """Sends nothing yet: an endpoint that is away is a status, not a reason not to start. Raises ConfigError."""
    if not isinstance(spec.own, Remote):
        raise ConfigError(f"engine is {NAME!r} but no endpoint is given (base_url and model)")
    return RemoteCaptioner(spec.own, spec.generation)


class RemoteCaptioner:
    """A Captioner over HTTP. `caption` runs up to `concurrency` requests at once and returns when all are answered."""

    gives_confidence = False
    takes_prompt = True
    takes_question = False
    precision = NAME

    def __init__(self, spec: Remote, generation: GenerationSpec) -> None:
        self.model_id = spec.model
        self.device = urllib.parse.urlsplit(spec.base_url).hostname or spec.base_url
        self.max_batch = spec.concurrency
        self.picture_size = PictureSize(spec.input_px)
        self._spec = spec
        self._generation = generation
        self._url = spec.base_url.rstrip("/") + "/chat/completions"
        self._pool = ThreadPoolExecutor(spec.concurrency, thread_name_prefix="remote-caption")
        self._closed = threading.Event()

    def caption(self, pictures: Sequence[Rgb], *, prompt: str | None = None) -> list[CaptionResult]:
        """Raises CaptionError when any of the pictures could not be had in `attempts`."""
        if self._closed.is_set():
            raise CaptionError("the captioner is closed")
        return list(self._pool.map(lambda picture: self._ask(picture, prompt), pictures))

    def warm_up(self) -> None:
        """Nothing is sent: the first picture may cost money."""

    def close(self) -> None:
        self._closed.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, picture: Rgb, prompt: str | None) -> CaptionResult:
        body = json.dumps(self._question(picture, prompt)).encode()
        backoff = Backoff(first_s=self._spec.backoff_s, longest_s=_LONGEST_PAUSE_S, jitter=0.0)
        for attempt in range(1, self._spec.attempts + 1):
            try:
                return _caption_of(self._post(body), prompt)
            except _Passing as trouble:
                if attempt == self._spec.attempts:
                    raise CaptionError(
                        f"{self.device}: {trouble} ({attempt} attempts, {self._spec.timeout_s:g} s each)"
                    ) from trouble
                if self._closed.wait(backoff.next_s(at_least_s=trouble.pause_s or 0.0)):
                    raise CaptionError("the captioner is closed") from trouble
        raise CaptionError(f"{self.device}: attempts is {self._spec.attempts}")

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

    def _post(self, body: bytes) -> bytes:
        """Raises _Passing for what may be better next time, CaptionError for what will not."""
        request = urllib.request.Request(self._url, data=body, method="POST")
        request.add_header("Content-Type", "application/json")
        if self._spec.api_key:
            request.add_header("Authorization", f"Bearer {self._spec.api_key.get_secret_value()}")
        try:
            with urllib.request.urlopen(request, timeout=self._spec.timeout_s) as answer:
                content: bytes = answer.read(_ANSWER_BYTES)
        except urllib.error.HTTPError as error:
            with error:
                raise self._refused(error) from error
        except (OSError, http.client.HTTPException) as error:
            raise _Passing(_reason(error)) from error
        return content

    def _refused(self, error: urllib.error.HTTPError) -> Exception:
        reason = " ".join(error.read(300).decode(errors="replace").split())
        if error.code in _TRY_AGAIN:
            return _Passing(
                f"HTTP {error.code}: {reason}", _seconds(error.headers.get("Retry-After"))
            )
        remedy = {401: "; check the API key", 404: "; check base_url and model"}.get(error.code, "")
        return CaptionError(f"{self.device}: HTTP {error.code}: {reason}{remedy}")


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


def _reason(error: Exception) -> str:
    inner = getattr(error, "reason", error)
    if isinstance(inner, TimeoutError):
        return "no answer in time"
    return str(inner) or type(inner).__name__


def _seconds(header: str | None) -> float | None:
    return float(header) if header and header.isdigit() else None
