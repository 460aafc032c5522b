"""Webhook, speech and clips: other destinations of the same deliveries."""

from __future__ import annotations

import hmac
import http.server
import json
import shutil
import threading
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from surveil.alerts.clip_maker import ClipMaker
from surveil.alerts.recorder import AlertRecorder, Destination
from surveil.capture.mp4_writer import WrittenClip
from surveil.delivery.speech import Describer, EspeakSpeaker, SpeechDelivery, sentence
from surveil.delivery.webhook import WebhookDelivery, WebhookSpec
from surveil.errors import DeliveryError, SourceError
from tests.fakes import FakeClock
from tests.support.alerts import Room, make_caption, make_draft, make_incident

HOOK = "webhook:desk"


class WebhookReceiver(http.server.ThreadingHTTPServer):
    """Answers with the next of `answers` (then 204) and keeps what it was told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.told: list[tuple[dict[str, str], bytes]] = []


class _Handler(http.server.BaseHTTPRequestHandler):
    server: WebhookReceiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        code, headers = self.server.answers.pop(0) if self.server.answers else (204, {})
        if code < 300:
            self.server.told.append((dict(self.headers.items()), body))
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def hook(room: Room, receiver: WebhookReceiver, **values: Any) -> WebhookDelivery:
    url = f"http://127.0.0.1:{receiver.server_port}/t0ken"
    spec = WebhookSpec(url, node="edge-01", name="desk", timeout_s=2.0, **values)
    return WebhookDelivery(
        room.store, spec, clock=room.clock, snapshots=room.snapshots, jitter=lambda: 1.0
    )


def test_a_webhook_gets_each_alert_in_order_signed(
    tmp_path: Path, receiver: WebhookReceiver
) -> None:
    room = Room(tmp_path, routes=(Destination(HOOK),))
    worker = hook(room, receiver, secret="geheim", snapshot=True)
    ids = [room.open().alert_id for _ in range(3)]
    for _ in ids:
        worker.step()
    assert [json.loads(body)["id"] for _, body in receiver.told] == ids
    headers, body = receiver.told[0]
    signed = headers["X-Surveil-Timestamp"].encode() + b"." + body
    expected = hmac.new(b"geheim", signed, sha256).hexdigest()
    assert headers["X-Surveil-Signature"] == f"sha256={expected}"
    assert headers["X-Surveil-Id"] == ids[0]
    assert json.loads(body)["image"].startswith("/9j/")
    assert room.waiting(HOOK) == []


def test_a_webhook_that_is_down_is_tried_again_and_told_without_its_address(
    tmp_path: Path, receiver: WebhookReceiver
) -> None:
    room = Room(tmp_path, routes=(Destination(HOOK),))
    clock = room.clock
    assert isinstance(clock, FakeClock)
    worker = hook(room, receiver)
    receiver.answers = [(503, {"Retry-After": "30"}), (429, {})]
    room.open()
    worker.step()
    assert worker.problem == "127.0.0.1 answered 503"
    clock.advance(29)
    assert worker._not_before_mono_ns > clock.monotonic_ns()
    clock.advance(1)
    worker.step()
    clock.advance(2)
    worker.step()
    assert len(receiver.told) == 1
    assert worker.problem is None


@pytest.mark.parametrize(("code", "headers"), [(400, {}), (302, {"Location": "/elsewhere"})])
def test_an_answer_that_never_changes_parks_the_alert_and_goes_on(
    tmp_path: Path, receiver: WebhookReceiver, code: int, headers: dict[str, str]
) -> None:
    room = Room(tmp_path, routes=(Destination(HOOK),))
    worker = hook(room, receiver)
    receiver.answers = [(code, headers)]
    room.open()
    room.open()
    worker.step()
    worker.step()
    gap, alert = (json.loads(body) for _, body in receiver.told)
    assert (gap["schema"], gap["from"], gap["to"]) == ("surveil.gap/1", 1, 1)
    assert "t0ken" not in gap["reason"]
    assert alert["sequence"] == 2


def test_an_address_that_nobody_answers_is_named_by_its_host_only(tmp_path: Path) -> None:
    room = Room(tmp_path, routes=(Destination(HOOK),))
    spec = WebhookSpec("http://127.0.0.1:9/t0ken", name="desk", secret="geheim")
    assert "t0ken" not in repr(spec)
    assert "geheim" not in repr(spec)
    worker = WebhookDelivery(room.store, spec, clock=room.clock)
    room.open()
    worker.step()
    assert worker.problem == "127.0.0.1 cannot be reached: Connection refused"


class Voice:
    def __init__(self) -> None:
        self.said: list[str] = []
        self.broken = False

    def say(self, text: str) -> None:
        if self.broken:
            raise DeliveryError("no sound device")
        self.said.append(text)


def test_alerts_are_spoken_by_the_template_and_old_ones_are_not(tmp_path: Path) -> None:
    room = Room(tmp_path, routes=(Destination("speech:hall"),))
    clock = room.clock
    assert isinstance(clock, FakeClock)
    voice = Voice()
    worker = SpeechDelivery(room.store, "hall", voice, clock=clock, wall=room.wall)
    room.open("front_door")
    worker.step()
    room.open("front_door")
    clock.advance(120)
    room.open("back-yard")
    worker.step()
    worker.step()
    assert voice.said == ["person climbing at front door", "person climbing at back yard"]
    assert room.waiting("speech:hall") == []


def test_a_voice_that_fails_is_tried_again(tmp_path: Path) -> None:
    room = Room(tmp_path, routes=(Destination("speech:hall"),))
    assert isinstance(room.clock, FakeClock)
    voice = Voice()
    worker = SpeechDelivery(room.store, "hall", voice, clock=room.clock, wall=room.wall)
    voice.broken = True
    room.open()
    worker.step()
    assert worker.problem == "no sound device"
    voice.broken = False
    room.clock.advance(2)
    worker.step()
    assert len(voice.said) == 1


def test_templates_know_four_words() -> None:
    alert = make_draft(FakeClock(), "yard")
    told = sentence("{severity}: {rule} at {camera}, {caption}", alert)
    assert told == f"warning: person climbing at yard, {alert.caption}"


def test_the_describer_says_what_changed(tmp_path: Path) -> None:
    clock = FakeClock()
    voice = Voice()
    worker = Describer(voice, clock=clock, every_s=10, cameras=["yard"])
    for text in ("an empty yard", "an empty yard", "a dog runs"):
        worker.set_caption(make_caption(clock, "yard", text=text))
        worker.set_caption(make_caption(clock, "gate", text=text))
        worker.step()
        clock.advance(10)
    assert voice.said == ["yard: an empty yard", "yard: a dog runs"]


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_espeak_speaks(tmp_path: Path) -> None:
    file = tmp_path / "said.wav"
    EspeakSpeaker(rate_wpm=200, extra=("-w", str(file))).say("-v person climbing at entrance")
    with wave.open(str(file)) as sound:
        assert sound.getnframes() / sound.getframerate() > 0.8
    with pytest.raises(DeliveryError, match="espeak-ng failed"):
        EspeakSpeaker(voice="klingon-x").say("no")


class Packets:
    def __init__(self) -> None:
        self.asked: list[tuple[str, int, int]] = []

    def packets(self, camera_id: str, from_mono_ns: int, to_mono_ns: int) -> Any:
        self.asked.append((camera_id, from_mono_ns, to_mono_ns))
        return b"packets"


@dataclass(frozen=True)
class Muxed:
    seconds: float
    warning: str | None


class Muxer:
    problem: str | None = None

    def write(self, packets: Any, stream: BinaryIO) -> WrittenClip:
        if self.problem:
            raise SourceError(self.problem)
        stream.write(packets)
        return WrittenClip(6.0, "HEVC: some browsers do not play it")


def clip_room(tmp_path: Path, clock: FakeClock, muxer: Muxer) -> tuple[Room, Packets, ClipMaker]:
    room = Room(tmp_path, clock)
    source = Packets()
    maker = ClipMaker(room.store, room.snapshots, source, muxer, before_s=3, after_s=3, clock=clock)
    room.recorder = AlertRecorder(
        room.store, room.snapshots, [Destination("mqtt")], clock=clock, wall=room.wall, clips=maker
    )
    return room, source, maker


def test_a_clip_follows_its_alert_when_its_time_has_passed(tmp_path: Path) -> None:
    clock = FakeClock()
    room, source, maker = clip_room(tmp_path, clock, Muxer())
    alert = room.recorder.opened(make_incident(clock))
    moment_ns = clock.monotonic_ns()
    assert [outgoing.kind for outgoing in room.store.waiting("mqtt")] == ["alert"]
    clock.advance(4)
    maker.step()
    assert source.asked == [("yard", moment_ns - 3 * 10**9, moment_ns + 3 * 10**9)]
    _, clip = room.store.waiting("mqtt")
    assert clip.kind == "clip"
    assert clip.clip is not None
    assert alert.snapshot is not None
    assert clip.clip.path == alert.snapshot.path.replace(".jpg", ".mp4")
    assert "HEVC" in (clip.clip.reason or "")
    assert room.store.clips_begun() == []


def test_a_clip_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    clock = FakeClock()
    muxer = Muxer()
    muxer.problem = "the camera sent no keyframe"
    room, _, maker = clip_room(tmp_path, clock, muxer)
    room.recorder.opened(make_incident(clock))
    clock.advance(4)
    maker.step()
    clip = room.store.waiting("mqtt")[1].clip
    assert clip is not None
    assert (clip.path, clip.reason) == (None, "the camera sent no keyframe")
    assert [name for name in room.pictures() if not name.endswith(".jpg")] == []


def test_a_clip_that_a_restart_cut_short_is_told(tmp_path: Path) -> None:
    clock = FakeClock()
    room, _, _ = clip_room(tmp_path, clock, Muxer())
    room.recorder.opened(make_incident(clock))
    room.store.close()
    again, _, maker = clip_room(tmp_path, clock, Muxer())
    maker.begin()
    clip = again.store.waiting("mqtt")[1].clip
    assert clip is not None
    assert "restarted" in (clip.reason or "")
