"""Passwords and keys: read from files, and kept out of every text that a person sees."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surveil.config.documents import Document
from surveil.config.problems import Loc, Mistake, printable

SECRET_KEYS = ("password", "key_password", "api_key", "secret", "token")
"""Each may be given as `<key>_file:` instead."""
MAX_SECRET_BYTES = 64 * 1024
_CREDENTIALS = "CREDENTIALS_DIRECTORY"


@dataclass(frozen=True, slots=True)
class SecretLookup:
    """Where secrets are looked for."""

    folder: Path
    """The config's own."""
    environ: Mapping[str, str]
    lenient: bool
    """Whether a secret that this process can't see is a warning: systemd may show it to the service only."""

    def candidates(self, name: str) -> list[Path]:
        """Beside the config first, then among systemd's credentials."""
        path = Path(name).expanduser() if name.startswith("~/") else Path(name)
        credentials = self.environ.get(_CREDENTIALS)
        found = [self.folder / path]
        if credentials and not path.is_absolute():
            found.append(Path(credentials) / path)
        return found


def read_secrets(document: Document, lookup: SecretLookup) -> list[Mistake]:
    """Put the content of every `<key>_file` beside it, as `<key>`. Returns warnings; problems go into the document."""
    warnings: list[Mistake] = []
    wrong = {problem.loc for problem in document.problems}
    for loc, name in _secret_files(document.value, ()):
        if loc in wrong:
            continue
        found = _Secret(document, loc, name).read(lookup)
        if found is not None:
            warnings.append(found)
    return warnings


def forgive_unseen_credentials(document: Document) -> list[Mistake]:
    """Turn an unset $CREDENTIALS_DIRECTORY from a problem into a warning; the value counts as absent."""
    warnings = []
    for loc, names in document.missing.items():
        if names == (_CREDENTIALS,) and isinstance(loc[-1], str) and loc[-1].endswith("_file"):
            document.problems[:] = [p for p in document.problems if p.loc != loc]
            document.get(loc[:-1]).pop(loc[-1])
            warnings.append(
                Mistake(document.line(loc), loc, _UNSEEN.format("systemd's credentials"))
            )
    return warnings


def plaintext_secrets(document: Document) -> list[Loc]:
    """Where a secret stands in the file itself."""
    return [
        loc
        for loc, key, value in _leaves(document.value, ())
        if document.holds(loc)
        and loc not in document.raw
        and isinstance(value, str)
        and (
            (key in SECRET_KEYS and value)
            or (key in ("url", "snapshot_url") and _LOGIN.match(value))
        )
    ]


def redacted(text: str) -> str:
    """The text without logins and query values of the addresses in it. The same text when it holds no address."""
    without_login = re.sub(r"(?i)([a-z][a-z0-9+.-]*:/{1,2}|^)\S*@", r"\1***@", text)
    return re.sub(
        r"(?i)((?:user|usr|login|pass|pwd|token|secret|auth|key)[^=\s]*=)\S*",
        r"\1***",
        without_login,
    )


_LOGIN = re.compile(r"[a-z0-9+]+://\S+:\S*@")
_UNSEEN = (
    "{} can't be seen from here; nothing to do if systemd gives it to the service (LoadCredential=)"
)


@dataclass(frozen=True, slots=True)
class _Secret:
    """One `<key>_file` entry."""

    document: Document
    loc: Loc
    name: str

    def read(self, lookup: SecretLookup) -> Mistake | None:
        """A warning, or None."""
        parent, key = self.document.get(self.loc[:-1]), self._key
        self.document.lines.setdefault((*self.loc[:-1], key), self.document.line(self.loc))
        if parent.get(key) is not None:
            self._report(f"and {key} are both given: keep one")
            return None
        errors = []
        for path in lookup.candidates(self.name):
            try:
                parent[key] = self._content(path)
            except OSError as error:
                errors.append((path, error))
            else:
                return None
        return self._unreadable(errors, lenient=lookup.lenient)

    @property
    def _key(self) -> str:
        return str(self.loc[-1]).removesuffix("_file")

    def _content(self, path: Path) -> str | None:
        """The file's text without the newline at its end; None, reported, when it is no secret."""
        with path.open("rb") as file:
            data = file.read(MAX_SECRET_BYTES + 1)
        try:
            text = data.decode("utf-8").removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            text = "\0"
        if len(data) > MAX_SECRET_BYTES or "\0" in text or "\n" in text:
            self._report(
                f"{self._shown(path)} holds more than one line of text; only the {self._key} may be in it"
            )
            return None
        if not text:
            self._report(f"{self._shown(path)} is empty; write the {self._key} into it")
            return None
        return text

    def _unreadable(self, errors: list[tuple[Path, OSError]], *, lenient: bool) -> Mistake | None:
        path, error = next(
            ((p, e) for p, e in errors if not isinstance(e, FileNotFoundError)), errors[0]
        )
        maybe_credential = "/" not in self.name or isinstance(error, PermissionError)
        if lenient and maybe_credential:
            text = _UNSEEN.format(self._shown(path))
            return Mistake(self.document.line(self.loc), self.loc, text)
        self._report(_trouble(error, self._shown(path)))
        return None

    def _shown(self, path: Path) -> str:
        """A name that came from a variable stays hidden."""
        raw = self.document.raw.get(self.loc)
        return raw if raw is not None else printable(str(path), limit=200)

    def _report(self, text: str) -> None:
        self.document.report(self.loc, text)


def _trouble(error: OSError, shown: str) -> str:
    match error:
        case FileNotFoundError():
            return f"there is no file {shown}; paths start at the config's folder or $CREDENTIALS_DIRECTORY"
        case PermissionError():
            return f"{shown} may not be read by this user; let the service's user or group read it"
        case IsADirectoryError():
            return f"{shown} is a folder; name the file in it"
    return f"{shown} can't be read: {error.strerror or 'unknown reason'}"


def _secret_files(value: Any, loc: Loc) -> list[tuple[Loc, str]]:
    keys = tuple(f"{key}_file" for key in SECRET_KEYS)
    return [
        (place, text)
        for place, key, text in _leaves(value, loc)
        if key in keys and isinstance(text, str) and text.strip() and "\0" not in text
    ]


def _leaves(value: Any, loc: Loc) -> list[tuple[Loc, str, Any]]:
    """(place, key, value) of everything that is neither list nor section; list items have the key of their list."""
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in _leaves(item, (*loc, key))]
    if isinstance(value, list):
        return [leaf for index, item in enumerate(value) for leaf in _leaves(item, (*loc, index))]
    key = next((part for part in reversed(loc) if isinstance(part, str)), "")
    return [(loc, key, value)]
