"""The errors of `providers`; the client's dialect renders them, nothing here knows HTTP.

ProviderError
├── MalformedRequestError      the client's body is not a request of its dialect
├── UnsupportedRequestError    a field that this translation or vendor cannot carry
└── UnknownVendorError         no file in `vendors/` has that name
"""


class ProviderError(Exception):
    """Whatever `providers` raises on purpose."""


class MalformedRequestError(ProviderError):
    """The client's own error; the text is for the client and quotes no prompt."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class UnsupportedRequestError(ProviderError):
    """`field` names the member that cannot be carried."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


class UnknownVendorError(ProviderError):
    """The text lists the nearest known names."""
