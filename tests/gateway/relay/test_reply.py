"""What an upstream said that is no answer."""

import pytest

from gateway.relay.reply import ERROR_BYTES, ErrorReply, is_answer
from providers.contract import (
    Headers,
    Kind,
    Verdict,
)
from tests.core_rig import JSON, SSE, WALL_S
from tests.gateway.relay.table_readers import Log, TableReader, begin


@pytest.mark.parametrize("is_stream", [True, False])
@pytest.mark.parametrize(("status", "shown"), [(400, 400), (404, 404), (401, 400), (403, 400)])
def test_clients_own_error_is_passed_on_and_never_as_a_login_failure(
    status: int, shown: int, is_stream: bool
) -> None:
    relay, _, sink = begin(TableReader(), is_stream=is_stream)
    relay.head(status, JSON)
    relay.body(b'{"error":{"message":"no"}}')
    relay.end(WALL_S)
    relay.deliver(Log(), Verdict(Kind.CALLER_ERROR))
    assert (sink.status, sink.data) == (shown, b'told:%d:{"error":{"message":"no"}}' % status)
    assert sink.headers[b"x-should-retry"] == b"false"


def test_error_body_is_kept_to_its_bound() -> None:
    reply = ErrorReply(500, JSON)
    for _ in range(3):
        reply.add(b"x" * (ERROR_BYTES // 2 + 1))
    assert len(reply.body) == ERROR_BYTES


@pytest.mark.parametrize(
    ("status", "headers", "kind", "claim"),
    [
        pytest.param(200, SSE, b"text/event-stream", True, id="stream"),
        pytest.param(200, [(b"content-type", b"Text/Event-Stream;charset=utf-8")],
                     b"text/event-stream", True, id="any case"),
        pytest.param(200, JSON, b"text/event-stream", False, id="json for a stream"),
        pytest.param(200, [], b"", True, id="no type, whole"),
        pytest.param(200, [*JSON, (b"content-encoding", b"gzip")], b"", False, id="gzip"),
        pytest.param(200, [*JSON, (b"content-encoding", b"Identity")], b"", True, id="identity"),
        pytest.param(201, JSON, b"", False, id="201"),
        pytest.param(307, JSON, b"", False, id="redirect"),
    ],
)  # fmt: skip
def test_head_of_an_answer(status: int, headers: Headers, kind: bytes, claim: bool) -> None:
    assert is_answer(status, headers, kind) is claim
