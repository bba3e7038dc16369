"""A secret becomes one header field, or an error that does not quote it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Sign
from providers.signing.headers import UnusableCredentialError, api_key_header, bearer

VISIBLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1)


def test_bearer_puts_the_secret_into_authorization() -> None:
    assert bearer("sk-test") == [(b"authorization", b"Bearer sk-test")]


def test_api_key_header_puts_the_secret_alone_into_the_named_field() -> None:
    assert api_key_header("x-api-key")("sk-test") == [(b"x-api-key", b"sk-test")]


@pytest.mark.parametrize("sign", [bearer, api_key_header("api-key")])
@pytest.mark.parametrize(
    ("secret", "complaint"),
    [
        pytest.param("", "empty", id="empty"),
        pytest.param("s3cret\n", "a line break at character 7 of 7", id="trailing line feed"),
        pytest.param("s3cret\r\nx-evil: 1", "a line break at character 7", id="injected field"),
        pytest.param("s3 cret", "white space at character 3", id="space"),
        pytest.param("\ts3cret", "white space at character 1", id="tab"),
        pytest.param("s3cret\x00", "a control character at character 7", id="nul"),
        pytest.param("s3cret\x7f", "a control character at character 7", id="delete"),
        pytest.param("sécret", "a character outside ASCII at character 2", id="accent"),
        pytest.param("s3cret\u2028", "white space at character 7", id="line separator"),
    ],
)
def test_secret_that_no_header_can_carry_is_refused_with_its_place(
    sign: Sign, secret: str, complaint: str
) -> None:
    with pytest.raises(UnusableCredentialError, match=complaint) as refusal:
        sign(secret)

    assert "s3cret" not in str(refusal.value)


@given(VISIBLE)
def test_visible_ascii_arrives_unchanged(secret: str) -> None:
    ((_, value),) = bearer(secret)

    assert value.removeprefix(b"Bearer ").decode() == secret


@given(st.text())
def test_no_signed_value_holds_anything_but_visible_ascii(secret: str) -> None:
    try:
        ((_, value),) = api_key_header("x-api-key")(secret)
    except UnusableCredentialError:
        return

    assert all(0x21 <= byte <= 0x7E for byte in value)


@pytest.mark.parametrize("name", ["", "X-Api-Key", "x api key", "x-api-key:", "schlüssel", "-\r"])
def test_name_that_is_no_lower_case_field_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="header field name"):
        api_key_header(name)
