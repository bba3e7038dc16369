import json
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionChunk

from providers.contract import CONTENT, FAILED, NOTHING, PROGRESS, Kind, StreamReader, Usage
from providers.translate.openai_chat__anthropic_messages import ChatOverMessages
from tests.chat_request import chat_request
from tests.golden.rewrite import cases

STREAMS = [
    case / "reply.upstream.sse"
    for case in cases("openai_chat__anthropic_messages")
    if (case / "reply.upstream.sse").exists()
]
WHOLE_STREAMS = [
    file for file in STREAMS if not file.parent.name.startswith(("cut_", "overloaded_"))
]


def reader(*, wants_usage: bool = True) -> StreamReader:
    """A reader to which the time was given as 7."""
    body = {"model": "m", "stream": True, "stream_options": {"include_usage": wants_usage}}
    return ChatOverMessages().stream(chat_request(json.dumps(body).encode()), created=7)


def event(kind: str, **members: object) -> bytes:
    data = json.dumps({"type": kind, **members}, ensure_ascii=False)
    return f"event: {kind}\ndata: {data}\n\n".encode()


def block_start(index: int = 0, **block: object) -> bytes:
    return event("content_block_start", index=index, content_block=block)


def block_delta(index: int = 0, **delta: object) -> bytes:
    return event("content_block_delta", index=index, delta=delta)


USAGE = {"input_tokens": 3, "output_tokens": 1}
START = event("message_start", message={"id": "msg_1", "model": "claude", "usage": USAGE})
TEXT = block_start(type="text", text="")
HELLO = block_delta(type="text_delta", text="Hello")
CLOSE = event("content_block_stop", index=0)
TOOL = block_start(type="tool_use", id="toolu_1", name="get", input={})
END = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 9})
STOP = event("message_stop")


def fed(*events: bytes) -> StreamReader:
    stream = reader()
    for one in events:
        stream.feed(one)
    return stream


def chunks(sent: bytes) -> list[ChatCompletionChunk]:
    payloads = sent.removesuffix(b"data: [DONE]\n\n").split(b"\n\n")[:-1]
    return [ChatCompletionChunk.model_validate_json(p.removeprefix(b"data: ")) for p in payloads]


def text_of(sent: bytes) -> str:
    return "".join(c.delta.content or "" for chunk in chunks(sent) for c in chunk.choices)


@pytest.mark.parametrize(
    ("before", "one", "signal"),
    [
        pytest.param([], START, PROGRESS, id="message_start"),
        pytest.param([], event("ping"), NOTHING, id="ping"),
        pytest.param([], b": comment\n\n", NOTHING, id="comment"),
        pytest.param([START], TEXT, PROGRESS, id="an empty text block"),
        pytest.param(
            [START], block_start(type="text", text="A"), CONTENT, id="a text block's text"
        ),
        pytest.param([START, TEXT], HELLO, CONTENT, id="text"),
        pytest.param(
            [START, TEXT], block_delta(type="text_delta", text=""), PROGRESS, id="empty text"
        ),
        pytest.param([START], TOOL, CONTENT, id="a tool call"),
        pytest.param(
            [START, TOOL],
            block_delta(type="input_json_delta", partial_json="{"),
            CONTENT,
            id="arguments",
        ),
        pytest.param(
            [START, TOOL],
            block_delta(type="input_json_delta", partial_json=""),
            PROGRESS,
            id="empty arguments",
        ),
        pytest.param([START, TOOL], CLOSE, CONTENT, id="the end of a call without arguments"),
        pytest.param(
            [START, block_start(type="thinking", thinking="")],
            block_delta(type="thinking_delta", thinking="Hm"),
            CONTENT,
            id="thinking",
        ),
        pytest.param(
            [START, block_start(type="thinking", thinking="")],
            block_delta(type="thinking_delta", thinking=""),
            PROGRESS,
            id="empty thinking",
        ),
        pytest.param(
            [START, block_start(type="thinking", thinking="")],
            block_delta(type="signature_delta", signature="Eq"),
            PROGRESS,
            id="signature",
        ),
        pytest.param([START, TEXT, HELLO], CLOSE, PROGRESS, id="the end of a text"),
        pytest.param([START, TEXT, HELLO, CLOSE], END, PROGRESS, id="message_delta"),
        pytest.param([START, TEXT, HELLO, CLOSE, END], STOP, PROGRESS, id="message_stop"),
        pytest.param([START, TEXT, HELLO, CLOSE, END, STOP], HELLO, NOTHING, id="after the end"),
        pytest.param([], event("error", error={"type": "api_error"}), FAILED, id="error"),
    ],
)
def test_each_event_signals_what_it_changes(before: list[bytes], one: bytes, signal: int) -> None:
    stream = fed(*before)

    assert stream.feed(one)[1] == signal


