"""What a response is worth, streamed and whole."""

import json

import pytest

from providers.contract import (
    COMPLETE,
    CONTENT,
    DECLINED,
    EMPTY,
    PROGRESS,
    Dialect,
    Kind,
    Verdict,
)
from providers.translate.identity import IDENTITIES
from tests.providers.translate.answers import (
    COMPLETED,
    CREATED,
    MESSAGE,
    RESPONSE,
    SAYING,
    event,
    feed_all,
    named,
    reader_for,
    request_for,
)

DIALECT = Dialect.OPENAI_RESPONSES


def ended(status: str = "completed", **members: object) -> bytes:
    return named(f"response.{status}", response={**RESPONSE, "status": status, **members})


def streamed(*events: bytes) -> Verdict:
    reader = reader_for(DIALECT)
    feed_all(reader, list(events))
    return reader.verdict()


@pytest.mark.parametrize(
    ("raw", "signal"),
    [
        pytest.param(CREATED, PROGRESS, id="created"),
        pytest.param(named("response.in_progress", response={}), PROGRESS, id="in progress"),
        pytest.param(named("response.queued", response={}), PROGRESS, id="queued"),
        pytest.param(named("response.output_item.added", item=MESSAGE), PROGRESS, id="item added"),
        pytest.param(named("response.content_part.added", part={}), PROGRESS, id="part added"),
        pytest.param(named("response.web_search_call.searching"), PROGRESS, id="searching"),
        pytest.param(named("response.something.new", delta="x"), PROGRESS, id="unknown"),
        pytest.param(named("response.output_text.delta", delta=""), PROGRESS, id="empty delta"),
        pytest.param(named("response.output_text.delta", delta="a"), CONTENT, id="text"),
        pytest.param(named("response.output_text.done", text="a"), CONTENT, id="text at once"),
        pytest.param(named("response.output_text.done", text=""), PROGRESS, id="no text at once"),
        pytest.param(named("response.refusal.delta", delta="no"), CONTENT, id="refusal"),
        pytest.param(
            named("response.function_call_arguments.delta", delta="{"), CONTENT, id="arguments"
        ),
        pytest.param(
            named("response.function_call_arguments.done", arguments="{}"), CONTENT, id="at once"
        ),
        pytest.param(named("response.reasoning_text.delta", delta="hm"), CONTENT, id="reasoning"),
        pytest.param(
            named("response.reasoning_summary_text.delta", delta="hm"), CONTENT, id="summary"
        ),
        pytest.param(named("response.reasoning_text.delta", delta=""), PROGRESS, id="no thought"),
        pytest.param(named("response.output_item.done", item=MESSAGE), CONTENT, id="item done"),
        pytest.param(
            named("response.output_item.done", item={"type": "reasoning"}), PROGRESS, id="thoughts"
        ),
        pytest.param(
            named("response.output_item.done", item={"type": "message", "content": []}),
            PROGRESS,
            id="empty message",
        ),
    ],
)
def test_only_what_changes_the_clients_state_commits(raw: bytes, signal: int) -> None:
    assert reader_for(DIALECT).feed(raw) == (raw, signal)


@pytest.mark.parametrize(
    ("events", "verdict"),
    [
        pytest.param([CREATED, *SAYING, COMPLETED], COMPLETE, id="text"),
        pytest.param([CREATED, COMPLETED], COMPLETE, id="text in the last event alone"),
        pytest.param([CREATED, ended(output=[])], EMPTY, id="no output"),
        pytest.param([CREATED, ended(output=[{"type": "reasoning"}])], EMPTY, id="thoughts alone"),
        pytest.param([CREATED, *SAYING, ended(output=None)], COMPLETE, id="output left out"),
        pytest.param([ended(output=[{"type": "web_search_call"}])], COMPLETE, id="any call"),
        pytest.param(
            [ended("incomplete", output=[], incomplete_details={"reason": "max_output_tokens"})],
            COMPLETE,
            id="ran out of tokens",
        ),
        pytest.param(
            [ended("incomplete", incomplete_details={"reason": "content_filter"})],
            DECLINED,
            id="filtered",
        ),
        pytest.param(
            [CREATED, ended("failed", error={"code": "bio_policy", "message": "x"})],
            DECLINED,
            id="declined",
        ),
    ],
)
def test_response_that_ends_is_worth(events: list[bytes], verdict: Verdict) -> None:
    reader = reader_for(DIALECT)
    sent, _ = feed_all(reader, events)
    assert (reader.verdict(), reader.is_done) == (verdict, verdict.delivers)
    assert sent + reader.end() == b"".join(events), "the last word is kept, and kept back"


