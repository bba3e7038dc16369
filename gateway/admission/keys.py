"""Who sends a request: the key table in memory, kept up with the store.

The hot path is one dictionary lookup by the whole header value.  Only good keys are remembered,
at most 10,000, and every change of the store begins with an empty memory, so a revoked key does
not live on.  A guess learns nothing from timing: what is compared is the SHA-256 of what it sent.
"""

import hmac
import logging
import sqlite3
import threading
from typing import Final

from gateway.exchange import Principal
from gateway.store.keys import KEY_LENGTH, StoredKey, digest, read_keys, read_version
from gateway.store.sqlite import Store, StoreError

CACHE_ENTRIES: Final = 10_000
POLL_S: Final = 0.5
_SCHEME: Final = b"bearer "

_log = logging.getLogger(__name__)


class Keys:
    """The keys of one store.  `admit` is the loop's; `refresh` belongs off it."""

    def __init__(self, store: Store, *, cache_entries: int = CACHE_ENTRIES) -> None:
        """Reads nothing yet: nobody is admitted before the first `refresh`."""
        self._store = store
        self._cache_entries = cache_entries
        self._version: int | None = None
        self._connection: sqlite3.Connection | None = None
        self._by_digest: dict[bytes, tuple[bytes, Principal]] = {}
        self._cache: dict[bytes, Principal] = {}
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def count(self) -> int:
        """Keys that would be admitted now."""
        return len(self._by_digest)

    @property
    def cached(self) -> int:
        """Header values remembered now."""
        return len(self._cache)

    def admit(self, authorization: bytes | None) -> Principal | None:
        """The holder of an `Authorization: Bearer` value; None for anything else."""
        if authorization is None:
            return None
        principal = self._cache.get(authorization)
        return principal if principal is not None else self._look_up(authorization)

    def refresh(self) -> bool:
        """Read the keys again if any has changed; True if so.

        Blocks on the disk.  Raises StoreError or sqlite3.Error; then the old keys stay.
        """
        if self._connection is None:
            self._connection = self._store.connect()
        connection = self._connection
        version = read_version(connection)
        if version == self._version:
            return False
        by_digest = {
            key.digest: (key.digest, _principal(key))
            for key in read_keys(connection)
            if key.revoked_at is None
        }
        # In this order: `_look_up` takes the cache first, so that what it finds in the old table
        # can only be remembered in the old cache.
        self._by_digest = by_digest
        self._cache = {}
        self._version = version
        return True

    def start(self) -> None:
        """Refresh now, then every half a second from a thread.  Raises as `refresh`."""
        self.refresh()
        self._thread = threading.Thread(target=self._watch, name="keys", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread and close the store."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _look_up(self, authorization: bytes) -> Principal | None:
        cache = self._cache
        if len(authorization) != len(_SCHEME) + KEY_LENGTH:
            return None
        if authorization[: len(_SCHEME)].lower() != _SCHEME:
            return None
        sent = digest(authorization[len(_SCHEME) :])
        found = self._by_digest.get(sent)
        if found is None or not hmac.compare_digest(found[0], sent):
            return None
        if len(cache) >= self._cache_entries:
            cache.clear()
        cache[authorization] = found[1]
        return found[1]

    def _watch(self) -> None:
        while not self._stopping.wait(POLL_S):
            try:
                self.refresh()
            except (sqlite3.Error, StoreError) as error:
                _log.error("the keys could not be read again, the old ones stay: %s", error)


def _principal(key: StoredKey) -> Principal:
    grant = key.grant
    return Principal(
        key_id=key.id,
        tenant=grant.tenant,
        app=grant.app,
        floor=grant.floor,
        tags=frozenset(grant.tags),
        purpose=grant.purpose,
        max_in_flight=grant.max_in_flight,
        is_admin=grant.is_admin,
    )