@pytest.mark.parametrize("file", STREAMS, ids=lambda file: file.parent.name)
def test_any_cut_between_reads_gives_the_same_bytes(file: Path) -> None:
    upstream = file.read_bytes()
    whole = reader()
    expected = whole.feed(upstream)[0]

    bytewise = reader()
    sent = b"".join(bytewise.feed(upstream[i : i + 1])[0] for i in range(len(upstream)))

    assert sent == expected
    assert bytewise.verdict() == whole.verdict()
    assert bytewise.end() == whole.end()


@given(data=st.data())
def test_any_chunking_gives_the_same_bytes(data: st.DataObject) -> None:
    upstream = data.draw(st.sampled_from(STREAMS)).read_bytes()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(upstream)), max_size=12)))
    expected, _ = reader().feed(upstream)

    stream = reader()
    pieces = zip([0, *cuts], [*cuts, len(upstream)], strict=True)
    sent = b"".join(stream.feed(upstream[start:end])[0] for start, end in pieces)

    assert sent == expected


@pytest.mark.parametrize("file", WHOLE_STREAMS, ids=lambda file: file.parent.name)
def test_a_stream_cut_anywhere_never_looks_whole(file: Path) -> None:
    upstream = file.read_bytes()
    for length in range(len(upstream)):
        stream = reader()
        sent, _ = stream.feed(upstream[:length])

        assert stream.verdict().kind is Kind.BROKEN_STREAM
        assert not stream.is_done
        assert b'"finish_reason":"' not in sent
        assert b"[DONE]" not in sent


@pytest.mark.parametrize("file", WHOLE_STREAMS, ids=lambda file: file.parent.name)
def test_a_whole_stream_is_done_at_its_last_byte(file: Path) -> None:
    stream = reader()
    stream.feed(file.read_bytes())

    assert stream.is_done
    assert stream.end().endswith(b"data: [DONE]\n\n")


@given(parts=st.lists(st.text(), max_size=8), is_escaped=st.booleans())
def test_translating_keeps_every_character(parts: list[str], is_escaped: bool) -> None:
    deltas = [
        block_delta(type="text_delta", text=part).decode()
        if not is_escaped
        else block_delta(type="text_delta", text="@").decode().replace('"@"', json.dumps(part))
        for part in parts
    ]
    upstream = b"".join((START, TEXT, "".join(deltas).encode(), CLOSE, END, STOP))

    sent, _ = reader().feed(upstream)

    assert text_of(sent) == "".join(parts)


@given(pieces=st.lists(st.text(min_size=1), min_size=1, max_size=6))
def test_translating_keeps_the_arguments(pieces: list[str]) -> None:
    deltas = [block_delta(type="input_json_delta", partial_json=piece) for piece in pieces]
    stream = reader()

    sent, _ = stream.feed(b"".join((START, TOOL, *deltas, CLOSE, END, STOP)))

    calls = [c for chunk in chunks(sent) for c in chunk.choices[0].delta.tool_calls or []]
    arguments = [call.function.arguments or "" for call in calls if call.function]
    assert "".join(arguments) == "".join(pieces)
    assert stream.is_flawed == (not _is_json("".join(pieces)))
    assert stream.verdict().kind is Kind.OK


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


