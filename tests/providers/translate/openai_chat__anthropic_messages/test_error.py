import msgspec
import pytest

from providers.translate.openai_chat__anthropic_messages import ChatOverMessages


def rendered(status: int, body: bytes) -> dict[str, object]:
    error: dict[str, object] = msgspec.json.decode(ChatOverMessages().error(status, body))["error"]
    return error


def test_type_message_and_code_are_kept() -> None:
    error = b'{"type":"invalid_request_error","message":"Za\xc5\xbc","details":{"error_code":"x"}}'
    body = b'{"type":"error","error":%b,"request_id":"req_1"}' % error

    assert rendered(400, body) == {
        "message": "Zaż",
        "type": "invalid_request_error",
        "param": None,
        "code": "x",
    }


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<html>413 Request Entity Too Large</html>", id="HTML"),
        pytest.param(b"", id="nothing"),
        pytest.param(b'{"detail":"x"}', id="another vendor's"),
        pytest.param(b'{"error":"x"}', id="no object"),
        pytest.param(b'{"error":{"message":3}}', id="a number for a message"),
        pytest.param(b'{"error":{"message":"\xff"}}', id="not UTF-8"),
    ],
)
def test_a_body_that_is_not_the_vendors_is_replaced(body: bytes) -> None:
    error = rendered(413, body)

    assert error["message"] == "The upstream refused the request with status 413."
    assert error["code"] is None
