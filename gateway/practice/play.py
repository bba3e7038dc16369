"""Makes of an answer and a fault the steps that the listener plays, byte for byte."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, assert_never

from gateway.practice.alter import alter
from gateway.practice.answer import DONE_EVENT, Answer, Event, Part
from gateway.practice.faultbook import Alter, Break, Fault, Reply, Then, Wire
from gateway.practice.http import LAST_CHUNK, Fields, render_chunk, render_head
from gateway.practice.spoil import cut_body, make_bomb, reframe, spoil_utf8
from gateway.practice.steps import Close, Hang, Reset, Send, Step, Wait

COMMENT_EVERY_S: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a plan needs to know beside the answer and the fault."""

    fields: Fields  # of the vendor's own servers
    gap_s: float  # between two pieces of a stream
    model: str | None
    request_id: str
    wall_s: float
    served_before: int = 0  # requests on this connection before this one


def plan(scene: Scene, answer: Answer, fault: Fault | None) -> Iterator[Step]:
    """The steps for one request.  Ends without Close where the connection can go on."""
    if fault is None:
        return _healthy(scene, answer)
    if fault.wire is not None:
        return _play_wire(scene, answer, fault.wire)
    if fault.stream is not None and answer.events is not None:
        return _break_stream(scene, answer, answer.events, fault.stream)
    if fault.reply is not None:
        return _play_reply(scene, fault.reply)
    if answer.status != 200:
        return _healthy(scene, answer)  # the vendor refuses: there is nothing to spoil
    if fault.stream is not None:
        return _break_whole(scene, answer, fault.stream)
    if fault.alter is not None:
        value = fill(fault.value, scene)
        altered = alter(answer, fault.alter, value, scene.model)
        return _play_alter(scene, altered, fault.alter)
    return _play_slow(scene, answer, fault)


def fill(text: str, scene: Scene) -> str:
    """Put in what the placeholders of the fault files stand for."""
    now = datetime.fromtimestamp(scene.wall_s, UTC)

    def value(found: re.Match[str]) -> str:
        later = now + timedelta(seconds=int(found[2] or 0))
        match found[1]:
            case "model":
                return scene.model or "unknown"
            case "request_id":
                return scene.request_id
            case "unix":
                return str(int(later.timestamp()))
            case "rfc3339":
                return later.strftime("%Y-%m-%dT%H:%M:%SZ")
            case "http_date":
                return later.strftime("%a, %d %b %Y %H:%M:%S GMT")
            case _:
                return (now.replace(day=1) + timedelta(days=32)).strftime("%Y-%m-01")

    names = "model|request_id|unix|rfc3339|http_date|next_month"
    return re.sub(r"\{\{(" + names + r")(?:\+(\d+))?\}\}", value, text)


def _whole_head(scene: Scene, answer: Answer, length: int, extra: Fields = ()) -> bytes:
    fields = (*answer.fields, *extra, *scene.fields, ("content-length", str(length)))
    return render_head(answer.status, fields)


def _stream_head(scene: Scene, answer: Answer) -> bytes:
    return render_head(
        answer.status, (*answer.fields, *scene.fields, ("transfer-encoding", "chunked"))
    )


def _healthy(scene: Scene, answer: Answer) -> Iterator[Step]:
    if answer.events is None:
        yield Send(_whole_head(scene, answer, len(answer.body)) + answer.body)
        return
    yield Send(_stream_head(scene, answer))
    yield from _send_events(scene, answer.events)
    yield Send(LAST_CHUNK)


def _send_events(scene: Scene, events: tuple[Event, ...]) -> Iterator[Step]:
    for event in events:
        if scene.gap_s and event.part in (Part.CONTENT, Part.TOOL):
            yield Wait(scene.gap_s)
        yield Send(render_chunk(event.data))


def _play_reply(scene: Scene, reply: Reply) -> Iterator[Step]:
    body = fill(reply.body, scene).encode()
    fields = [(name, fill(text, scene)) for name, text in reply.fields]
    if not any(name.lower() == "content-length" for name, _ in fields):
        fields.append(("content-length", str(len(body))))
    yield Send(render_head(reply.status, fields) + body)


def _play_slow(scene: Scene, answer: Answer, fault: Fault) -> Iterator[Step]:
    if fault.head_delay_s:
        yield Wait(fault.head_delay_s)
    if answer.events is None:
        if fault.first_delay_s:
            yield Wait(fault.first_delay_s)
        yield Send(_whole_head(scene, answer, len(answer.body)) + answer.body)
        return
    yield Send(_stream_head(scene, answer))
    if fault.first_delay_s:
        yield Wait(fault.first_delay_s)
    for event in answer.events:
        gap_s = scene.gap_s if fault.gap_s is None else fault.gap_s
        if gap_s and event.part in (Part.CONTENT, Part.TOOL):
            yield Wait(gap_s)
        yield Send(render_chunk(event.data))
    yield Send(LAST_CHUNK)


