"""config.yaml -> Config, or every reason why not."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surveil.config.documents import Document, parse
from surveil.config.host import host_timezone
from surveil.config.model import Config
from surveil.config.problems import Loc, Mistake, listing
from surveil.config.secrets import (
    SecretLookup,
    forgive_unseen_credentials,
    plaintext_secrets,
    read_secrets,
)
from surveil.config.validate import validate
from surveil.errors import ConfigError

MAX_BYTES = 512 * 1024
"""64 cameras with everything set are about 100 KB."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A valid configuration, and what is needed to speak about the file it came from."""

    file: str
    """As it was named."""
    config: Config
    document: Document
    warnings: tuple[Mistake, ...]
    """About the file itself; `advice` knows more about what it says."""


def load_config(path: Path | str, *, environ: Mapping[str, str]) -> Config:
    """The configuration in the file. Raises ConfigError with every problem, one a line, and no secret in it."""
    return read_config(path, environ=environ).config


def read_config(
    path: Path | str, *, environ: Mapping[str, str], unseen_credentials: bool = False
) -> Reading:
    """As `load_config`, with warnings; with `unseen_credentials`, secrets that only the service sees are such."""
    file = Path(path)
    document = _sections(file, environ)
    folder = Path(os.path.abspath(file)).parent
    lookup = SecretLookup(folder=folder, environ=environ, lenient=unseen_credentials)
    warnings = _permissions(file, document)
    warnings += forgive_unseen_credentials(document) if unseen_credentials else []
    warnings += read_secrets(document, lookup)
    _fill_in(document.value, environ)
    config, problems = validate(document, folder=folder)
    if config is None:
        raise ConfigError(listing(str(file), problems))
    return Reading(str(file), config, document, tuple(warnings))


Part = Callable[[dict[str, Any], frozenset[Loc]], dict[str, Any]]
"""What is taken of a file's sections; told which values name variables that are not set."""


def read_part(path: Path | str, part: Part, *, environ: Mapping[str, str]) -> Config:
    """A configuration of a part of the file, all else as by default: what is wrong elsewhere is nobody's matter here.

    Raises ConfigError for a file that cannot be read, and for mistakes in the part.
    """
    file = Path(path)
    document = _sections(file, environ)
    folder = Path(os.path.abspath(file)).parent
    read_secrets(document, SecretLookup(folder=folder, environ=environ, lenient=True))
    whole = [(problem, document.get(problem.loc)) for problem in document.problems]
    document.value = part(document.value, frozenset(document.missing))
    document.problems[:] = [
        problem
        for problem, value in whole
        if value is not None and document.get(problem.loc) == value
    ]
    _fill_in(document.value, environ)
    config, problems = validate(document, folder=folder)
    if config is None:
        raise ConfigError(listing(str(file), problems))
    return config


def _sections(file: Path, environ: Mapping[str, str]) -> Document:
    """The file as sections, with what is wrong inside them. Raises ConfigError when there are none."""
    document = parse(_text(file), environ=environ)
    if document.value is None and not document.problems:
        raise ConfigError(f"{file}: the file is empty; {_SMALLEST}")
    if not isinstance(document.value, dict):
        found = document.problems or [Mistake(1, (), f"the file holds no sections; {_SMALLEST}")]
        raise ConfigError(listing(str(file), found))
    return document


_SMALLEST = "the smallest has cameras:, rules: and mqtt:, see docs/reference/config.md"


def _text(file: Path) -> str:
    """The file's text. Raises ConfigError with the remedy."""
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"{file}: there is no such file; name yours with -c FILE") from None
    except IsADirectoryError:
        raise ConfigError(
            f"{file}: is a folder; name the file in it, {file / 'config.yaml'}"
        ) from None
    except PermissionError:
        raise ConfigError(f"{file}: may not be read by this user; see its owner and mode") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(f"{file}: can't be read: {reason}") from None
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{file}: is larger than {MAX_BYTES // 1024} KiB; is it the right file?")
    return _decoded(file, data)


def _decoded(file: Path, data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise ConfigError(f"{file}: is UTF-16; save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = data[error.start]
        raise ConfigError(
            f"{file}:{line}: is not UTF-8 (byte 0x{byte:02x}); save it as UTF-8"
        ) from None


def _permissions(file: Path, document: Document) -> list[Mistake]:
    """A warning when others may read a file that holds secrets in plain text."""
    secrets = plaintext_secrets(document)
    try:
        mode = file.stat().st_mode
    except OSError:
        return []
    if not secrets or not stat.S_ISREG(mode) or not mode & stat.S_IROTH:
        return []
    text = (
        f"stands in plain text in a file that every user may read (mode {stat.S_IMODE(mode):04o}); "
        f"chmod o-r {file}, or use ${{VARIABLE}} or a file of its own"
    )
    return [Mistake(document.line(secrets[0]), secrets[0], text)]


def _fill_in(value: dict[str, object], environ: Mapping[str, str]) -> None:
    """Defaults that come from the machine rather than from the models."""
    state = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    value.setdefault("state_dir", state or "state")
    value.setdefault("timezone", host_timezone(environ))
