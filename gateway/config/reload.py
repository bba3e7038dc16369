"""Build a new config beside the old one, and swap only when it is whole.

The old one serves until `apply` returns and goes on serving when anything fails.  Loading reads
files and parses policy, so it runs in a thread; applying runs on the loop, in one turn.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from gateway.clock import SYSTEM_CLOCK, Clock
from gateway.errors import ConfigError, SwitchgearError

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadStatus:
    """How reloading stands; metrics and the admin plane read it.  Times are Unix seconds."""

    epoch: int = 1  # of the config that serves; one more with each that was applied
    succeeded: int = 0
    failed: int = 0
    last_at: float | None = None
    last_success_at: float | None = None
    last_duration_s: float = 0.0
    error: str = ""  # of the last reload; empty when it was applied
    problems: tuple[str, ...] = field(default=())  # each line of that error

    @property
    def is_current(self) -> bool:
        """Whether what lies in the folder is, as far as is known, what serves."""
        return not self.error


class Reloader(Generic[T]):
    """One reload at a time; asked while one runs, it runs once more after it."""

    def __init__(
        self, load: Callable[[], T], apply: Callable[[T], None], clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self.status = ReloadStatus()
        self._load = load
        self._apply = apply
        self._clock = clock
        self._lock = asyncio.Lock()

    async def reload(self) -> ReloadStatus:
        """Load in a thread, then swap on the loop.  Never raises for a bad config.

        Cancelled while it loads, nothing is applied.
        """
        async with self._lock:
            started = self._clock.monotonic()
            try:
                candidate = await asyncio.to_thread(self._load)
                self._apply(candidate)
            except SwitchgearError as error:
                self._failed(error, started)
            except OSError as error:
                self._failed(SwitchgearError(f"{error.strerror}: {error.filename}"), started)
            else:
                self._succeeded(started)
            return self.status

    def _succeeded(self, started: float) -> None:
        now, old = self._clock.wall(), self.status
        self.status = ReloadStatus(
            epoch=old.epoch + 1,
            succeeded=old.succeeded + 1,
            failed=old.failed,
            last_at=now,
            last_success_at=now,
            last_duration_s=self._clock.monotonic() - started,
        )
        log.info("config reloaded: epoch %d serves", self.status.epoch)

    def _failed(self, error: SwitchgearError, started: float) -> None:
        old = self.status
        problems = tuple(map(str, error.problems)) if isinstance(error, ConfigError) else ()
        self.status = ReloadStatus(
            epoch=old.epoch,
            succeeded=old.succeeded,
            failed=old.failed + 1,
            last_at=self._clock.wall(),
            last_success_at=old.last_success_at,
            last_duration_s=self._clock.monotonic() - started,
            error=str(error),
            problems=problems or (str(error),),
        )
        log.error("config not reloaded, epoch %d goes on serving: %s", old.epoch, error)
