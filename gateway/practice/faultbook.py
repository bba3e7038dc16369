"""Reads the faults: one YAML file per vendor or layer in `faults/`, one entry per fault.

An entry says what happens (`reply`, `stream`, `alter`, `wire` or `slow`), what it is a case of
(`expect`: the name of a supply event, or `ok`; `whole` where a whole answer differs), and where it
was seen (`source`).  The id is the file's name and the entry's, as in `openai/429_requests`, and
stays.

Placeholders in bodies, headers and events: `{{model}}`, `{{request_id}}`, `{{unix+60}}`,
`{{rfc3339+60}}`, `{{http_date+60}}` (seconds from now) and `{{next_month}}` (its first day).
"""

import difflib
import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

import yaml

FOLDER: Final = Path(__file__).with_name("faults")


class Expect(StrEnum):
    """What a fault is a case of: the supply events, and what is nobody's fault."""

    OK = "ok"
    THROTTLED = "throttled"
    OVERLOADED = "overloaded"
    QUOTA_EXHAUSTED = "quota_exhausted"
    CREDENTIAL_REJECTED = "credential_rejected"
    ACCOUNT_CUT_OFF = "account_cut_off"
    JURISDICTION_DENIED = "jurisdiction_denied"
    MODEL_WITHDRAWN = "model_withdrawn"
    UPSTREAM_FAULT = "upstream_fault"
    UNREACHABLE = "unreachable"
    BROWNOUT = "brownout"
    BROKEN_STREAM = "broken_stream"
    CORRUPT_ANSWER = "corrupt_answer"
    SUBSTITUTED = "substituted"
    REFUSED = "refused"
    CALLER_ERROR = "caller_error"
    STALE_CONNECTION = "stale_connection"


class Then(StrEnum):
    """How a stream goes on where a fault stopped it."""

    END = "end"  # the HTTP body ends well: a clean EOF without the rest
    DONE = "done"  # the stream's last word, then the body ends well
    CLOSE = "close"  # FIN inside the body
    RESET = "reset"  # RST inside the body
    STALL = "stall"  # silence until the client goes
    COMMENTS = "comments"  # comments for ever
    RESUME = "resume"  # the rest, as if nothing had been


class Alter(StrEnum):
    """What is done to a healthy answer.  `value` is the name or text that some of them need."""

    MODEL = "model"  # another model in the answer
    FINISH = "finish"  # another terminal reason
    SAY = "say"  # another text
    NO_TERMINAL = "no_terminal"
    NO_LAST_WORD = "no_last_word"
    NO_USAGE = "no_usage"
    ZERO_USAGE = "zero_usage"
    NO_CHOICES = "no_choices"
    NO_TEXT = "no_text"
    TOOL_JSON = "tool_json"  # arguments that do not parse, terminal reason and all
    TRUNCATED = "truncated"
    BAD_UTF8 = "bad_utf8"
    LONG_LENGTH = "long_length"  # content-length promises more than comes
    SHORT_LENGTH = "short_length"  # more comes than content-length promises
    GZIP_BOMB = "gzip_bomb"
    GZIP_LIE = "gzip_lie"
    BROTLI = "brotli"
    BYTES = "bytes"  # every byte in a chunk of its own
    CRLF = "crlf"
    BOM = "bom"
    LINES = "lines"  # an event's data on two lines
    COMMENTED = "commented"  # comments and blank lines between events
    BIG_EVENT = "big_event"  # one event over 1 MiB
    EARLY_HINTS = "early_hints"  # a 103 before the answer


class Wire(StrEnum):
    """What happens below HTTP."""

    RESET = "reset"  # RST instead of a head
    CLOSE = "close"  # FIN instead of a head
    HANG = "hang"  # nothing at all
    HALF_HEAD = "half_head"
    NO_HTTP = "no_http"
    HUGE_HEAD = "huge_head"
    RACE = "race"  # FIN without a byte, on a connection that has served before
    HANG_UP = "hang_up"  # a good answer, then FIN without notice
    REFUSED = "refused"  # the port does not listen
    CRASHED = "crashed"  # the port does not listen and every connection is reset


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A whole reply, sent as it stands."""

    status: int
    fields: tuple[tuple[str, str], ...]
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """A stream that runs for `after_events` events of content and then goes wrong.

    -1 means right after the head; 0 after the events that change no client state.
    """

    after_events: int
    send: str = ""  # raw, sent there
    then: Then
    only_tool: bool = False  # counts pieces of a tool call alone, and cuts inside one
    tears: bool = False  # half of the next event goes out, in a chunk that says it is whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One entry.  Exactly one of the five ways is set; `reply` may stand in for a whole answer."""

    id: str
    says: str
    expect: Expect  # in a stream, and in a whole answer but for those that say otherwise
    expect_whole: Expect  # nothing is committed there, so that a broken stream is another kind
    source: str
    reply: Reply | None = None
    stream: Break | None = None
    alter: Alter | None = None
    value: str = ""
    wire: Wire | None = None
    head_delay_s: float = 0.0
    first_delay_s: float = 0.0
    gap_s: float | None = None
    path: str | None = None  # only this path; None: every POST
    fields: Mapping[str, object] = field(default_factory=dict)  # as written, for listings


