"""Faults that no vendor was seen to have: bytes of a test's own, played by the grid."""

import json
from collections.abc import Mapping

from gateway.practice.faultbook import Break, Expect, Fault, Reply, Then
from gateway.practice.grid import Grid


def play(grid: Grid, vendor: str, *, reply: Reply | None = None, stream: Break | None = None,
         times: int | None = None, contains: bytes | None = None) -> None:  # fmt: skip
    """Turn a knob for bytes that stand in no fault file."""
    fault = Fault(
        id="tests/invented",
        says="invented for a test",
        expect=Expect.OK,
        expect_whole=Expect.OK,
        source="a test",
        reply=reply,
        stream=stream,
    )
    grid.knobs.turn(vendor, fault, times=times, contains=contains)


def refusal(status: int, code: str, message: str = "no", **headers: str) -> Reply:
    """An error in OpenAI's shape."""
    error = {"message": message, "type": code, "param": None, "code": code}
    return json_reply(status, {"error": error}, **headers)


def json_reply(status: int, body: Mapping[str, object], **headers: str) -> Reply:
    """A reply in one piece."""
    fields = {"content-type": "application/json"}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status=status, fields=tuple(fields.items()), body=json.dumps(body))


def break_off(send: str, then: Then, after_events: int = 0) -> Break:
    """A stream that says `send` after so many events of content."""
    return Break(after_events=after_events, send=send, then=then)


def chunk_event(padding: str = "", **delta: object) -> str:
    """One event of a chat stream."""
    choice = {"index": 0, "delta": delta, "finish_reason": None}
    event = {"id": "x", "model": "aurora-large", "padding": padding, "choices": [choice]}
    return f"data: {json.dumps(event)}\n\n"
