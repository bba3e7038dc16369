"""Secrets by reference: `env:NAME` or `file:/path`.  Only the reference is ever printed.

A secret that is wrong is found at load and not at the first request: it must be one line of
visible ASCII, because it goes into a header field.
"""

import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gateway.config.files import read_file

SECRET_BYTES: Final = 64 << 10


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret that was read, and where from."""

    reference: str
    value: str = field(repr=False)
    path: Path | None = None  # of a file reference
    is_readable_by_all: bool = False


class UnreadableSecretError(Exception):
    """The text says what is wrong with the reference, and never holds the secret."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


def read_secret(reference: str, folder: Path, environment: Mapping[str, str]) -> Secret:
    """Follow a checked reference; a relative path starts at `folder`.

    Raises UnreadableSecretError.
    """
    kind, _, rest = reference.partition(":")
    if kind == "env":
        return Secret(reference, _from_environment(rest, environment))
    path = folder / rest
    value, mode = _from_file(path)
    return Secret(reference, value, path, bool(mode & stat.S_IROTH))


def _from_environment(name: str, environment: Mapping[str, str]) -> str:
    value = environment.get(name)
    if value is None:
        raise UnreadableSecretError(
            f"the environment variable {name} is not set", f"export {name}=…, or use file:/path"
        )
    return _checked(value.strip("\r\n"), f"the environment variable {name}")


def _from_file(path: Path) -> tuple[str, int]:
    try:
        content = read_file(path, SECRET_BYTES)
    except OSError as error:
        raise UnreadableSecretError(f"{path} cannot be read: {error.strerror}") from None
    # Editors and `kubectl create secret` end a file with a line break; no vendor's key does.
    return _checked(content.data.decode("latin-1").strip("\r\n"), str(path)), content.mode


def _checked(value: str, source: str) -> str:
    if not value:
        raise UnreadableSecretError(f"{source} is empty")
    if not all("!" <= character <= "~" for character in value):
        raise UnreadableSecretError(
            f"{source} holds a space, a line break or a character outside ASCII",
            "store the secret alone",
        )
    return value


class SecretWatch:
    """Notices that a secret file was written, replaced or removed.

    Files are looked at by `stat`, so `changed` belongs in a thread.  Not safe for two threads.
    """

    EVERY_S: Final = 2.0  # so that a change is served within 5 s, reload included

    def __init__(self, paths: Iterable[Path]) -> None:
        self._seen = {path: _fingerprint(path) for path in paths}

    def follow(self, paths: Iterable[Path]) -> "SecretWatch":
        """The watch after a reload.

        A file known before is compared with what it was then: it may have been written between
        being read and being served.
        """
        watch = SecretWatch(paths)
        watch._seen.update({p: seen for p, seen in self._seen.items() if p in watch._seen})
        return watch

    def changed(self) -> tuple[Path, ...]:
        """The files that differ from when this was last asked; each change is told once."""
        now = {path: _fingerprint(path) for path in self._seen}
        changed = tuple(path for path, print_ in now.items() if print_ != self._seen[path])
        self._seen = now
        return changed


def _fingerprint(path: Path) -> tuple[int, int, int] | None:
    # The inode tells a replaced file from one of the same size in the same tick of the clock;
    # a Kubernetes volume swaps a link, which `stat` follows.
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size
