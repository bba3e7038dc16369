"""Each fault does on the wire what its file says."""

import gzip
import json
import re
import zlib
from typing import Any

import pytest

from gateway.practice import Expect, Fault, Grid, Station, find_fault, load_faults
from gateway.practice.faultbook import FOLDER, Alter, Then, Wire
from tests.gateway.practice.practice_wire import SOON_S, Raw, ask, chat_body, request_bytes, send

FAULTS = load_faults()
FAMILY_VENDORS = {"anthropic": "borealis", "mistral": "europa", "vllm": "homegrid"}


def vendor_of(grid: Grid, fault: Fault) -> Station:
    return grid[FAMILY_VENDORS.get(fault.id.partition("/")[0], "aurora")]


def ids_with(way: str) -> list[str]:
    return [id_ for id_, fault in FAULTS.items() if getattr(fault, way) not in (None, 0.0)]


def fits(written: str, sent: str) -> bool:
    """Whether the text is the written one, whatever stands in for its placeholders."""
    parts = re.split(r"\{\{[^}]+\}\}", written)
    return re.fullmatch("[^{}]+".join(map(re.escape, parts)), sent, re.DOTALL) is not None


def test_every_fault_has_a_dated_source_and_says_what_it_is() -> None:
    lacking = [
        fault.id
        for fault in FAULTS.values()
        if not re.search(r"20\d\d", fault.source) or not fault.says.endswith((".", "…"))
    ]
    assert lacking == []


def test_no_name_is_written_twice_in_a_file() -> None:
    for file in FOLDER.glob("*.yaml"):
        names = re.findall(r"^([\w]+):", file.read_text(), re.MULTILINE)
        assert len(names) == len(set(names)), file.name


def test_every_supply_event_has_a_fault() -> None:
    assert {fault.expect for fault in FAULTS.values()} == set(Expect)


@pytest.mark.parametrize("id_", [id_ for id_ in ids_with("reply") if not FAULTS[id_].stream])
async def test_reply_is_sent_as_it_is_written(id_: str) -> None:
    fault = find_fault(id_)
    reply = fault.reply
    assert reply is not None
    async with Grid(gap_s=0) as grid:
        station = vendor_of(grid, fault)
        grid.fail(station.name, id_)
        raw = await ask(station) if fault.path is None else await get(station, fault.path)
        (request,) = grid.log(station.name)
    assert (raw.status, raw.ending) == (reply.status, "whole")
    for name, text in reply.fields:
        assert fits(text, raw.fields[name.lower()]), name
    assert fits(reply.body, raw.framed.decode())
    assert set(raw.fields) == {name.lower() for name, _ in reply.fields} | {"content-length"}
    assert (request.fault, request.status) == (id_, reply.status)


async def get(station: Station, path: str) -> Raw:
    return (await send(station.port, request_bytes(station, path, b"")))[0]


@pytest.mark.parametrize("id_", [id_ for id_ in ids_with("stream") if FAULTS[id_].reply])
async def test_stream_fault_has_its_own_reply_for_a_whole_answer(id_: str) -> None:
    fault = find_fault(id_)
    assert fault.reply is not None
    async with Grid() as grid:
        station = vendor_of(grid, fault)
        grid.fail(station.name, id_)
        raw = await ask(station)
    assert raw.status == fault.reply.status
    assert fits(fault.reply.body, raw.body.decode())


ENDINGS = {
    Then.END: "whole",
    Then.DONE: "whole",
    Then.RESUME: "whole",
    Then.CLOSE: "eof",
    Then.RESET: "reset",
    Then.STALL: "quiet",
    Then.COMMENTS: "quiet",
}


