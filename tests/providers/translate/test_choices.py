"""What a stream of choices, and a whole one, is worth."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import (
    COMPLETE,
    CONTENT,
    DECLINED,
    EMPTY,
    NOTHING,
    PROGRESS,
    Charge,
    Dialect,
    Kind,
    Verdict,
)
from providers.translate.choices import ChoicesStream, ChoicesWhole
from providers.translate.identity import IDENTITIES
from tests.providers.translate.answers import (
    DONE,
    ROLE,
    STOP,
    USAGE,
    WORDS,
    called,
    chat,
    event,
    feed_all,
    reader_for,
    request_for,
    text,
)

CHAT, COMPLETIONS = Dialect.OPENAI_CHAT, Dialect.OPENAI_COMPLETIONS
BROKEN = Kind.BROKEN_STREAM


def streamed(*events: bytes, dialect: Dialect = CHAT, **members: object) -> Verdict:
    reader = reader_for(dialect, **members)
    feed_all(reader, list(events))
    return reader.verdict()


@pytest.mark.parametrize(
    ("delta", "signal"),
    [
        pytest.param({"content": "a"}, CONTENT, id="one letter"),
        pytest.param({"content": "ab"}, CONTENT, id="two letters"),
        pytest.param({"content": "null"}, CONTENT, id="the word null"),
        pytest.param({"content": " "}, CONTENT, id="blank"),
        pytest.param({"refusal": "no"}, CONTENT, id="refusal"),
        pytest.param({"reasoning": "hm"}, CONTENT, id="reasoning"),
        pytest.param({"reasoning_content": "hm"}, CONTENT, id="reasoning content"),
        pytest.param(called("", "f"), CONTENT, id="tool call"),
        pytest.param({"function_call": {"name": "f"}}, CONTENT, id="function call"),
        pytest.param({"audio": {"data": "…"}}, CONTENT, id="audio"),
        pytest.param({"content": [{"type": "text"}]}, CONTENT, id="list of parts"),
        pytest.param({"role": "assistant"}, PROGRESS, id="role"),
        pytest.param({"role": "assistant", "content": ""}, PROGRESS, id="empty text"),
        pytest.param({"content": None}, PROGRESS, id="null"),
        pytest.param({"content": []}, PROGRESS, id="no parts"),
        pytest.param({"tool_calls": [], "refusal": None}, PROGRESS, id="no calls"),
        pytest.param({}, PROGRESS, id="empty delta"),
    ],
)
def test_only_what_changes_the_clients_state_commits(delta: dict[str, object], signal: int) -> None:
    assert reader_for(CHAT).feed(chat(delta))[1] == signal


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b": keep-alive\n\n", id="comment"),
        pytest.param(b"\n\n", id="blank line"),
        pytest.param(b"data:\n\n", id="no data"),
        pytest.param(b"retry: 3\n\n", id="retry"),
    ],
)
def test_comments_are_no_sign_of_life_and_go_on(raw: bytes) -> None:
    assert reader_for(CHAT).feed(raw) == (raw, NOTHING)


@pytest.mark.parametrize(
    ("events", "kind", "detail"),
    [
        pytest.param([], BROKEN, "no terminal reason", id="nothing"),
        pytest.param([ROLE], BROKEN, "no terminal reason", id="role alone"),
        pytest.param([ROLE, DONE], BROKEN, "no terminal reason", id="last word alone"),
        pytest.param([ROLE, *WORDS, USAGE, DONE], BROKEN, "no terminal reason", id="no reason"),
        pytest.param([*WORDS, chat({}, "")], BROKEN, "no terminal reason", id="empty reason"),
        pytest.param([*WORDS, chat({}, "abort"), DONE], BROKEN, "ended by abort", id="vLLM abort"),
        pytest.param([*WORDS, chat({}, "error")], BROKEN, "ended by error", id="OpenRouter error"),
        pytest.param(
            [*WORDS, chat({}, "insufficient_system_resource")],
            BROKEN,
            "ended by insufficient_system_resource",
            id="DeepSeek",
        ),
        pytest.param([*WORDS, chat({}, "ERROR")], BROKEN, "ended by ERROR", id="Cohere"),
        pytest.param([USAGE, DONE], BROKEN, "no terminal reason", id="usage alone"),
    ],
)
def test_stream_without_an_end_is_broken(events: list[bytes], kind: Kind, detail: str) -> None:
    assert streamed(*events) == Verdict(kind, detail, charge=Charge.PARTIAL)


@pytest.mark.parametrize(
    ("events", "verdict"),
    [
        pytest.param([ROLE, *WORDS, STOP], COMPLETE, id="text"),
        pytest.param([ROLE, STOP, DONE], EMPTY, id="empty"),
        pytest.param([chat({"reasoning": "hm"}), STOP], EMPTY, id="thoughts alone"),
        pytest.param([ROLE, chat({}, "length")], COMPLETE, id="ran out of tokens"),
        pytest.param([ROLE, chat({}, "model_length")], COMPLETE, id="Mistral's window"),
        pytest.param([ROLE, chat({}, "tool_calls")], COMPLETE, id="tool_calls"),
        pytest.param([ROLE, chat({}, "content_filter")], DECLINED, id="filtered"),
        pytest.param([*WORDS, chat({}, "content_filter")], DECLINED, id="filtered half-way"),
        pytest.param([chat({"refusal": "no"}), STOP], DECLINED, id="declined in words"),
        pytest.param([*WORDS, chat({"refusal": "no"}), STOP], COMPLETE, id="said something first"),
    ],
)
def test_stream_with_an_end_is_worth(events: list[bytes], verdict: Verdict) -> None:
    assert streamed(*events) == verdict


def test_every_choice_that_was_asked_for_must_end() -> None:
    first = [*WORDS, STOP]
    second = [chat({"content": "b"}, index=1), chat({}, "stop", index=1)]
    assert streamed(*first, DONE, n=2).kind is BROKEN
    assert streamed(*first, *second, n=2) == COMPLETE
    assert streamed(*second, *first, second[0], n=2) == COMPLETE


@pytest.mark.parametrize(
    ("prompt", "choices"),
    [
        pytest.param("x", 1, id="text"),
        pytest.param(["x", "y"], 2, id="texts"),
        pytest.param([1, 2, 3], 1, id="tokens"),
        pytest.param([[1, 2], [3]], 2, id="lists of tokens"),
    ],
)
def test_every_prompt_is_answered(prompt: object, choices: int) -> None:
    events = [text("a", "stop", index) for index in range(choices * 2)]
    asked = {"dialect": COMPLETIONS, "prompt": prompt, "n": 2}
    assert streamed(*events, **asked) == COMPLETE  # type: ignore[arg-type]  # members of any kind
    assert streamed(*events[:-1], **asked).kind is BROKEN  # type: ignore[arg-type]  # as above


def test_more_choices_than_anybody_asks_for_are_a_fault() -> None:
    events = [chat({"content": "a"}, index=index) for index in range(129)]
    assert streamed(*events) == Verdict(
        Kind.CORRUPT_ANSWER, "too many choices", charge=Charge.PARTIAL
    )


def test_empty_text_of_a_completion_is_no_answer() -> None:
    assert streamed(text(""), text("", "stop"), dialect=COMPLETIONS) == EMPTY


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        pytest.param(
            event(error={"message": "x", "type": "server_error"}), Kind.UPSTREAM_FAULT, id="plain"
        ),
        pytest.param(event(error="Overloaded"), Kind.OVERLOADED, id="string"),
        pytest.param(
            event(error={"message": "x", "type": "overloaded_error"}),
            Kind.OVERLOADED,
            id="overloaded",
        ),
        pytest.param(
            event(type="error", error={"code": "server_is_overloaded", "message": "x"}),
            Kind.OVERLOADED,
            id="nested",
        ),
        pytest.param(event(object="error", message="x", code=503), Kind.OVERLOADED, id="flat"),
        pytest.param(event(detail="Internal Server Error"), Kind.UPSTREAM_FAULT, id="detail"),
        pytest.param(
            event(
                error={"code": 502, "message": "Provider disconnected"},
                choices=[{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}],
            ),
            Kind.UPSTREAM_FAULT,
            id="OpenRouter",
        ),
        pytest.param(
            event(error={"message": "x", "code": "insufficient_quota"}),
            Kind.QUOTA_EXHAUSTED,
            id="quota",
        ),
    ],
)
def test_error_in_a_stream_is_judged_by_the_fault_tables(raw: bytes, kind: Kind) -> None:
    verdict = streamed(ROLE, *WORDS, raw, DONE)
    assert (verdict.kind, verdict.charge) == (kind, Charge.PARTIAL)


@pytest.mark.parametrize("nothing", [None, {}, "", []])
def test_empty_error_member_is_no_error(nothing: object) -> None:
    choice = {"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}
    assert streamed(event(error=nothing, choices=[choice])) == COMPLETE


def test_event_without_choices_goes_on() -> None:
    filters = event(choices=[], prompt_filter_results=[])
    assert reader_for(CHAT).feed(filters) == (filters, PROGRESS)


def test_usage_event_is_stripped_and_read_where_only_we_asked() -> None:
    reader = reader_for(CHAT)
    assert reader.feed(USAGE) == (b"", PROGRESS)
    assert reader.usage == (7, 5, 2)
    asked = reader_for(CHAT, stream_options={"include_usage": True})
    assert asked.feed(USAGE) == (USAGE, PROGRESS)


def test_usage_in_a_chunk_with_text_is_read_and_stays() -> None:
    raw = event(choices=[{"index": 0, "delta": {"content": "a"}}], usage={"prompt_tokens": 3})
    reader = reader_for(CHAT)
    assert reader.feed(raw) == (raw, CONTENT)
    assert reader.usage == (3, None, None)


@pytest.mark.parametrize("usage", [7, "x", {"prompt_tokens": "7"}, {"prompt_tokens": -1}, [1]])
def test_odd_usage_is_unknown_and_breaks_nothing(usage: object) -> None:
    reader = reader_for(CHAT)
    feed_all(reader, [*WORDS, STOP, event(choices=[], usage=usage), DONE])
    assert reader.verdict() == COMPLETE
    assert reader.usage is None


@pytest.mark.parametrize(
    ("pieces", "is_flawed"),
    [
        pytest.param(['{"a":', "1}"], False, id="good"),
        pytest.param(['{"a":', "1"], True, id="cut off"),
        pytest.param(["gaben"], True, id="no JSON"),
        pytest.param(['"gaben"'], False, id="JSON, if of another kind"),
        pytest.param(["", ""], False, id="no arguments"),
    ],
)
def test_arguments_that_do_not_parse_are_delivered_and_noted(
    pieces: list[str], is_flawed: bool
) -> None:
    reader = reader_for(CHAT)
    feed_all(reader, [*[chat(called(piece)) for piece in pieces], chat({}, "tool_calls"), DONE])
    assert (reader.verdict(), reader.is_flawed) == (COMPLETE, is_flawed)


def test_arguments_of_two_calls_are_kept_apart() -> None:
    reader = reader_for(CHAT)
    events = [
        chat(called('{"a"', index=0)),
        chat(called("{}", index=1)),
        chat(called(":1}", index=0)),
    ]
    feed_all(reader, [*events, chat({}, "tool_calls")])
    assert not reader.is_flawed


def test_arguments_beside_text_are_collected() -> None:
    reader = reader_for(CHAT)
    both = {"content": "let me look", **called('{"a"')}
    feed_all(reader, [chat({"content": "Well"}), chat(both), chat(called(":1}"))])
    feed_all(reader, [chat({}, "tool_calls")])
    assert not reader.is_flawed


def test_arguments_beyond_the_bound_are_not_collected() -> None:
    reader = reader_for(CHAT)
    feed_all(reader, [chat(called("x" * 600_000)), chat(called("y" * 600_000)), chat(called("z"))])
    assert not reader.is_flawed


def test_tool_calls_of_another_shape_are_left_to_the_client() -> None:
    reader = reader_for(CHAT)
    assert reader.feed(chat({"tool_calls": [{"index": "0"}]}))[1] == CONTENT
    assert not reader.is_flawed


def whole(body: bytes, dialect: Dialect = CHAT, **members: object) -> Verdict:
    return IDENTITIES[dialect].whole(request_for(dialect, **members)).read(body)[0]


def completion(message: dict[str, object] | None, finish: str | None = "stop") -> bytes:
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return json.dumps({"choices": [choice], "model": "m"}).encode()


CORRUPT = Kind.CORRUPT_ANSWER


@pytest.mark.parametrize(
    ("body", "kind", "detail"),
    [
        pytest.param(b"", CORRUPT, "not a completion", id="empty body"),
        pytest.param(b"<html>login</html>", CORRUPT, "not a completion", id="page"),
        pytest.param(completion({"content": "hi"})[:-9], CORRUPT, "not a completion", id="cut off"),
        pytest.param(
            b'{"choices":[{"message":{"content":"\xff"}}]}', CORRUPT, "not UTF-8", id="UTF-8"
        ),
        pytest.param(b"{}", CORRUPT, "no choices", id="no choices"),
        pytest.param(b'{"choices":null}', CORRUPT, "no choices", id="choices is null"),
        pytest.param(b'{"choices":[]}', CORRUPT, "empty", id="empty choices"),
        pytest.param(completion({"content": None}), CORRUPT, "empty", id="no content"),
        pytest.param(completion(None), CORRUPT, "empty", id="no message"),
        pytest.param(
            completion({"content": "hi"}, None), CORRUPT, "no terminal reason", id="no end"
        ),
        pytest.param(completion({"content": "hi"}, "abort"), CORRUPT, "ended by abort", id="abort"),
        pytest.param(b'{"choices":' + b"[" * 9_000, CORRUPT, "not a completion", id="too deep"),
        pytest.param(completion({"content": "hi"}), Kind.OK, "", id="text"),
        pytest.param(completion({"content": ""}, "length"), Kind.OK, "", id="ran out of tokens"),
        pytest.param(completion({"tool_calls": [{}]}, "tool_calls"), Kind.OK, "", id="tool call"),
        pytest.param(completion({"function_call": {"name": "f"}}), Kind.OK, "", id="function call"),
        pytest.param(completion({"audio": {"id": "a"}}), Kind.OK, "", id="audio"),
        pytest.param(completion({"refusal": "no"}), Kind.REFUSED, "declined", id="refusal"),
        pytest.param(completion({}, "content_filter"), Kind.REFUSED, "declined", id="filtered"),
        pytest.param(
            b'{"error":{"code":"server_error"}}',
            Kind.UPSTREAM_FAULT,
            "rule server_error",
            id="error",
        ),
        pytest.param(
            b'{"error":"Unauthorized"}', Kind.UPSTREAM_FAULT, "status 500", id="error text"
        ),
        pytest.param(
            b'{"object":"error","message":"x","code":429}', Kind.THROTTLED, "status 429", id="flat"
        ),
        pytest.param(b'{"detail":"Not Found"}', Kind.UPSTREAM_FAULT, "status 500", id="detail"),
    ],
)
def test_whole_answer_is_judged(body: bytes, kind: Kind, detail: str) -> None:
    assert whole(body)[:2] == (kind, detail)


def test_whole_answer_lacks_a_choice() -> None:
    assert whole(completion({"content": "hi"}), n=2).detail == "no terminal reason"


def test_whole_completion_is_judged() -> None:
    body = b'{"choices":[{"index":0,"text":"a","finish_reason":"stop"}]}'
    assert whole(body, COMPLETIONS) == COMPLETE
    assert whole(body.replace(b'"a"', b'""'), COMPLETIONS) == EMPTY


def test_whole_answer_goes_on_as_it_came_and_tells_what_it_cost() -> None:
    body = (
        b'{ "choices":[{"message":{"content":"h\xc3\xa9"},"finish_reason":"stop"}],"model":"m",'
        b'"usage":{"prompt_tokens":7,"completion_tokens":5,"total_tokens":12} }'
    )
    reader = IDENTITIES[CHAT].whole(request_for(CHAT))
    assert reader.read(body) == (COMPLETE, body)
    assert (reader.usage, reader.model, reader.is_flawed) == ((7, 5, None), "m", False)


@pytest.mark.parametrize(("arguments", "is_flawed"), [('{"a":1}', False), ("{", True), ("", False)])
def test_flawed_arguments_of_a_whole_answer_are_noted(arguments: str, is_flawed: bool) -> None:
    reader = IDENTITIES[CHAT].whole(request_for(CHAT))
    verdict, _ = reader.read(completion(called(arguments, "f"), "tool_calls"))
    assert (verdict, reader.is_flawed) == (COMPLETE, is_flawed)


SAID = st.sampled_from([None, "", "a", "ab", [], [{"type": "text"}]])
WORD = "Hello there"  # long enough for the fast path
MESSAGE = st.fixed_dictionaries(
    {"content": st.just(WORD) | SAID},
    optional={
        "refusal": SAID,
        "reasoning": SAID,
        "audio": st.sampled_from([None, {"id": "a"}]),
        "function_call": st.sampled_from([None, {"name": "f"}]),
    },
)
REASON = st.sampled_from([None, "", "stop", "stop", "stop", "length", "content_filter", "abort"])
CHOICE = st.tuples(st.sampled_from([0, 0, 0, 1, 5]), MESSAGE | MESSAGE | st.none(), REASON)
REPLY = st.fixed_dictionaries(
    {"choices": st.lists(CHOICE, min_size=1, max_size=1) | st.lists(CHOICE, max_size=3)},
    optional={
        "error": st.sampled_from([None, {}, "", None, {"message": "x"}]),
        "usage": st.sampled_from([None, 7, {"prompt_tokens": 7}, {"prompt_tokens": "x"}]),
        "model": st.sampled_from([None, "m"]),
    },
)
SILENT_CALLS: dict[str, object] = {"tool_calls": []}  # keeps an answer off the fast path


def reply_of(drawn: dict[str, object], part: str, more: dict[str, object]) -> dict[str, object]:
    choices = [
        {"index": index, part: None if said is None else {**said, **more}, "finish_reason": reason}
        for index, said, reason in drawn["choices"]  # type: ignore[attr-defined]  # of any kind
    ]
    return {**drawn, "choices": choices}


@given(REPLY, st.sampled_from([1, 1, 1, 2]))
def test_usual_answer_is_worth_what_the_long_way_says(
    drawn: dict[str, object], expected: int
) -> None:
    fast, slow = ChoicesWhole(expected=expected), ChoicesWhole(expected=expected)
    verdict, _ = fast.read(json.dumps(reply_of(drawn, "message", {})).encode())
    assert verdict == slow.read(json.dumps(reply_of(drawn, "message", SILENT_CALLS)).encode())[0]
    assert (fast.usage, fast.model, fast.is_flawed) == (slow.usage, slow.model, slow.is_flawed)


@given(st.lists(REPLY, max_size=6), st.sampled_from([1, 1, 1, 2]))
def test_usual_event_is_judged_as_the_long_way_does(
    drawn: list[dict[str, object]], expected: int
) -> None:
    fast, slow = (ChoicesStream(expected=expected, strips_usage=True) for _ in range(2))
    for one in drawn:
        said, signal = fast.feed(event(**reply_of(one, "delta", {})))
        # Two events a read, of which the second tells nothing; an empty reason is none.
        detour = reply_of(one, "delta", {})
        detour["choices"] = [
            {**choice, "finish_reason": choice["finish_reason"] or ""}
            for choice in detour["choices"]  # type: ignore[attr-defined]  # of any kind
        ]
        slow_said, slow_signal = slow.feed(event(**detour) + b": c\n\n")
        assert (bool(said), signal) == (bool(slow_said.removesuffix(b": c\n\n")), slow_signal)
        assert (fast.fault, fast.verdict()) == (slow.fault, slow.verdict())
    assert (fast.usage, fast.model) == (slow.usage, slow.model)


def test_usual_answer_is_no_answer_to_two_choices() -> None:
    assert whole(completion({"content": WORD}), n=1) == COMPLETE
    assert whole(completion({"content": WORD}), n=2).detail == "no terminal reason"


def test_flawed_arguments_beside_text_are_noted() -> None:
    reader = IDENTITIES[CHAT].whole(request_for(CHAT))
    verdict, _ = reader.read(completion({"content": WORD, **called("{", "f")}))
    assert (verdict, reader.is_flawed) == (COMPLETE, True)


def test_second_choice_of_a_usual_chunk_is_read() -> None:
    first = {"index": 0, "delta": {"content": WORD}}
    assert (
        streamed(
            chat({"content": WORD}),
            event(choices=[first, {"index": 1, "delta": {"content": WORD}}]),
            chat({}, "stop"),
        ).detail
        == "no terminal reason"
    )


def test_text_of_a_choice_that_has_ended_does_not_open_it_again() -> None:
    assert streamed(chat({"content": WORD}), STOP, chat({"content": WORD})) == COMPLETE


def test_reason_that_comes_with_the_last_text_ends_the_choice() -> None:
    assert streamed(chat({"content": WORD}), chat({"content": WORD}, "stop")) == COMPLETE
    assert streamed(chat({"content": WORD}), chat({"content": WORD}, "abort")).kind is BROKEN


def test_text_of_too_many_choices_is_a_fault() -> None:
    events = [chat({"content": WORD}, index=index) for index in range(129)]
    assert streamed(*events).detail == "too many choices"


@pytest.mark.parametrize("prompt", [[7] * 9, [[7]] * 9, ["x"] * 9])
def test_tokens_of_one_prompt_are_not_taken_for_prompts(prompt: list[object]) -> None:
    events = [text("a", "stop", index) for index in range(9)]
    assert streamed(*events, dialect=COMPLETIONS, prompt=prompt) == COMPLETE
    is_one = prompt == [7] * 9
    first = streamed(events[0], dialect=COMPLETIONS, prompt=prompt)
    assert first.kind is (Kind.OK if is_one else BROKEN)
