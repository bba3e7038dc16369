"""Keys of ours at rest: who holds them, never what they are.

A key is `sg_`, 256 random bits in base 62 (43 characters), and a checksum (6 characters), so that
scanners can find a leaked one and a mistyped one is told apart from an unknown one.  Only its
SHA-256 is stored.  A slow hash would add nothing: 256 random bits cannot be guessed.
"""

import hashlib
import json
import re
import secrets
import sqlite3
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.clock import SYSTEM_CLOCK, Clock
from gateway.errors import SwitchgearError
from gateway.store.sqlite import Store, transaction

PREFIX: Final = "sg_"
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_DIGITS: Final = 43  # 62^43 > 2^256
_CHECKSUM_DIGITS: Final = 6  # 62^6 > 2^32
IN_FLIGHT_MOST: Final = 1_000_000
KEY_LENGTH: Final = len(PREFIX) + _SECRET_DIGITS + _CHECKSUM_DIGITS

_match_name = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}").fullmatch


class BadGrantError(SwitchgearError):
    """A key may not be made like that; the text names the value and what would do."""


class UnknownKeyError(SwitchgearError):
    """No key has that id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a key stands for.  `floor` is the least class of data that its requests carry."""

    tenant: str
    app: str
    floor: str
    tags: tuple[str, ...] = ()
    purpose: str | None = None  # None: what labels.yaml says
    max_in_flight: int | None = None  # None: no cap of its own
    is_admin: bool = False

    def check(self) -> None:
        """Raises BadGrantError when a value could be no name of the config."""
        named = {"tenant": self.tenant, "app": self.app, "floor": self.floor}
        named |= {"purpose": self.purpose} if self.purpose is not None else {}
        for what, name in [*named.items(), *(("tag", tag) for tag in self.tags)]:
            if _match_name(name) is None:
                raise BadGrantError(
                    f"{what} {name!r} is no name: a small letter or digit, then up to 63 of "
                    "small letters, digits, '.', '_' and '-'"
                )
        if self.max_in_flight is not None and not 1 <= self.max_in_flight <= IN_FLIGHT_MOST:
            raise BadGrantError(f"max in flight must be from 1 to {IN_FLIGHT_MOST}")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """One row of the store."""

    id: str
    digest: bytes  # SHA-256 of the whole key
    grant: Grant
    created_at: float  # Unix seconds
    revoked_at: float | None


class KeyStore:
    """Reads and changes keys; each call opens and closes its own connection."""

    def __init__(
        self,
        store: Store,
        clock: Clock = SYSTEM_CLOCK,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        """`store` has been prepared."""
        self._store = store
        self._clock = clock
        self._random_bytes = random_bytes

    def create(self, grant: Grant) -> tuple[str, str]:
        """Make a key; give its id, and the key itself, which is shown this once.

        Raises BadGrantError.
        """
        grant.check()
        key = render_key(self._random_bytes(32))
        key_id = f"key_{self._random_bytes(6).hex()}"
        with self._store.connection() as connection:
            connection.execute(
                "INSERT INTO keys (id, digest, tenant, app, floor, tags, purpose, max_in_flight, "
                "is_admin, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    key_id,
                    digest(key.encode()),
                    grant.tenant,
                    grant.app,
                    grant.floor,
                    json.dumps(grant.tags),
                    grant.purpose,
                    grant.max_in_flight,
                    grant.is_admin,
                    self._clock.wall(),
                ),
            )
        return key_id, key

    def revoke(self, key_id: str) -> bool:
        """End a key; False if it had ended before.  Raises UnknownKeyError."""
        with self._store.connection() as connection, transaction(connection):
            found = connection.execute("SELECT revoked_at FROM keys WHERE id = ?", (key_id,))
            row = found.fetchone()
            if row is None:
                raise UnknownKeyError(f"no key has the id {key_id!r}; see `switchgear key list`")
            if row[0] is None:
                now = self._clock.wall()
                connection.execute("UPDATE keys SET revoked_at = ? WHERE id = ?", (now, key_id))
        return row[0] is None

    def all(self) -> list[StoredKey]:
        """All keys, oldest first, ended ones included."""
        with self._store.connection() as connection:
            return read_keys(connection)


def render_key(secret: bytes) -> str:
    """Write 32 random bytes as a key."""
    digits = _base62(int.from_bytes(secret), _SECRET_DIGITS)
    return PREFIX + digits + _base62(zlib.crc32(digits.encode()), _CHECKSUM_DIGITS)


def is_well_formed(key: str) -> bool:
    """Whether the text has a key's shape and checksum; nothing about whether anybody holds it."""
    digits, checksum = key[len(PREFIX) : -_CHECKSUM_DIGITS], key[-_CHECKSUM_DIGITS:]
    return (
        len(key) == KEY_LENGTH
        and key.startswith(PREFIX)
        and key.isascii()
        and checksum == _base62(zlib.crc32(digits.encode()), _CHECKSUM_DIGITS)
    )


def digest(key: bytes) -> bytes:
    """What is stored in the key's place."""
    return hashlib.sha256(key).digest()


def read_version(connection: sqlite3.Connection) -> int:
    """A number that differs after every change of any key."""
    (version,) = connection.execute("SELECT version FROM keys_version").fetchone()
    return int(version)


def read_keys(connection: sqlite3.Connection) -> list[StoredKey]:
    """All keys, oldest first, ended ones included."""
    rows = connection.execute(
        "SELECT id, digest, created_at, revoked_at, tenant, app, floor, tags, purpose, "
        "max_in_flight, is_admin FROM keys ORDER BY created_at, rowid"
    )
    return [
        StoredKey(
            id=key_id,
            digest=stored,
            created_at=created_at,
            revoked_at=revoked_at,
            grant=Grant(
                tenant=tenant,
                app=app,
                floor=floor,
                tags=tuple(json.loads(tags)),
                purpose=purpose,
                max_in_flight=max_in_flight,
                is_admin=bool(is_admin),
            ),
        )
        for key_id, stored, created_at, revoked_at, *granted in rows
        for tenant, app, floor, tags, purpose, max_in_flight, is_admin in (granted,)
    ]


def _base62(number: int, digits: int) -> str:
    text = ""
    for _ in range(digits):
        number, place = divmod(number, len(_ALPHABET))
        text = _ALPHABET[place] + text
    return text
