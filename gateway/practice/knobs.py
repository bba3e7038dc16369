"""The knobs that are turned now, and which of them a request meets.  Pure but for `now`."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypedDict, Unpack

from gateway.practice.faultbook import Fault, Wire

PORT_FAULTS: Final = (Wire.REFUSED, Wire.CRASHED)


class BadKnobError(Exception):
    """A knob that could never do what it says."""


class Scope(TypedDict, total=False):
    """What a knob is limited to; a member that is left out or None sets no limit."""

    model: str | None
    account: str | None
    path: str | None
    contains: bytes | None  # only requests whose body has these bytes
    times: int | None  # only the next so many requests
    for_s: float | None  # only so long
    on_s: float | None  # with every_s: flapping
    every_s: float | None
    after_events: int | None  # another place for a break in a stream
    delay_s: float | None  # another time for what is slow


@dataclass(slots=True, kw_only=True)
class Knob:
    """One fault at one vendor, with its scope and its schedule.  None means any or for ever."""

    number: int
    vendor: str
    fault: Fault
    model: str | None = None
    account: str | None = None
    path: str | None = None
    contains: bytes | None = None  # only requests whose body has these bytes
    times: int | None = None  # requests left
    since_s: float = 0.0
    until_s: float | None = None
    on_s: float | None = None  # with every_s: on for so long at the start of every period
    every_s: float | None = None
    played: int = 0

    def is_on(self, now_s: float) -> bool:
        """Whether the schedule has it on at this moment."""
        if self.times == 0 or (self.until_s is not None and now_s >= self.until_s):
            return False
        if self.on_s is None or self.every_s is None:
            return True
        return (now_s - self.since_s) % self.every_s < self.on_s

    def fits(self, *, model: str | None, account: str | None, path: str, body: bytes) -> bool:
        """Whether the request is in scope."""
        wanted_path = self.path or self.fault.path
        return (
            self.model in (None, model)
            and self.account in (None, account)
            and (wanted_path == path if wanted_path else True)
            and (self.contains is None or self.contains in body)
        )

    @property
    def closes_port(self) -> bool:
        """Whether it acts on the port and not on requests."""
        return self.fault.wire in PORT_FAULTS


class Knobs:
    """The latest knob wins.  Those that are over are forgotten at the next look."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self._knobs: list[Knob] = []
        self._last_number = 0

    def turn(self, vendor: str, fault: Fault, **scope: Unpack[Scope]) -> Knob:
        """Turn one on.  Raises BadKnobError for a scope or schedule that cannot be kept."""
        _check(fault, scope)
        now_s = self.now()
        for_s = scope.get("for_s")
        self._last_number += 1
        knob = Knob(
            number=self._last_number,
            vendor=vendor,
            fault=adjust(fault, scope.get("after_events"), scope.get("delay_s")),
            model=scope.get("model"),
            account=scope.get("account"),
            path=scope.get("path"),
            contains=scope.get("contains"),
            times=scope.get("times"),
            since_s=now_s,
            until_s=None if for_s is None else now_s + for_s,
            on_s=scope.get("on_s"),
            every_s=scope.get("every_s"),
        )
        self._knobs.append(knob)
        return knob

    def heal(self, vendor: str | None = None, number: int | None = None) -> int:
        """Turn off what matches; gives how many."""
        kept = [
            knob
            for knob in self._knobs
            if vendor not in (None, knob.vendor) or number not in (None, knob.number)
        ]
        healed = len(self._knobs) - len(kept)
        self._knobs = kept
        return healed

    def meet(
        self, vendor: str, *, model: str | None, account: str | None, method: str, path: str,
        body: bytes,
    ) -> Fault | None:  # fmt: skip
        """The fault for this request, counted as played; None for a healthy answer."""
        now_s = self.now()
        for knob in reversed(self._knobs):
            is_meant = method == "POST" or (knob.path or knob.fault.path) is not None
            if (
                knob.vendor == vendor
                and not knob.closes_port
                and is_meant
                and knob.is_on(now_s)
                and knob.fits(model=model, account=account, path=path, body=body)
            ):
                knob.played += 1
                if knob.times is not None:
                    knob.times -= 1
                return knob.fault
        return None

    def port_fault(self, vendor: str) -> Fault | None:
        """What keeps the vendor's port closed now."""
        now_s = self.now()
        return next(
            (
                knob.fault
                for knob in reversed(self._knobs)
                if knob.vendor == vendor and knob.closes_port and knob.is_on(now_s)
            ),
            None,
        )

    @property
    def has_timed_ports(self) -> bool:
        """Whether some port opens or closes by the clock."""
        return any(
            knob.closes_port and (knob.until_s is not None or knob.every_s is not None)
            for knob in self._knobs
        )

    def active(self) -> list[Knob]:
        """All that are not over, in the order of turning; a pause of a schedule is not over."""
        now_s = self.now()
        self._knobs = [
            knob
            for knob in self._knobs
            if knob.times != 0 and (knob.until_s is None or now_s < knob.until_s)
        ]
        return list(self._knobs)


def _check(fault: Fault, scope: Scope) -> None:
    on_s, every_s = scope.get("on_s"), scope.get("every_s")
    times, for_s = scope.get("times"), scope.get("for_s")
    if (on_s is None) != (every_s is None):
        raise BadKnobError("a schedule needs both on_s and every_s")
    if on_s is not None and every_s is not None and not 0 < on_s < every_s:
        raise BadKnobError(f"on_s {on_s} must be above 0 and below every_s {every_s}")
    if times is not None and times < 1:
        raise BadKnobError(f"times {times} must be at least 1")
    if for_s is not None and for_s <= 0:
        raise BadKnobError(f"for_s {for_s} must be above 0")
    if fault.wire in PORT_FAULTS and any(
        scope.get(name) is not None for name in ("model", "account", "path", "contains", "times")
    ):
        raise BadKnobError(
            f"{fault.id} closes the whole port: it takes for_s or a schedule, "
            "no model, account, path, contains or times"
        )


def adjust(fault: Fault, after_events: int | None, delay_s: float | None) -> Fault:
    """The fault with another place or another delay.  Raises BadKnobError if it has none."""
    if after_events is not None:
        if fault.stream is None:
            raise BadKnobError(f"{fault.id} is no break in a stream: it takes no after_events")
        fault = dataclasses.replace(
            fault, stream=dataclasses.replace(fault.stream, after_events=after_events)
        )
    if delay_s is None:
        return fault
    names = ("head_delay_s", "first_delay_s", "gap_s")
    held = [name for name in names if getattr(fault, name)]
    if len(held) != 1:
        raise BadKnobError(f"{fault.id} is not slow: it takes no delay_s")
    if held == ["head_delay_s"]:
        return dataclasses.replace(fault, head_delay_s=delay_s)
    if held == ["first_delay_s"]:
        return dataclasses.replace(fault, first_delay_s=delay_s)
    return dataclasses.replace(fault, gap_s=delay_s)
