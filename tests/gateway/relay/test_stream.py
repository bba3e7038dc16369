"""What of a stream goes out, when, and what never does."""

import pytest

from gateway.relay.stream import HELD_BYTES, StreamRelay
from gateway.relay.whole import WholeRelay
from providers.contract import (
    COMPLETE,
    CONTENT,
    FAILED,
    NOTHING,
    PROGRESS,
    Kind,
)
from tests.core_rig import SSE, WALL_S, Core
from tests.gateway.relay.table_readers import BROKEN, Log, Reached, TablePair, TableReader, begin


def test_nothing_goes_out_before_the_commit_and_then_all_that_was_held() -> None:
    relay, exchange, sink = begin(TableReader((b"1", PROGRESS), (b"2", NOTHING), (b"3", CONTENT)))
    relay.head(200, SSE)
    assert [relay.body(b"x") for _ in range(3)] == [PROGRESS, NOTHING, CONTENT]
    assert not sink.is_open and exchange.status == 0
    relay.commit(Log())
    assert (sink.status, sink.data, exchange.bytes_out) == (200, b"123", 3)
    assert relay.is_open and not sink.is_finished
    relay.deliver(Log(), COMPLETE)
    assert sink.data == b"123<end>" and sink.is_finished


def test_what_was_held_dies_with_its_attempt() -> None:
    relay, _, sink = begin(TableReader((b"1", PROGRESS), (b"2", FAILED)))
    relay.head(200, SSE)
    relay.body(b"x")
    assert relay.body(b"x") == FAILED and relay.fault is BROKEN
    core = Core(["a"])
    core.ask()
    relay.begin(Reached(core, TablePair(TableReader((b"new", CONTENT)))))
    relay.head(200, SSE)
    relay.body(b"x")
    relay.commit(Log(2, (Kind.BROKEN_STREAM,)))
    assert sink.data == b"new"
    assert sink.headers[b"x-switchgear-failover"] == b"broken_stream"


def test_more_than_32_kib_held_back_commits() -> None:
    half = b"x" * (HELD_BYTES // 2)
    relay, *_ = begin(TableReader((half, PROGRESS), (half, PROGRESS), (b"!", PROGRESS)))
    relay.head(200, SSE)
    assert [relay.body(b"x") for _ in range(3)] == [PROGRESS, PROGRESS, CONTENT]


def test_whole_events_before_a_late_error_still_go_out() -> None:
    relay, _, sink = begin(TableReader((b"1", CONTENT), (b"2", FAILED)))
    relay.head(200, SSE)
    relay.body(b"x")
    relay.commit(Log())
    assert relay.body(b"x") == FAILED
    relay.break_off("stream_broken")
    assert sink.data.startswith(b"12data: ") and b'"stream_broken"' in sink.data
    assert b"<end>" not in sink.data and sink.is_finished


@pytest.mark.parametrize("code", ["stream_broken", "deadline_exceeded", "internal"])
def test_broken_stream_is_worded_for_every_code_of_the_engine(code: str) -> None:
    relay, _, sink = begin(TableReader((b"1", CONTENT)))
    relay.head(200, SSE)
    relay.body(b"x")
    relay.commit(Log())
    relay.break_off(code)
    assert code.encode() in sink.data


def test_answer_that_never_committed_is_sent_at_its_end() -> None:
    relay, _, sink = begin(TableReader((b"1", PROGRESS)))
    relay.head(200, SSE)
    relay.body(b"x")
    relay.deliver(Log(), relay.end(WALL_S))
    assert sink.data == b"1<end>"


@pytest.mark.parametrize("is_stream", [True, False])
def test_relay_answers_every_question_before_any_attempt(is_stream: bool) -> None:
    exchange, _ = Core(["a"]).ask(is_stream=is_stream)
    relay = StreamRelay(exchange) if is_stream else WholeRelay(exchange)
    assert relay.usage is relay.model is None
    assert not (relay.is_done or relay.is_flawed or relay.is_open or relay.waiting_bytes)