class BadFaultFileError(Exception):
    """A fault file says something that this module does not understand."""


class UnknownFaultError(Exception):
    """No fault has that id; the text lists the nearest ones."""


@functools.cache
def load_faults() -> Mapping[str, Fault]:
    """All faults by id, in the order of the files.  Raises BadFaultFileError."""
    faults = {}
    for file in sorted(FOLDER.glob("*.yaml")):
        # The C loader reads the folder in a third of the time.
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        entries = yaml.load(file.read_text("utf-8"), Loader=loader)  # noqa: S506 - safe loaders
        for name, entry in entries.items():
            fault = read_fault(f"{file.stem}/{name}", entry)
            faults[fault.id] = fault
    return faults


def find_fault(id_: str) -> Fault:
    """The fault of that id.  Raises UnknownFaultError."""
    faults = load_faults()
    if id_ in faults:
        return faults[id_]
    near = difflib.get_close_matches(id_, faults, n=4, cutoff=0.4)
    hint = f"; near: {', '.join(near)}" if near else ""
    raise UnknownFaultError(f"no fault is called {id_!r}{hint} (`practice faults` lists them all)")


KEYS: Final = frozenset("says expect whole source reply stream alter value wire slow path".split())
WAYS: Final = ("reply", "stream", "alter", "wire", "slow")


def read_fault(id_: str, entry: Mapping[str, object]) -> Fault:
    """One entry of a file.  Raises BadFaultFileError."""
    unknown = set(entry) - KEYS
    ways = [way for way in WAYS if way in entry]
    if unknown or not ways or (len(ways) > 1 and ways != ["reply", "stream"]):
        raise BadFaultFileError(f"{id_}: keys {sorted(entry)}; wanted one of {WAYS}")
    try:
        slow = entry.get("slow", {})
        assert isinstance(slow, dict)
        return Fault(
            id=id_,
            says=str(entry["says"]),
            expect=Expect(str(entry["expect"])),
            expect_whole=_read_whole(entry),
            source=str(entry["source"]),
            reply=_read_reply(entry["reply"]) if "reply" in entry else None,
            stream=_read_break(entry["stream"]) if "stream" in entry else None,
            alter=Alter(str(entry["alter"])) if "alter" in entry else None,
            value=str(entry.get("value", "")),
            wire=Wire(str(entry["wire"])) if "wire" in entry else None,
            head_delay_s=float(slow.get("head_s", 0)),
            first_delay_s=float(slow.get("first_s", 0)),
            gap_s=float(slow["gap_s"]) if "gap_s" in slow else None,
            path=str(entry["path"]) if "path" in entry else None,
            fields=entry,
        )
    except (KeyError, ValueError, TypeError, AssertionError) as error:
        raise BadFaultFileError(f"{id_}: {error!r}") from error


def _read_whole(entry: Mapping[str, object]) -> Expect:
    """What a whole answer is a case of: as written, or else as its half body follows from."""
    if "whole" in entry:
        return Expect(str(entry["whole"]))
    if "stream" not in entry or "reply" in entry:
        return Expect(str(entry["expect"]))
    match _read_break(entry["stream"]).then:
        case Then.STALL | Then.COMMENTS:
            return Expect.BROWNOUT
        case Then.RESUME:
            return Expect(str(entry["expect"]))
        case _:
            return Expect.UPSTREAM_FAULT


def _read_reply(value: object) -> Reply:
    assert isinstance(value, dict)
    headers = value.get("headers", {})
    body = value.get("body")
    if body is None:
        body = json.dumps(value["json"], ensure_ascii=False, separators=(",", ":"))
        headers = {"content-type": "application/json", **headers}
    return Reply(
        status=int(value["status"]),
        fields=tuple((str(name), str(text)) for name, text in headers.items()),
        body=str(body),
    )


def _read_break(value: object) -> Break:
    assert isinstance(value, dict)
    return Break(
        after_events=int(value.get("after_events", 0)),
        send=str(value.get("send", "")),
        then=Then(str(value["then"])),
        only_tool=bool(value.get("only_tool", False)),
        tears=bool(value.get("tears", False)),
    )