def _break_stream(
    scene: Scene, answer: Answer, events: tuple[Event, ...], fault: Break
) -> Iterator[Step]:
    at = _find_break(events, fault)
    yield Send(_stream_head(scene, answer))
    yield from _send_events(scene, events[:at])
    if at == len(events):
        yield Send(LAST_CHUNK)  # never reached: no tool was called
        return
    if fault.tears:
        # The chunk's size line promises the whole event.
        chunk = render_chunk(events[at].data)
        yield Send(chunk[: len(chunk) // 2])
    if fault.send:
        yield Send(render_chunk(fill(fault.send, scene).encode()))
    match fault.then:
        case Then.END:
            yield Send(LAST_CHUNK)
        case Then.DONE:
            done = next((event for event in events if event.part is Part.DONE), DONE_EVENT)
            yield Send(render_chunk(done.data) + LAST_CHUNK)
        case Then.COMMENTS:
            while True:
                yield Wait(COMMENT_EVERY_S)
                yield Send(render_chunk(b": keep-alive\n\n"))
        case Then.RESUME:
            yield from _send_events(scene, events[at:])
            yield Send(LAST_CHUNK)
        case Then.CLOSE:
            yield Close()
        case Then.RESET:
            yield Reset()
        case Then.STALL:
            yield Hang()
        case _:
            assert_never(fault.then)


def _find_break(events: tuple[Event, ...], fault: Break) -> int:
    """The index of the first event that is not sent."""
    if fault.after_events < 0:
        return 0
    counted = (Part.TOOL,) if fault.only_tool else (Part.CONTENT, Part.TOOL)
    seen = 0
    for at, event in enumerate(events):
        if event.part in counted:
            if seen == fault.after_events:
                return at
            seen += 1
        elif seen and event.part in (Part.TERMINAL, Part.USAGE, Part.DONE):
            return at  # the answer was shorter than that
    return len(events)


def _break_whole(scene: Scene, answer: Answer, fault: Break) -> Iterator[Step]:
    """The same trouble for an answer in one piece: half of it, then what the stream would do."""
    if fault.then is Then.RESUME:
        yield from _healthy(scene, answer)
    elif fault.then is Then.COMMENTS:
        # DeepSeek keeps a whole answer's connection open with empty lines.
        yield Send(_stream_head(scene, answer))
        while True:
            yield Wait(COMMENT_EVERY_S)
            yield Send(render_chunk(b"\n"))
    else:
        head = _whole_head(scene, answer, len(answer.body))
        is_early = fault.after_events < 0
        yield Send(head if is_early else head + answer.body[: len(answer.body) // 2])
        if fault.then is Then.STALL:
            yield Hang()
        yield Reset() if fault.then is Then.RESET else Close()


def _play_wire(scene: Scene, answer: Answer, wire: Wire) -> Iterator[Step]:
    match wire:
        case Wire.RESET | Wire.CRASHED | Wire.REFUSED:
            yield Reset()
        case Wire.CLOSE:
            yield Close()
        case Wire.HANG:
            yield Hang()
        case Wire.HALF_HEAD:
            head = _whole_head(scene, answer, len(answer.body))
            yield Send(head[: len(head) // 2])
            yield Close()
        case Wire.NO_HTTP:
            yield Send(b"SSH-2.0-OpenSSH_9.6\r\n")
            yield Close()
        case Wire.HUGE_HEAD:
            filler = tuple((f"x-filler-{at}", "f" * 4000) for at in range(300))
            yield Send(_whole_head(scene, answer, len(answer.body), filler) + answer.body)
        case Wire.RACE:
            if scene.served_before:
                yield Close()
            else:
                yield from _healthy(scene, answer)
        case Wire.HANG_UP:
            yield from _healthy(scene, answer)
            yield Close()
        case _:
            assert_never(wire)


def _play_alter(scene: Scene, answer: Answer, how: Alter) -> Iterator[Step]:
    """Spoil the bytes; what `alter` has spoilt already goes out as if healthy."""
    body = answer.body
    events = answer.events or ()
    if answer.events is not None:
        body = b"".join(event.data for event in events)
    match how:
        case Alter.TRUNCATED | Alter.BAD_UTF8:
            spoilt = cut_body(body) if how is Alter.TRUNCATED else spoil_utf8(body)
            yield Send(_whole_head(scene, answer, len(spoilt)) + spoilt)
        case Alter.LONG_LENGTH:
            yield Send(_whole_head(scene, answer, len(body) + 64) + body)
            yield Close()
        case Alter.SHORT_LENGTH:
            yield Send(_whole_head(scene, answer, len(body) - 16) + body)
        case Alter.GZIP_BOMB | Alter.GZIP_LIE | Alter.BROTLI:
            packed = make_bomb(body) if how is Alter.GZIP_BOMB else body
            coding = ("content-encoding", "br" if how is Alter.BROTLI else "gzip")
            yield Send(_whole_head(scene, answer, len(packed), (coding,)) + packed)
        case Alter.BYTES:
            yield Send(_stream_head(scene, answer))
            for at in range(len(body)):
                yield Send(render_chunk(body[at : at + 1]))
            yield Send(LAST_CHUNK)
        case Alter.EARLY_HINTS:
            yield Send(b"HTTP/1.1 103 Early Hints\r\nlink: </>; rel=preconnect\r\n\r\n")
            yield from _healthy(scene, answer)
        case Alter.CRLF | Alter.BOM | Alter.LINES | Alter.COMMENTED | Alter.BIG_EVENT:
            if answer.events is not None:
                body = reframe(events, how)
            yield Send(_whole_head(scene, answer, len(body)) + body)
        case _:
            yield from _healthy(scene, answer)
