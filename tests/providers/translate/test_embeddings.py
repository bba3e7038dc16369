"""A list of embeddings is whole, or it is none."""

import pytest

from providers.contract import COMPLETE, EMPTY, Dialect, Kind
from providers.errors import UnsupportedRequestError
from providers.translate.identity import IDENTITIES
from tests.providers.translate.answers import request_for

DIALECT = Dialect.OPENAI_EMBEDDINGS
PAIR = IDENTITIES[DIALECT]
GOOD = (
    b'{"object":"list","data":[{"index":0,"embedding":[0.1,-2e-3]},{"index":1,"embedding":"AAAA"}],'
    b'"model":"e","usage":{"prompt_tokens":4,"total_tokens":4}}'
)


def test_embeddings_go_on_as_they_came() -> None:
    reader = PAIR.whole(request_for(DIALECT))
    assert reader.read(GOOD) == (COMPLETE, GOOD)
    assert (reader.usage, reader.model, reader.is_flawed) == ((4, None, None), "e", False)


@pytest.mark.parametrize(
    ("body", "kind", "detail"),
    [
        pytest.param(b'{"data":[]}', EMPTY.kind, EMPTY.detail, id="empty list"),
        pytest.param(b"{}", Kind.CORRUPT_ANSWER, "no data", id="no data"),
        pytest.param(b"", Kind.CORRUPT_ANSWER, "not a list of embeddings", id="empty body"),
        pytest.param(b"<html>", Kind.CORRUPT_ANSWER, "not a list of embeddings", id="page"),
        pytest.param(GOOD[:-30], Kind.CORRUPT_ANSWER, "not a list of embeddings", id="cut off"),
        pytest.param(GOOD.replace(b"AAAA", b"\xff"), Kind.CORRUPT_ANSWER, "not UTF-8", id="UTF-8"),
        pytest.param(
            b'{"data":[{"index":0}]}',
            Kind.CORRUPT_ANSWER,
            "an embedding is missing",
            id="no vector",
        ),
        pytest.param(
            b'{"data":[{"embedding":[]}]}',
            Kind.CORRUPT_ANSWER,
            "an embedding is missing",
            id="empty",
        ),
        pytest.param(
            b'{"error":{"code":"rate_limit_exceeded"}}',
            Kind.THROTTLED,
            "rule rate_limit_exceeded",
            id="error",
        ),
        pytest.param(b'{"message":"x","code":503}', Kind.OVERLOADED, "status 503", id="flat error"),
    ],
)
def test_what_is_no_embedding_is_told(body: bytes, kind: Kind, detail: str) -> None:
    assert PAIR.whole(request_for(DIALECT)).read(body)[0][:2] == (kind, detail)


def test_embeddings_are_never_streamed() -> None:
    with pytest.raises(UnsupportedRequestError) as caught:
        PAIR.stream(request_for(DIALECT))
    assert caught.value.field == "stream"