@pytest.mark.parametrize(
    ("events", "kind"),
    [
        pytest.param([], Kind.BROKEN_STREAM, id="nothing"),
        pytest.param([CREATED, *SAYING], Kind.BROKEN_STREAM, id="no terminal event"),
        pytest.param([*SAYING, b"data: [DONE]\n\n"], Kind.CORRUPT_ANSWER, id="last word of chat"),
        pytest.param(
            [CREATED, ended("failed", error={"code": "server_error", "message": "x"})],
            Kind.UPSTREAM_FAULT,
            id="failed",
        ),
        pytest.param(
            [ended("failed", error={"code": "rate_limit_exceeded"})], Kind.THROTTLED, id="throttled"
        ),
        pytest.param(
            [ended("failed", error={"code": "data_residency_mismatch"})],
            Kind.JURISDICTION_DENIED,
            id="residency",
        ),
        pytest.param([ended("failed", error=None)], Kind.UPSTREAM_FAULT, id="failed, unsaid"),
        pytest.param(
            [ended(error={"code": "server_error"})], Kind.UPSTREAM_FAULT, id="error inside"
        ),
        pytest.param(
            [named("error", code="server_is_overloaded", message="x", param=None)],
            Kind.OVERLOADED,
            id="flat error",
        ),
        pytest.param(
            [named("error", error={"code": "server_is_overloaded", "message": "x"})],
            Kind.OVERLOADED,
            id="nested error",
        ),
        pytest.param(
            [event(error={"message": "x", "code": 500})], Kind.UPSTREAM_FAULT, id="error of chat"
        ),
        pytest.param([event(type="response.completed")], Kind.CORRUPT_ANSWER, id="no response"),
        pytest.param([event(type="response.completed", response=7)], Kind.CORRUPT_ANSWER, id="odd"),
    ],
)
def test_response_that_does_not_end_is_a_fault(events: list[bytes], kind: Kind) -> None:
    assert streamed(*events).kind is kind


def test_failed_response_larger_than_a_refusal_is_still_read() -> None:
    error = {"code": "rate_limit_exceeded", "message": "x"}
    assert streamed(ended("failed", error=error, instructions="x" * 90_000)).kind is Kind.THROTTLED


def test_event_of_several_megabytes_is_read() -> None:
    assert streamed(*SAYING, ended(instructions="x" * 3_000_000)) == COMPLETE


def test_done_behind_the_last_word_belongs_to_it_once() -> None:
    reader = reader_for(DIALECT)
    done = b"data: [DONE]\r\n\r\n"
    feed_all(reader, [*SAYING, COMPLETED, b": c\n\n", done, done, done + SAYING[0]])
    assert reader.end() == COMPLETED + done


def test_flawed_arguments_are_delivered_and_noted() -> None:
    reader = reader_for(DIALECT)
    feed_all(reader, [ended(output=[{"type": "function_call", "arguments": '{"a":'}])])
    assert (reader.verdict(), reader.is_flawed) == (COMPLETE, True)


def whole(**members: object) -> Verdict:
    body = json.dumps({**RESPONSE, **members}).encode()
    return IDENTITIES[DIALECT].whole(request_for(DIALECT)).read(body)[0]


@pytest.mark.parametrize(
    ("members", "kind", "detail"),
    [
        pytest.param({}, Kind.OK, "", id="text"),
        pytest.param({"output": []}, Kind.CORRUPT_ANSWER, "empty", id="empty"),
        pytest.param({"status": "incomplete", "output": []}, Kind.OK, "", id="incomplete"),
        pytest.param(
            {"status": "in_progress"}, Kind.CORRUPT_ANSWER, "no terminal status", id="early"
        ),
        pytest.param({"status": None}, Kind.CORRUPT_ANSWER, "no terminal status", id="no status"),
        pytest.param({"status": 7}, Kind.CORRUPT_ANSWER, "not a response", id="odd status"),
        pytest.param(
            {"status": "failed", "error": {"code": "server_error"}},
            Kind.UPSTREAM_FAULT,
            "rule server_error",
            id="failed",
        ),
        pytest.param(
            {"status": "failed", "error": {"code": "invalid_prompt"}},
            Kind.REFUSED,
            "declined",
            id="declined",
        ),
    ],
)
def test_whole_response_is_judged(members: dict[str, object], kind: Kind, detail: str) -> None:
    assert whole(**members)[:2] == (kind, detail)


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"status":"completed","x":"\xff"}'])
def test_what_is_no_response_is_corrupt(body: bytes) -> None:
    verdict, _ = IDENTITIES[DIALECT].whole(request_for(DIALECT)).read(body)
    assert verdict.kind is Kind.CORRUPT_ANSWER


def test_whole_response_goes_on_as_it_came_and_tells_what_it_cost() -> None:
    body = json.dumps(RESPONSE, indent=1).encode()
    reader = IDENTITIES[DIALECT].whole(request_for(DIALECT))
    assert reader.read(body) == (COMPLETE, body)
    assert (reader.usage, reader.model, reader.is_flawed) == ((7, 5, 2), "m-2026-05-01", False)
