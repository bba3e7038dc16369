import httpx2
import msgspec
import pytest
from anthropic import Anthropic, APIStatusError

from providers.dialects import anthropic_messages as dialect


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        pytest.param(400, "invalid_request_error", id="400"),
        pytest.param(401, "authentication_error", id="401"),
        pytest.param(422, "invalid_request_error", id="an unlisted 4xx"),
        pytest.param(429, "rate_limit_error", id="429"),
        pytest.param(501, "api_error", id="an unlisted 5xx"),
        pytest.param(503, "overloaded_error", id="503"),
    ],
)
def test_an_error_has_the_type_of_its_status(status: int, kind: str) -> None:
    body = msgspec.json.decode(dialect.error(status, "limit_reached", 'Say "when"'))

    assert body == {
        "type": "error",
        "error": {
            "type": kind,
            "message": 'Say "when"',
            "details": {"error_code": "limit_reached"},
        },
    }


def test_the_vendors_sdk_reads_our_errors() -> None:
    body = dialect.error(501, "not_implemented", "Messages is not served here.")
    transport = httpx2.MockTransport(lambda request: httpx2.Response(501, content=body))
    client = Anthropic(
        api_key="x", max_retries=0, http_client=httpx2.Client(transport=transport, trust_env=False)
    )

    with client, pytest.raises(APIStatusError) as raised:
        client.messages.create(model="m", max_tokens=1, messages=[])

    assert raised.value.error_code == "not_implemented"
    assert raised.value.api_message == "Messages is not served here."


def test_a_broken_stream_ends_in_an_error_event() -> None:
    event = dialect.stream_error("stream_broken", "The upstream broke off.")

    head, data, end, _ = event.split(b"\n")
    assert (head, end) == (b"event: error", b"")
    assert msgspec.json.decode(data.removeprefix(b"data: "))["error"] == {
        "type": "api_error",
        "message": "The upstream broke off.",
        "details": {"error_code": "stream_broken"},
    }
