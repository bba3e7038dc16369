"""Static credentials: from a secret to the one header field that carries it.

A secret comes from a file or the environment and goes into a header line as it is, so that a
line break in it would end the field and begin another (RFC 9110, 5.5).  Secrets are refused
unless every character is visible ASCII; the error never quotes one.
"""

from providers.contract import Headers, Sign
from providers.errors import ProviderError


class UnusableCredentialError(ProviderError):
    """A secret that no header field can carry; the text says what is wrong, never the secret."""


def bearer(secret: str) -> Headers:
    """`Authorization: Bearer …` (RFC 6750).  Raises UnusableCredentialError."""
    return [(b"authorization", b"Bearer " + _visible_ascii(secret))]


def api_key_header(name: str) -> Sign:
    """A signer that puts the secret alone into the field `name`, given in lower case.

    Raises ValueError for a name that is no header field name; the signer raises
    UnusableCredentialError.
    """
    if (
        not name
        or not name.replace("-", "").isalnum()
        or not name.isascii()
        or name != name.lower()
    ):
        raise ValueError(f"{name!r} is not a header field name in lower case")
    field = name.encode()

    def sign(secret: str) -> Headers:
        return [(field, _visible_ascii(secret))]

    return sign


def _visible_ascii(secret: str) -> bytes:
    if not secret:
        raise UnusableCredentialError("the credential is empty")
    for position, character in enumerate(secret, start=1):
        if not "!" <= character <= "~":
            raise UnusableCredentialError(_complaint(character, position, len(secret)))
    return secret.encode("ascii")


def _complaint(character: str, position: int, length: int) -> str:
    if character in "\r\n":
        what, remedy = "a line break", "a secret file often ends with one: write it without"
    elif character.isspace():
        what, remedy = "white space", "store the credential alone"
    elif character.isascii():
        what, remedy = "a control character", "store the credential as plain text"
    else:
        what, remedy = "a character outside ASCII", "copy the credential again from the vendor"
    return f"the credential has {what} at character {position} of {length}; {remedy}"