@pytest.mark.parametrize("id_", ids_with("stream"))
async def test_stream_breaks_where_and_how_the_file_says(id_: str) -> None:
    fault = find_fault(id_)
    assert fault.stream is not None
    async with Grid(gap_s=0) as grid:
        station = vendor_of(grid, fault)
        path, body = stream_request(station, fault)
        asked = request_bytes(station, path, body)
        healthy = (await send(station.port, asked))[0].body
        grid.fail(station.name, id_)
        then = fault.stream.then
        quiet_s = SOON_S if ENDINGS[then] == "quiet" else 5
        raw = (await send(station.port, asked, quiet_s=quiet_s))[0]
    assert (raw.status, raw.ending) == (200, ENDINGS[then])
    before, sent, after = split_at(raw.body, fault.stream.send)
    assert fits(fault.stream.send, sent)
    # Ids hold the number of the request, so that only the form is compared.
    kept = blocks(before)
    assert [shape(block) for block in kept] == [shape(block) for block in blocks(healthy)][
        : len(kept)
    ]
    if then is Then.DONE:
        assert after == b"data: [DONE]\n\n"
    elif then is Then.RESUME:
        assert len(blocks(after)) == len(blocks(healthy))
    elif not fault.stream.tears and then is not Then.COMMENTS:
        assert after == b""
    if not fault.stream.only_tool:
        assert count_content(before) == max(fault.stream.after_events, 0)


def stream_request(station: Station, fault: Fault) -> tuple[str, bytes]:
    if "/responses_" in fault.id:
        body = {"model": f"{station.name}-large", "input": "hello there", "stream": True}
        return "/v1/responses", json.dumps(body).encode()
    if fault.stream is not None and fault.stream.only_tool:
        return chat_body(station, stream=True, tools=[WEATHER], tool_choice="required")
    return chat_body(station, stream=True)


WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


def split_at(body: bytes, written: str) -> tuple[bytes, str, bytes]:
    """Before, what was sent in, and after."""
    if not written:
        last = body.rfind(b"data: [DONE]\n\n")
        return (body, "", b"") if last < 0 else (body[:last], "", body[last:])
    opening = re.split(r"\{\{", written)[0].encode()
    at = body.index(opening)
    end = body.index(b"\n\n", at + len(written.rstrip("\n").rpartition("\n")[0])) + 2
    return body[:at], body[at:end].decode(), body[end:]


def blocks(body: bytes) -> list[bytes]:
    return [block for block in body.split(b"\n\n")[:-1] if not block.startswith(b":")]


def shape(block: bytes) -> Any:
    if block == b"data: [DONE]":
        return block
    value = json.loads(block.partition(b"data: ")[2])
    for inner in (value, value.get("message", {}), value.get("response", {})):
        inner.pop("id", None)
        inner.pop("created", None)
        inner.pop("created_at", None)
    return value


def count_content(body: bytes) -> int:
    deltas = (b'"delta":{"content":', b'"type":"text_delta"', b"output_text.delta")
    return sum(any(delta in block for delta in deltas) for block in blocks(body))


@pytest.mark.parametrize(
    ("id_", "ending"),
    [
        pytest.param("stream/cut", "eof", id="fin"),
        pytest.param("stream/reset", "reset", id="rst"),
        pytest.param("stream/stall", "quiet", id="silence"),
        pytest.param("vllm/stream_engine_dead", "eof", id="error event"),
    ],
)
async def test_whole_answer_breaks_in_its_middle(id_: str, ending: str) -> None:
    async with Grid() as grid:
        whole = await ask(grid.homegrid)
        grid.fail("homegrid", id_)
        raw = await ask(grid.homegrid, quiet_s=SOON_S if ending == "quiet" else 5)
    assert raw.ending == ending
    assert 0 < len(raw.body) <= len(whole.body) // 2
    assert int(raw.fields["content-length"]) == len(whole.body)


async def test_comments_alone_hold_a_whole_answer_open_with_blank_lines() -> None:
    async with Grid() as grid:
        grid.fail("aurora", "deepseek/200_keep_alive")
        raw = await ask(grid.aurora, quiet_s=0.3, limit_s=0.5)
    assert raw.ending == "quiet"
    assert raw.body.strip(b"\n") == b"" != raw.body


