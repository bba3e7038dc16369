"""What is true of every judged stream, whatever its dialect and however its bytes come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import CONTENT, FAILED, Charge, Kind
from tests.providers.translate.answers import (
    ANSWERS,
    DONE,
    ROLE,
    SAYING,
    STOP,
    USAGE,
    WORDS,
    Answer,
    chat,
    cut_at,
    event,
    feed_all,
    reader_for,
)

CASES = [pytest.param(answer, id=name) for name, answer in ANSWERS.items()]
ENDS = [
    pytest.param(b"\n", id="lf"),
    pytest.param(b"\r\n", id="crlf"),
    pytest.param(b"\r", id="cr"),
]


def expected_bytes(answer: Answer, end: bytes) -> bytes:
    """The stream itself, less the usage event where it was not asked for.

    A last word that the upstream left out is said in its place.
    """
    is_stripped = "stream_options" not in answer.members
    kept = [part for part in answer.events if not (is_stripped and part == USAGE)]
    lacks_last_word = answer is ANSWERS["no last word"]
    return b"".join(kept).replace(b"\n", end) + (DONE if lacks_last_word else b"")


@pytest.mark.parametrize("answer", CASES)
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("size", [1, 3, 64, 100_000])
def test_whole_answer_is_delivered_byte_for_byte(answer: Answer, end: bytes, size: int) -> None:
    raw = answer.raw.replace(b"\n", end)
    reader = answer.reader()
    sent, top = feed_all(reader, [raw[i : i + size] for i in range(0, len(raw), size)])
    assert reader.verdict().delivers
    assert (sent + reader.end(), top) == (expected_bytes(answer, end), CONTENT)


@pytest.mark.parametrize("answer", CASES)
@pytest.mark.parametrize("end", ENDS)
def test_paced_answer_is_delivered_byte_for_byte(answer: Answer, end: bytes) -> None:
    reader = answer.reader()
    sent, _ = feed_all(reader, [part.replace(b"\n", end) for part in answer.events])
    assert sent + reader.end() == expected_bytes(answer, end)


@pytest.mark.parametrize("answer", CASES)
@pytest.mark.parametrize("end", ENDS)
def test_answer_cut_off_anywhere_is_never_whole(answer: Answer, end: bytes) -> None:
    raw = answer.raw.replace(b"\n", end)
    needed = len(b"".join(answer.events[: answer.needed]).replace(b"\n", end))
    reader = answer.reader()
    for place in range(needed):
        assert not reader.verdict().delivers
        assert not reader.is_done
        reader.feed(raw[place : place + 1])
    assert reader.verdict().delivers


@given(st.sampled_from(list(ANSWERS.values())), st.integers(0, 3000), st.data())
def test_answer_cut_off_in_any_chunking_is_never_whole(
    answer: Answer, length: int, data: st.DataObject
) -> None:
    raw = answer.raw[:length]
    reader = answer.reader()
    cuts = data.draw(st.lists(st.integers(0, len(raw)), max_size=12))
    sent, _ = feed_all(reader, cut_at(raw, cuts))
    assert reader.verdict().delivers == (len(raw) >= answer.needed_bytes)
    assert expected_bytes(answer, b"\n").startswith(sent)


EVENTS = st.one_of(
    st.sampled_from([ROLE, *WORDS, STOP, USAGE, DONE, *SAYING, ANSWERS["response"].events[-1]]),
    st.sampled_from([event(error={"message": "x"}), chat({}, "abort"), b": c\n\n", b"\r\n"]),
    st.sampled_from([b"data: {\n\n", b"data: \xff\n\n"]),
)


@given(
    st.sampled_from(list(ANSWERS.values())),
    st.lists(EVENTS, max_size=10),
    st.lists(st.integers(0, 1500), max_size=15),
    st.booleans(),
)
def test_any_chunking_gives_the_same_bytes_signal_and_verdict(
    answer: Answer, events: list[bytes], cuts: list[int], is_crlf: bool
) -> None:
    raw = b"".join(events)
    if is_crlf:
        raw = raw.replace(b"\n", b"\r\n")
    one, many = answer.reader(), answer.reader()
    assert feed_all(many, cut_at(raw, cuts)) == feed_all(one, [raw])
    assert (many.verdict(), many.end(), many.fault) == (one.verdict(), one.end(), one.fault)
    assert (many.usage, many.model, many.is_done) == (one.usage, one.model, one.is_done)


@given(
    st.sampled_from(list(ANSWERS.values())),
    st.integers(0, 3000),
    st.binary(min_size=1, max_size=3),
)
def test_damaged_answer_breaks_nothing_but_itself(
    answer: Answer, place: int, damage: bytes
) -> None:
    raw = answer.raw
    place %= len(raw)
    reader = answer.reader()
    sent, top = feed_all(reader, [raw[:place] + damage + raw[place + len(damage) :]])
    assert (top == FAILED) == (reader.fault is not None)
    assert sent == b"" or sent.endswith((b"\n\n", b"\r"))


@pytest.mark.parametrize("answer", CASES)
@pytest.mark.parametrize("size", [7, 100_000])
def test_error_behind_text_ends_the_stream_and_is_not_sent(answer: Answer, size: int) -> None:
    good = b"".join(answer.events[: answer.needed - 1])
    error = event(error={"message": "engine died", "type": "InternalServerError", "code": 500})
    raw = good + error + DONE
    reader = answer.reader()
    sent, top = feed_all(reader, [raw[i : i + size] for i in range(0, len(raw), size)])
    assert (sent, top) == (good, FAILED)
    assert reader.verdict() == reader.fault
    assert reader.verdict().kind is Kind.UPSTREAM_FAULT
    assert reader.verdict().charge is Charge.PARTIAL
    assert not reader.is_done
    assert reader.feed(answer.raw) == (b"", 0)


@pytest.mark.parametrize("answer", CASES)
@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(b"data: {nope}\n\n", id="no JSON"),
        pytest.param(b"data: <html>\n\n", id="page"),
        pytest.param(b'data: {"choices":7,"type":7}\n\n', id="wrong types"),
        pytest.param(b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n', id="bad UTF-8"),
        pytest.param(b"data: {" + b"[" * 100_000 + b"\n\n", id="too deep"),
        pytest.param(b"data: []\n\n", id="list"),
        pytest.param(b"data: " + b"x" * 9_000_000, id="too large"),
    ],
)
def test_unreadable_event_is_a_corrupt_answer(answer: Answer, bad: bytes) -> None:
    reader = answer.reader()
    sent, top = feed_all(reader, [answer.events[0] + bad])
    assert (sent, top) == (answer.events[0], FAILED)
    assert reader.verdict().kind is Kind.CORRUPT_ANSWER


@pytest.mark.parametrize("answer", CASES)
def test_usage_and_model_are_read(answer: Answer) -> None:
    reader = answer.reader()
    feed_all(reader, [answer.raw])
    says_usage = USAGE in answer.events or b"response.created" in answer.raw
    assert reader.usage == ((7, 5, 2) if says_usage else None)
    assert reader.model in ("m", "m-2026-05-01")
    assert not reader.is_flawed


@pytest.mark.parametrize("answer", CASES)
def test_last_word_makes_a_whole_answer_done(answer: Answer) -> None:
    reader = answer.reader()
    feed_all(reader, answer.events)
    assert reader.is_done is (answer is not ANSWERS["no last word"])
    assert reader.end() in (b"", DONE, b"".join(answer.events[answer.needed - 1 :]))


def test_what_comes_behind_the_last_word_is_left_out() -> None:
    reader = reader_for(ANSWERS["chat"].dialect)
    sent, _ = feed_all(reader, [*WORDS, STOP, DONE, event(error={"message": "x"}), WORDS[0]])
    assert (sent, reader.end()) == (b"".join([*WORDS, STOP]), DONE)
    assert reader.is_done
