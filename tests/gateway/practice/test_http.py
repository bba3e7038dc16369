"""Requests are read down to their bytes, however they are cut, and bounded."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.practice.http import BadMessageError, Message, MessageReader, render_chunk, render_head

HEAD = b"POST /v1/x?y=1 HTTP/1.1\r\nHost: a\r\nX-Request-ID: one\r\nContent-Length: 5\r\n\r\n"
CHUNKED = b"POST /v1/x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"


def take_all(reader: MessageReader) -> list[Message]:
    messages = []
    while (message := reader.take()) is not None:
        messages.append(message)
    return messages


@given(st.lists(st.integers(0, 400), max_size=12))
def test_any_cutting_gives_the_same_requests(cuts: list[int]) -> None:
    chunks = render_chunk(b"wor") + render_chunk(b"ld") + b"0\r\n\r\n"
    wire = HEAD + b"hello" + CHUNKED + chunks + HEAD + b"again"
    edges = [0, *sorted(min(cut, len(wire)) for cut in cuts), len(wire)]
    reader, found = MessageReader(), []
    for start, end in itertools.pairwise(edges):
        reader.feed(wire[start:end])
        found += take_all(reader)
    assert [message.body for message in found] == [b"hello", b"world", b"again"]
    assert [message.head for message in found] == [HEAD, CHUNKED, HEAD]
    assert (found[0].path, found[0].field("x-request-id")) == ("/v1/x", "one")


@pytest.mark.parametrize(
    ("wire", "status"),
    [
        pytest.param(b"hello\r\n\r\n", 400, id="no request line"),
        pytest.param(b"GET / HTTP/2\r\n\r\n", 400, id="another version"),
        pytest.param(b"GET / HTTP/1.1\r\nbroken\r\n\r\n", 400, id="no colon"),
        pytest.param(b"GET / HTTP/1.1\r\ncontent-length: -1\r\n\r\n", 400, id="negative length"),
        pytest.param(b"GET / HTTP/1.1\r\ncontent-length: 11\r\n\r\n", 413, id="too long"),
        pytest.param(CHUNKED + b"zz\r\n", 400, id="no size"),
        pytest.param(CHUNKED + b"-5\r\n", 413, id="negative size"),
        pytest.param(CHUNKED + b"b\r\n", 413, id="chunk too long"),
        pytest.param(b"GET / HTTP/1.1\r\nx: " + b"x" * 70_000, 431, id="endless head"),
    ],
)
def test_what_is_no_request_is_refused(wire: bytes, status: int) -> None:
    reader = MessageReader(max_body_bytes=10)
    reader.feed(wire)
    with pytest.raises(BadMessageError) as caught:
        reader.take()
    assert caught.value.status == status


def test_leftover_is_what_never_became_whole() -> None:
    reader = MessageReader()
    reader.feed(HEAD + b"he")
    assert reader.take() is None
    assert reader.leftover == (HEAD, b"he")


@pytest.mark.parametrize(
    ("line", "keeps"),
    [
        pytest.param(b"GET / HTTP/1.1\r\n", True, id="default"),
        pytest.param(b"GET / HTTP/1.1\r\nconnection: close\r\n", False, id="close"),
        pytest.param(b"GET / HTTP/1.0\r\n", False, id="1.0"),
        pytest.param(b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n", True, id="1.0 keep-alive"),
    ],
)
def test_connection_is_kept_as_the_client_wants(line: bytes, keeps: bool) -> None:
    reader = MessageReader()
    reader.feed(line + b"\r\n")
    message = reader.take()
    assert message is not None
    assert message.keeps_alive is keeps


def test_head_is_rendered_without_additions() -> None:
    assert render_head(529, [("A", "b")]) == b"HTTP/1.1 529 Unknown\r\nA: b\r\n\r\n"