WIRE_ENDINGS = {
    Wire.RESET: "reset",
    Wire.CLOSE: "eof",
    Wire.HANG: "quiet",
    Wire.HALF_HEAD: "eof",
    Wire.NO_HTTP: "eof",
    Wire.HUGE_HEAD: "whole",
    Wire.RACE: "whole",
    Wire.HANG_UP: "whole",
}


@pytest.mark.parametrize(
    "id_", [id_ for id_ in ids_with("wire") if FAULTS[id_].wire in WIRE_ENDINGS]
)
async def test_wire_fault_ends_as_it_says(id_: str) -> None:
    wire = find_fault(id_).wire
    assert wire is not None
    async with Grid() as grid:
        grid.fail("aurora", id_)
        raw = await ask(grid.aurora, quiet_s=SOON_S if wire is Wire.HANG else 5)
    assert raw.ending == WIRE_ENDINGS[wire]
    assert (b"\r\n\r\n" in raw.data) == (raw.ending == "whole")
    if wire is Wire.HUGE_HEAD:
        assert len(raw.data) > 1_000_000


async def test_keepalive_race_meets_only_a_connection_that_has_served() -> None:
    async with Grid() as grid:
        grid.fail("aurora", "wire/keepalive_race")
        path, body = chat_body(grid.aurora)
        asked = request_bytes(grid.aurora, path, body)
        first, second = await send(grid.aurora.port, asked, asked)
        fresh = await ask(grid.aurora)
    assert (first.ending, second.ending, second.data) == ("whole", "eof", b"")
    assert fresh.ending == "whole"


async def test_hang_up_leaves_a_dead_connection_behind() -> None:
    async with Grid() as grid:
        grid.fail("aurora", "wire/hang_up")
        path, body = chat_body(grid.aurora)
        asked = request_bytes(grid.aurora, path, body)
        first, second = await send(grid.aurora.port, asked, asked)
    assert (first.ending, first.fields.get("connection")) == ("whole", None)
    assert second.data == b""


@pytest.mark.parametrize("stream", [pytest.param(False, id="whole"), pytest.param(True, id="sse")])
@pytest.mark.parametrize("vendor", ["aurora", "borealis", "europa", "homegrid"])
@pytest.mark.parametrize("id_", ids_with("alter"))
async def test_altered_answer_differs_as_its_file_says(id_: str, vendor: str, stream: bool) -> None:
    fault = find_fault(id_)
    assert fault.alter is not None
    members = tool_members(vendor) if fault.alter is Alter.TOOL_JSON else {}
    async with Grid(gap_s=0) as grid:
        path, body = chat_body(grid[vendor], stream=stream, **members)
        asked = request_bytes(grid[vendor], path, body)
        healthy = (await send(grid[vendor].port, asked))[0]
        grid.fail(vendor, id_)
        raw = (await send(grid[vendor].port, asked))[0]
    CHECKS[fault.alter](healthy, raw, fault.value.replace("{{model}}", f"{vendor}-large"))


def tool_members(vendor: str) -> dict[str, Any]:
    if vendor == "borealis":
        function: Any = WEATHER["function"]
        tool = {"name": function["name"], "input_schema": function["parameters"]}
        return {"tools": [tool], "tool_choice": {"type": "any"}}
    choice = "any" if vendor == "europa" else "required"
    return {"tools": [WEATHER], "tool_choice": choice}


def text_of(raw: Raw) -> str:
    """All text of an answer, streamed or whole, in every dialect."""
    values = raw.events if "event-stream" in raw.fields["content-type"] else [raw.json]
    found = ""
    for value in values:
        for choice in value.get("choices", []):
            part = choice.get("delta") or choice.get("message") or {}
            found += part.get("content") or ""
        for block in value.get("content", []):
            found += block.get("text", "")
        found += value.get("delta", {}).get("text", "")
    return found


