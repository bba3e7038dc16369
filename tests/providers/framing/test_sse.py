"""Events are cut by the standard, byte for byte, however the bytes come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.framing.sse import EVENT_BYTES, EventSplitter, is_utf8, parse

Seen = list[tuple[bytes, bytes, bytes | None]]


def feed_all(chunks: list[bytes], limit_bytes: int = EVENT_BYTES) -> tuple[Seen, str]:
    splitter = EventSplitter(limit_bytes)
    seen: Seen = []
    for chunk in chunks:
        seen += splitter.feed(chunk)
    return seen, splitter.fault


def cut_at(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({min(cut, len(data)) for cut in cuts})
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


@pytest.mark.parametrize(
    ("event", "name", "data"),
    [
        pytest.param(b'data: {"a":1}\n\n', b"", b'{"a":1}', id="usual"),
        pytest.param(b'data:{"a":1}\n\n', b"", b'{"a":1}', id="no blank"),
        pytest.param(b'data: {"a":1}\r\n\r\n', b"", b'{"a":1}', id="crlf"),
        pytest.param(b'data: {"a":1}\r\r', b"", b'{"a":1}', id="cr"),
        pytest.param(b'data: {"a":1}\r\n\n', b"", b'{"a":1}', id="crlf then lf"),
        pytest.param(b'data: {"a":1}\n\r\n', b"", b'{"a":1}', id="lf then crlf"),
        pytest.param(b"data: {\ndata: }\n\n", b"", b"{\n}", id="two lines of data"),
        pytest.param(b'event: x\ndata: {"a":1}\n\n', b"x", b'{"a":1}', id="named"),
        pytest.param(b'event: x\r\ndata: {"a":1}\r\n\r\n', b"x", b'{"a":1}', id="named, crlf"),
        pytest.param(b'data: {"a":1}\nevent: x\n\n', b"x", b'{"a":1}', id="name behind the data"),
        pytest.param(b"id: 7\nretry: 5\ndata: a\n\n", b"", b"a", id="other fields"),
        pytest.param(b": comment\n\n", b"", None, id="comment"),
        pytest.param(b"\n\n", b"", None, id="blank"),
        pytest.param(b"event: ping\n\n", b"ping", None, id="no data"),
        pytest.param(b"data\n\n", b"", b"", id="field without colon"),
        pytest.param(b'data: {"a":1,\r"b":2}\n\n', b"", b'{"a":1,', id="bare cr ends a line"),
        pytest.param("data: {é}\n\n".encode(), b"", "{é}".encode(), id="not ascii"),
    ],
)
def test_event_is_read_by_the_standard(event: bytes, name: bytes, data: bytes | None) -> None:
    assert feed_all([event]) == ([(event, name, data)], "")
    assert parse(event) == (name, data)


def test_lone_cr_as_blank_line_is_seen_with_the_next_byte() -> None:
    seen, _ = feed_all([b"data: a\n\rdata: b\n\n"])
    assert [data for _, _, data in seen] == [b"a", b"b"]


def test_byte_order_mark_counts_at_the_start_alone() -> None:
    seen, _ = feed_all([b"\xef\xbb\xbfdata: a\n\n", b"\xef\xbb\xbfdata: b\n\n"])
    assert seen == [
        (b"\xef\xbb\xbfdata: a\n\n", b"", b"a"),
        (b"\xef\xbb\xbfdata: b\n\n", b"", None),
    ]


def test_half_an_event_is_never_given() -> None:
    assert feed_all([b"data: a\n\ndata: b\n"]) == ([(b"data: a\n\n", b"", b"a")], "")


PIECES = st.one_of(
    st.sampled_from([b"data: ", b"data:", b"event: x", b": c", b"[DONE]", b"data: {}\n\n"]),
    st.sampled_from([b"\n", b"\r", b"\r\n", b"\n\n", b"\r\n\r\n", b"\r\r"]),
    st.sampled_from([b'{"a":1}', b"x", "é".encode(), b"\xef\xbb\xbf"]),
)


@given(st.lists(PIECES, max_size=30), st.lists(st.integers(0, 150), max_size=20))
def test_any_chunking_gives_the_same_events(pieces: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(pieces)
    assert feed_all(cut_at(stream, cuts)) == feed_all([stream])


@given(st.lists(PIECES, max_size=30))
def test_events_and_rest_are_the_stream_itself(pieces: list[bytes]) -> None:
    stream = b"".join(pieces)
    seen, _ = feed_all([bytes([byte]) for byte in stream])
    given_bytes = b"".join(raw for raw, _, _ in seen)
    assert stream.startswith(given_bytes)
    assert b"\n\n" not in stream[len(given_bytes) :]


@given(st.lists(st.integers(0, 60), max_size=8))
def test_bad_utf8_ends_the_reading_behind_the_good_events(cuts: list[int]) -> None:
    stream = b'data: {"a":1}\n\ndata: {"b":"\xff"}\n\ndata: {"c":1}\n\n'
    seen, fault = feed_all(cut_at(stream, cuts))
    assert [data for _, _, data in seen] == [b'{"a":1}']
    assert fault == "not UTF-8"


@pytest.mark.parametrize("size", [1, 7, 64, 1000])
@pytest.mark.parametrize("line", [b"x", b"data: x\n", b"\n\r"])
def test_event_over_the_limit_ends_the_reading(size: int, line: bytes) -> None:
    stream = b"data: ok\n\ndata: " + (line * 200)[:200].replace(b"\n\r", b"ab")
    chunks = [stream[i : i + size] for i in range(0, len(stream), size)]
    seen, fault = feed_all(chunks, limit_bytes=100)
    assert [data for _, _, data in seen] == [b"ok"]
    assert fault == "event too large"


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n"])
def test_limit_holds_for_an_event_that_comes_whole(end: bytes) -> None:
    event = b"data: {" + b"x" * 100 + b"}"
    size = len(event + end)
    assert feed_all([event + end], limit_bytes=size - 1) == ([], "event too large")
    assert len(feed_all([event + end], limit_bytes=size)[0]) == 1


def test_nothing_is_read_after_a_fault() -> None:
    splitter = EventSplitter(10)
    splitter.feed(b"x" * 11)
    assert splitter.feed(b"data: {}\n\n") == []


def test_many_short_reads_of_one_event_are_joined_once() -> None:
    splitter = EventSplitter()
    for _ in range(20_000):  # quadratic joining would copy 1.6 GB here
        assert splitter.feed(b"data: x\n") == []
    ((raw, _, data),) = splitter.feed(b"\n")
    assert len(raw) == 20_000 * 8 + 1
    assert data is not None
    assert len(data) == 20_000 * 2 - 1


@given(st.lists(PIECES, max_size=12), st.lists(st.integers(0, 60), max_size=12))
def test_one_event_a_read_is_read_as_any_other(pieces: list[bytes], cuts: list[int]) -> None:
    one, all_at_once = EventSplitter(60), EventSplitter(60)
    for chunk in cut_at(b"".join(pieces), cuts):
        data = one.feed_one(chunk)
        events = all_at_once.feed(chunk)
        if data is None:
            assert one.feed(chunk) == events
        else:
            ((raw, _, payload),) = events
            assert (raw, payload) == (chunk, data)
        assert one.fault == all_at_once.fault


@pytest.mark.parametrize(
    ("read", "data"),
    [
        pytest.param(b'data: {"a":1}\n\n', b'{"a":1}', id="usual"),
        pytest.param(b'event: x\ndata: {"a":1}\n\n', b'{"a":1}', id="named"),
        pytest.param(b"data: {}\n\ndata: {}\n\n", None, id="two"),
        pytest.param(b"data: {}\n", None, id="half"),
        pytest.param(b"data: {}\r\n\r\n", None, id="crlf"),
        pytest.param(b"data: [DONE]\n\n", None, id="last word"),
        pytest.param(b'data: {"\xff"}\n\n', None, id="bad UTF-8"),
        pytest.param(b"data: {" + b"x" * EVENT_BYTES + b"}\n\n", None, id="too large"),
    ],
)
def test_read_that_is_one_usual_event_is_told(read: bytes, data: bytes | None) -> None:
    assert EventSplitter().feed_one(read) == data


def test_event_behind_half_an_event_is_no_read_of_one() -> None:
    splitter = EventSplitter()
    splitter.feed(b"id: 1\n")
    assert splitter.feed_one(b"data: {}\n\n") is None


@pytest.mark.parametrize("before", [65_533, 65_534, 65_535, 65_536, 131_070])
@pytest.mark.parametrize(
    ("text", "is_good"),
    [
        pytest.param("\u00e9\u20ac\U0001f600".encode(), True, id="good"),
        pytest.param(b"\xff", False, id="no first byte"),
        pytest.param(b"\xe2\x82", False, id="cut off"),
        pytest.param(b"\xe2\x82x", False, id="cut short"),
        pytest.param(b"\xed\xa0\x80", False, id="surrogate"),
    ],
)
@pytest.mark.parametrize("behind", [0, 70_000])
def test_large_text_is_checked_across_its_pieces(
    before: int, text: bytes, is_good: bool, behind: int
) -> None:
    assert is_utf8(b"x" * before + text + b"x" * behind) is is_good
