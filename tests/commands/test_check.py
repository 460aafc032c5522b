"""`surveil check`: exit 1 and every problem, or exit 0 and what the file amounts to; fast, without heavy libraries."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from surveil.cli import main

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "transformers", "cv2", "av", "paho", "apscheduler")
VALID = """\
cameras:
  - id: entrance
    url: rtsp://viewer:hunter2@192.0.2.10/stream2?x=hunter2
  - id: clip
    url: clip.mp4
    enabled: off
rules:
  - patterns: [person climbing]
    severity: critical
    cameras: [entrance]
    schedule: {days: mon-fri, from: 22:00, to: 06:00}
mqtt:
  host: broker
  username: surveil
  password: ${PASSWORD}
notify:
  - {type: webhook, id: desk, url: https://desk.example/hunter2}
captioner:
  allow_download: on
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PASSWORD", "hunter2")
    path = tmp_path / "config.yaml"
    path.write_text(VALID)
    path.chmod(0o600)
    return path


def test_a_valid_file_is_summed_up(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "-c", str(file)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith(f"{file}: valid\n")
    assert "entrance  rtsp://192.0.2.10/stream2?...  every 5s, at least every 1m" in out
    assert 'person-climbing  critical  "person climbing"  on entrance  mon-fri 22:00-06:00' in out
    assert "mqtt  broker:1883" in out
    assert "desk  webhook" in out


def test_nothing_that_it_prints_is_a_secret(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["check", "-c", str(file)])
    assert "hunter2" not in "".join(capsys.readouterr())


def test_problems_are_counted_and_end_with_1(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(VALID.replace("severity", "severty").replace("enabled", "enbled"))
    assert main(["check", "-c", str(file)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        f"{file}:6: cameras[1].enbled: there is no such key; did you mean enabled?",
        f"{file}:9: rules[0].severty: there is no such key; did you mean severity?",
        "2 problems",
    ]


def test_missing_files_are_problems(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(VALID.replace("    enabled: off\n", ""))
    assert main(["check", "-c", str(file)]) == 1
    assert f"{file}:5: cameras[1].url: there is no file" in capsys.readouterr().err


def test_warnings_are_marked_and_do_no_harm(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(VALID.replace("[entrance]", "[clip]"))
    assert main(["check", "-c", str(file)]) == 0
    out, err = capsys.readouterr()
    assert f"{file}:10: warning: rules[0].cameras: none of the cameras" in err
    assert out.startswith(f"{file}: valid, 1 warning\n")


def test_strict_takes_a_warning_for_a_mistake(file: Path) -> None:
    assert main(["check", "--strict", "-c", str(file)]) == 0
    file.write_text(VALID.replace("[entrance]", "[clip]"))
    assert main(["check", "--strict", "-c", str(file)]) == 1


def test_words_that_the_lexicon_does_not_know_are_warnings(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(VALID.replace("[person climbing]", "[person climbing, blorftag on fire]"))
    assert main(["check", "-c", str(file)]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        f'{file}:8: warning: rules[0].patterns[1]: the lexicon does not know "blorftag"'
    )


def test_a_synonym_makes_a_word_known(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = VALID.replace("[person climbing]", "[blorftag on fire]")
    file.write_text(text + "synonyms: {person: blorftag}\n")
    assert main(["check", "-c", str(file)]) == 0
    assert capsys.readouterr().err == ""


def test_credentials_that_only_the_service_sees_are_warnings(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(VALID.replace("password: ${PASSWORD}", "password_file: mqtt-password"))
    assert main(["check", "-c", str(file)]) == 0
    assert "LoadCredential" in capsys.readouterr().err


def test_a_missing_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "-c", str(tmp_path / "none.yaml")]) == 1
    assert "there is no such file" in capsys.readouterr().err


def test_the_example_is_fine_on_a_fresh_clone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "-c", str(ROOT / "config.yaml")]) == 0
    assert "valid" in capsys.readouterr().out


def test_no_heavy_library_is_imported() -> None:
    """The promise of under a second stands on this; the clock of a busy machine proves nothing."""
    program = (
        "import sys; from surveil.cli import main; code = main(['check', '-c', 'config.yaml']); "
        f"print([name for name in {HEAVY!r} if name in sys.modules], code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.splitlines()[-1] == "[] 0"