def reasons_of(raw: Raw) -> list[str]:
    """Terminal reasons that are not null."""
    return re.findall(r'"(?:finish_reason|stop_reason)":"(\w+)"', raw.body.decode())


def check_model(healthy: Raw, raw: Raw, value: str) -> None:
    assert f'"model":"{value}"' in raw.body.decode()
    assert text_of(raw) == text_of(healthy)


def check_finish(healthy: Raw, raw: Raw, value: str) -> None:
    assert reasons_of(raw) == [value] != reasons_of(healthy)


def check_say(healthy: Raw, raw: Raw, value: str) -> None:
    assert text_of(raw) == value
    assert reasons_of(raw) == reasons_of(healthy)


def check_no_terminal(healthy: Raw, raw: Raw, value: str) -> None:
    assert reasons_of(raw) == []
    assert text_of(raw) == text_of(healthy)
    assert raw.ending == "whole"


def check_no_last_word(healthy: Raw, raw: Raw, value: str) -> None:
    assert b"[DONE]" not in raw.body
    assert b"message_stop" not in raw.body
    assert reasons_of(raw) == reasons_of(healthy)


def check_no_usage(healthy: Raw, raw: Raw, value: str) -> None:
    assert b'"usage":{' not in raw.body
    assert text_of(raw) == text_of(healthy)


def check_zero_usage(healthy: Raw, raw: Raw, value: str) -> None:
    counts = re.findall(r'"(?:prompt|completion|input|output)_tokens":(\d+)', raw.body.decode())
    assert set(counts) <= {"0"}
    assert (b'"usage":{' in healthy.body) == bool(counts)


def check_no_choices(healthy: Raw, raw: Raw, value: str) -> None:
    assert text_of(raw) == ""
    assert b'"finish_reason":"' not in raw.body
    assert b"content_block" not in raw.body


def check_tool_json(healthy: Raw, raw: Raw, value: str) -> None:
    assert reasons_of(raw) == reasons_of(healthy) == [REASON_OF_TOOL[b"stop_reason" in raw.body]]
    assert len(raw.body) < len(healthy.body)


REASON_OF_TOOL = {False: "tool_calls", True: "tool_use"}


def check_truncated(healthy: Raw, raw: Raw, value: str) -> None:
    assert len(raw.body) <= len(healthy.body) // 2
    assert int(raw.fields["content-length"]) == len(raw.body)
    assert not raw.body.endswith((b"}", b"\n\n"))


def check_bad_utf8(healthy: Raw, raw: Raw, value: str) -> None:
    with pytest.raises(UnicodeDecodeError):
        raw.body.decode()
    assert len(raw.body) == len(healthy.body) + 2


def check_long_length(healthy: Raw, raw: Raw, value: str) -> None:
    assert raw.ending == "eof"
    assert int(raw.fields["content-length"]) == len(raw.framed) + 64


def check_short_length(healthy: Raw, raw: Raw, value: str) -> None:
    assert int(raw.fields["content-length"]) == len(raw.framed) - 16


def check_bomb(healthy: Raw, raw: Raw, value: str) -> None:
    assert raw.fields["content-encoding"] == "gzip"
    assert len(raw.framed) < 400_000
    inflated = zlib.decompressobj(31).decompress(raw.framed, 1 << 20)
    assert inflated == b" " * (1 << 20)


def check_coding_lie(healthy: Raw, raw: Raw, value: str) -> None:
    assert raw.fields["content-encoding"] in ("gzip", "br")
    assert text_of(raw) == text_of(healthy)


def check_same_text(healthy: Raw, raw: Raw, value: str) -> None:
    assert text_of(raw) == text_of(healthy)
    assert raw.ending == "whole"