@pytest.mark.parametrize(
    ("events", "detail"),
    [
        pytest.param([b"data: {\n\n"], "unreadable event", id="no JSON"),
        pytest.param([b"data: [1]\n\n"], "unreadable event", id="no object"),
        pytest.param([b'data: {"type":"ping","index":"a"}\n\n'], "unreadable event", id="index"),
        pytest.param([b'data: {"delta":"a"}\n\n'], "unreadable event", id="no type, odd member"),
        pytest.param([b'data: {"a":"\xff"}\n\n'], "not UTF-8", id="not UTF-8"),
        pytest.param([START, START], "second or empty message_start", id="two starts"),
        pytest.param([event("message_start")], "second or empty message_start", id="empty start"),
        pytest.param([TEXT], "misplaced content_block_start", id="block before the message"),
        pytest.param([START, TEXT, TEXT], "misplaced content_block_start", id="block opened twice"),
        pytest.param(
            [START, event("content_block_start", index=0)],
            "misplaced content_block_start",
            id="block without a block",
        ),
        pytest.param([START, HELLO], "delta outside a block", id="text outside a block"),
        pytest.param(
            [START, TEXT, event("content_block_delta", index=0)],
            "delta outside a block",
            id="delta without a delta",
        ),
        pytest.param(
            [START, CLOSE], "content_block_stop outside a block", id="stop outside a block"
        ),
        pytest.param(
            [START, block_start(type="tool_use", name="get")],
            "tool_use without id or name",
            id="call without id",
        ),
        pytest.param(
            [START, block_start(type="tool_use", id="toolu_1", name=3)],
            "tool_use without id or name",
            id="call with a number for a name",
        ),
        pytest.param(
            [START, TEXT, block_delta(type="text_delta", text=None)],
            "text_delta without text",
            id="null text",
        ),
        pytest.param(
            [START, block_start(type="thinking"), block_delta(type="thinking_delta")],
            "thinking_delta without thinking",
            id="no thinking",
        ),
        pytest.param(
            [START, TOOL, block_delta(type="input_json_delta", partial_json={})],
            "input_json_delta without partial_json",
            id="arguments as an object",
        ),
    ],
)
def test_a_stream_that_breaks_the_rules_is_corrupt(events: list[bytes], detail: str) -> None:
    stream = fed(*events)

    assert stream.fault is not None
    assert (stream.fault.kind, stream.fault.detail) == (Kind.CORRUPT_ANSWER, detail)
    assert stream.verdict() is stream.fault
    assert stream.feed(START) == (b"", NOTHING)


def test_what_came_before_a_fault_in_one_read_is_still_sent() -> None:
    stream = reader()

    sent, signal = stream.feed(START + TEXT + HELLO + b'data: {"a":"\xff"}\n\n' + HELLO)

    assert text_of(sent) == "Hello"
    assert signal == FAILED


@pytest.mark.parametrize(
    "blocks",
    [
        pytest.param((TEXT + CLOSE) * 1025, id="one after the other"),
        pytest.param(b"".join(block_start(n, type="text") for n in range(17)), id="at a time"),
    ],
)
def test_blocks_are_bounded(blocks: bytes) -> None:
    verdict = fed(START, blocks).verdict()

    assert (verdict.kind, verdict.detail) == (Kind.CORRUPT_ANSWER, "too many blocks")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        pytest.param({"type": "overloaded_error"}, Kind.OVERLOADED, id="overloaded"),
        pytest.param({"type": "rate_limit_error"}, Kind.THROTTLED, id="throttled"),
        pytest.param({"type": "made_up_error"}, Kind.UPSTREAM_FAULT, id="unknown"),
        pytest.param("sorry", Kind.UPSTREAM_FAULT, id="no object"),
    ],
)
def test_an_error_in_the_stream_is_judged_and_withheld(error: object, kind: Kind) -> None:
    stream = fed(START, TEXT, HELLO)

    assert stream.feed(event("error", error=error)) == (b"", FAILED)
    assert stream.verdict().kind is kind


def test_an_error_without_a_type_is_an_error() -> None:
    stream = fed(START, b'data: {"error":{"type":"overloaded_error"}}\n\n')

    assert stream.verdict().kind is Kind.OVERLOADED


def test_a_null_error_is_none() -> None:
    assert fed(START, b'data: {"error":null}\n\n').fault is None


@pytest.mark.parametrize(
    ("events", "kind"),
    [
        pytest.param([START, TEXT, CLOSE, END, STOP], Kind.CORRUPT_ANSWER, id="empty"),
        pytest.param(
            [
                START,
                block_start(type="thinking"),
                block_delta(type="thinking_delta", thinking="Hm"),
                CLOSE,
                END,
                STOP,
            ],
            Kind.CORRUPT_ANSWER,
            id="thinking alone",
        ),
        pytest.param(
            [START, event("message_delta", delta={"stop_reason": "max_tokens"}), STOP],
            Kind.OK,
            id="all tokens went into thinking",
        ),
        pytest.param(
            [START, event("message_delta", delta={"stop_reason": "refusal"}), STOP],
            Kind.REFUSED,
            id="refused at once",
        ),
        pytest.param([START, TEXT, HELLO, CLOSE, STOP], Kind.BROKEN_STREAM, id="no stop reason"),
        pytest.param([START, TEXT, HELLO, END, STOP], Kind.BROKEN_STREAM, id="a block left open"),
        pytest.param([], Kind.BROKEN_STREAM, id="nothing"),
        pytest.param(
            [START, TEXT, HELLO, CLOSE, event("message_delta"), END, STOP],
            Kind.OK,
            id="a message_delta with nothing in it",
        ),
    ],
)
def test_the_verdict_tells_a_whole_answer(events: list[bytes], kind: Kind) -> None:
    assert fed(*events).verdict().kind is kind


