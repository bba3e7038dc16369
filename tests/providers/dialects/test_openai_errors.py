"""A caller's own error goes back as it was told, in OpenAI's shape, and never as a page."""

import json

import pytest

from providers.dialects.openai_errors import as_told


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"error":{"message":"too long","type":"x","code":"y"}}', id="compact"),
        pytest.param(b'{ "error" : {"message": "m"} , "request_id":"r"}\n', id="with blanks"),
    ],
)
def test_error_of_openais_shape_is_not_touched(body: bytes) -> None:
    assert as_told(400, body) == body


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(b'{"error":"Unauthorized"}', "Unauthorized", id="string"),
        pytest.param(b'{"message":"too many tokens","id":"1"}', "too many tokens", id="flat"),
        pytest.param(b'{"detail":"Not Found"}', "Not Found", id="detail"),
        pytest.param(b'{"detail":[{"loc":["n"],"msg":"bad n"}]}', "bad n", id="list of details"),
        pytest.param(
            b'[{"error":{"code":400,"message":"bad","status":"X"}}]', "bad", id="in a list"
        ),
        pytest.param(b'{"type":"error","error":{"message":7},"message":"m"}', "m", id="odd error"),
    ],
)
def test_error_of_another_shape_is_put_into_it(body: bytes, message: str) -> None:
    assert json.loads(as_told(400, body))["error"]["message"] == message


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<html><script>alert(1)</script></html>", id="page"),
        pytest.param(b"", id="empty"),
        pytest.param(b"\xff\xfe", id="bad UTF-8"),
        pytest.param(b"7", id="number"),
        pytest.param(b"[]", id="empty list"),
        pytest.param(b'{"message":7}', id="no text"),
        pytest.param(b'{"error":{"message":"' + b"x" * 70_000 + b'"}}', id="too large"),
        pytest.param(b"[" * 50_000, id="too deep"),
    ],
)
def test_what_is_no_error_is_never_reflected(body: bytes) -> None:
    error = json.loads(as_told(422, body))["error"]
    assert error["message"] == "the upstream refused the request and did not say why"
    assert error["code"] == "invalid_request"