def check_bytes(healthy: Raw, raw: Raw, value: str) -> None:
    check_same_text(healthy, raw, value)
    assert raw.framed.count(b"1\r\n") >= len(raw.body)


def check_crlf(healthy: Raw, raw: Raw, value: str) -> None:
    assert raw.body.replace(b"\r\n", b"\n").count(b"\n\n") == healthy.body.count(b"\n\n")
    assert raw.body.count(b"\r\n\r\n") == raw.body.replace(b"\r\n", b"\n").count(b"\n\n")


def check_bom(healthy: Raw, raw: Raw, value: str) -> None:
    is_stream = "event-stream" in raw.fields["content-type"]
    assert raw.body.startswith(b"\xef\xbb\xbf") == is_stream


def check_lines(healthy: Raw, raw: Raw, value: str) -> None:
    joined = raw.body.replace(b"{\ndata: ", b"{")
    assert len(joined) == len(healthy.body)


def check_commented(healthy: Raw, raw: Raw, value: str) -> None:
    check_same_text(healthy, raw, value)
    assert raw.body.count(b": keep-alive\n\n") in (0, len(blocks(healthy.body)))


def check_big_event(healthy: Raw, raw: Raw, value: str) -> None:
    check_same_text(healthy, raw, value)
    assert (len(raw.body) > 1_048_576) == ("event-stream" in raw.fields["content-type"])


def check_early_hints(healthy: Raw, raw: Raw, value: str) -> None:
    assert raw.data.startswith(b"HTTP/1.1 103 ")


CHECKS = {
    Alter.MODEL: check_model,
    Alter.FINISH: check_finish,
    Alter.SAY: check_say,
    Alter.NO_TEXT: check_say,
    Alter.NO_TERMINAL: check_no_terminal,
    Alter.NO_LAST_WORD: check_no_last_word,
    Alter.NO_USAGE: check_no_usage,
    Alter.ZERO_USAGE: check_zero_usage,
    Alter.NO_CHOICES: check_no_choices,
    Alter.TOOL_JSON: check_tool_json,
    Alter.TRUNCATED: check_truncated,
    Alter.BAD_UTF8: check_bad_utf8,
    Alter.LONG_LENGTH: check_long_length,
    Alter.SHORT_LENGTH: check_short_length,
    Alter.GZIP_BOMB: check_bomb,
    Alter.GZIP_LIE: check_coding_lie,
    Alter.BROTLI: check_coding_lie,
    Alter.BYTES: check_bytes,
    Alter.CRLF: check_crlf,
    Alter.BOM: check_bom,
    Alter.LINES: check_lines,
    Alter.COMMENTED: check_commented,
    Alter.BIG_EVENT: check_big_event,
    Alter.EARLY_HINTS: check_early_hints,
}


async def test_gzip_bomb_is_a_good_answer_once_inflated() -> None:
    async with Grid() as grid:
        grid.fail("aurora", "answer/gzip_bomb")
        raw = await ask(grid.aurora)
    inflated = gzip.decompress(raw.framed)
    assert len(inflated) > 128 * 1024 * 1024
    assert json.loads(inflated)["object"] == "chat.completion"


@pytest.mark.parametrize(
    ("id_", "quick_start"),
    [
        pytest.param("slow/head", False, id="head late"),
        pytest.param("slow/first_token", True, id="token late"),
        pytest.param("slow/tokens", True, id="tokens slow"),
    ],
)
async def test_slow_answer_is_late_and_whole(id_: str, quick_start: bool) -> None:
    async with Grid(gap_s=0, words=3) as grid:
        healthy = await ask(grid.aurora, stream=True)
        grid.fail("aurora", id_, delay_s=0.1)
        early = await ask(grid.aurora, stream=True, quiet_s=0.05)
        late = await ask(grid.aurora, stream=True)
    assert early.ending == "quiet"
    assert (b"\r\n\r\n" in early.data) == quick_start
    assert text_of(late) == text_of(healthy)