def test_an_unknown_stop_reason_does_not_look_finished() -> None:
    end = event("message_delta", delta={"stop_reason": "compaction"})
    stream = fed(START, TEXT, HELLO, CLOSE, end, STOP)

    assert chunks(stream.end())[0].choices[0].finish_reason == "length"


def test_arguments_in_the_start_are_sent_at_the_stop() -> None:
    tool = block_start(type="tool_use", id="toolu_1", name="get", input={"city": "Wien"})
    stream = fed(START, tool)

    sent, _ = stream.feed(CLOSE)

    calls = chunks(sent)[0].choices[0].delta.tool_calls or []
    assert [call.function and call.function.arguments for call in calls] == ['{"city": "Wien"}']


def test_of_arguments_too_long_to_check_nothing_is_claimed() -> None:
    half = block_delta(type="input_json_delta", partial_json=" " * 700_000)
    last = block_delta(type="input_json_delta", partial_json="{")
    stream = fed(START, TOOL, half, half, last, CLOSE, END, STOP)

    assert not stream.is_flawed
    assert stream.verdict().kind is Kind.OK


def test_counts_are_cumulative_and_the_first_token_is_no_count() -> None:
    stream = fed(START, TEXT, HELLO)
    early = stream.usage

    stream.feed(CLOSE + END)

    assert early == Usage(prompt_tokens=3)
    assert stream.usage == Usage(prompt_tokens=3, completion_tokens=9)
    assert stream.model == "claude"


def test_a_count_of_zero_is_a_count() -> None:
    end = event("message_delta", delta={"stop_reason": "refusal"}, usage={"output_tokens": 0})

    assert fed(START, end).usage == Usage(prompt_tokens=3, completion_tokens=0)


@pytest.mark.parametrize("usage", [3, [], {"output_tokens": -1}, {"input_tokens": "3"}])
def test_an_odd_usage_block_breaks_no_answer(usage: object) -> None:
    start = event("message_start", message={"id": "msg_1", "usage": usage})
    end = event("message_delta", delta={"stop_reason": "end_turn"}, usage=usage)
    stream = fed(start, TEXT, HELLO, CLOSE, end, STOP)

    assert stream.verdict().kind is Kind.OK
    assert stream.usage is None


def test_counts_that_come_only_at_the_end_are_taken() -> None:
    start = event("message_start", message={"id": "msg_1"})
    end = event("message_delta", delta={"stop_reason": "end_turn"}, usage=USAGE)

    assert fed(start, end).usage == Usage(prompt_tokens=3, completion_tokens=1)


def test_every_chunk_has_the_time_that_was_given() -> None:
    stream = reader()
    sent, _ = stream.feed(b"".join((START, TEXT, HELLO, CLOSE, END, STOP)))

    assert {chunk.created for chunk in chunks(sent + stream.end())} == {7}


@pytest.mark.parametrize(
    ("wants_usage", "count"), [pytest.param(True, 1, id="asked"), pytest.param(False, 0, id="not")]
)
def test_the_usage_chunk_comes_only_if_asked_for(wants_usage: bool, count: int) -> None:
    stream = reader(wants_usage=wants_usage)
    stream.feed(b"".join((START, TEXT, HELLO, CLOSE, END, STOP)))

    assert stream.end().count(b'"usage":') == count


def lines(*events: bytes, end: str) -> Iterable[bytes]:
    return (one.replace(b"\n", end.encode()) for one in events)


@pytest.mark.parametrize("end", ["\r\n", "\r"], ids=["CRLF", "CR"])
def test_other_line_ends_give_the_same_chunks(end: str) -> None:
    events = (START, TEXT, HELLO, CLOSE, END, STOP)

    assert reader().feed(b"".join(lines(*events, end=end))) == reader().feed(b"".join(events))
