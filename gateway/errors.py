"""Every error that the gateway raises on purpose.

SwitchgearError
├── ConfigError                 what an operator wrote cannot be served; lists every problem
├── PortTakenError              a listening address is in use
├── RequestError                the client's own error; has `status` and a stable `code`
│   ├── InvalidRequestError         400 invalid_request
│   ├── RequestTimeoutError         408 request_timeout
│   ├── TooLargeError               413 request_too_large
│   ├── EncodedBodyError            415 encoded_body
│   ├── HeadTooLargeError           431 head_too_large
│   ├── BadKeyError                 401 bad_key
│   ├── UnknownModelError           404 unknown_model
│   ├── UnknownPathError            404 unknown_path
│   ├── WrongMethodError            405 wrong_method
│   ├── NotServedError              501 not_served
│   ├── PolicyRefusalError          403 policy_no_route
│   ├── LimitReachedError           429 limit_reached, or 503 when it is everybody's limit
│   └── InternalError               500 internal
├── EgressDeniedError           an address that the deployment does not declare
├── PoolFullError               our own cap on connections; never blamed on the vendor
└── JournalFullError            the ledger takes no row: nothing may be sent

Failures of an upstream are no exceptions: an attempt ends in a `Verdict`.
"""

from collections.abc import Sequence
from dataclasses import dataclass


class SwitchgearError(Exception):
    """Whatever the gateway raises on purpose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong in a config folder: where, what, and the nearest right thing."""

    file: str
    line: int  # counted from 1; 0 when the file as a whole is meant
    key: str  # dotted path, such as `deployments.aurora-large.price`
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        remedy = f" ({self.remedy})" if self.remedy else ""
        return (
            f"{place}: {self.key}: {self.message}{remedy}"
            if self.key
            else (f"{place}: {self.message}{remedy}")
        )


class ConfigError(SwitchgearError):
    """All problems of one load, in the order of file and line."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


class PortTakenError(SwitchgearError):
    """The text names the address and the flag or setting that changes it."""


class RequestError(SwitchgearError):
    """Refused before any attempt.  `param` names the member of the body at fault, if one is."""

    status = 400
    code = "invalid_request"

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class InvalidRequestError(RequestError):
    """Not a request of its dialect."""


class TooLargeError(RequestError):
    """The body passes the limit of `gateway.yaml`."""

    status = 413
    code = "request_too_large"


class RequestTimeoutError(RequestError):
    """The client took longer to send its request than it may."""

    status = 408
    code = "request_timeout"


class EncodedBodyError(RequestError):
    """A compressed body: it is not unpacked, since its size would be known too late."""

    status = 415
    code = "encoded_body"


class HeadTooLargeError(RequestError):
    """Request line and header fields pass the limits of `gateway.yaml`."""

    status = 431
    code = "head_too_large"


class BadKeyError(RequestError):
    """No key, two keys, or one that nobody holds; the text never says which."""

    status = 401
    code = "bad_key"


class UnknownModelError(RequestError):
    """No route has that name, or none that the key may see."""

    status = 404
    code = "unknown_model"


class UnknownPathError(RequestError):
    """Nothing is at this path, and no client of a known dialect would ask for it."""

    status = 404
    code = "unknown_path"


class WrongMethodError(RequestError):
    """The path is served, by another method."""

    status = 405
    code = "wrong_method"


class NotServedError(RequestError):
    """A path or a feature that clients know and this gateway does not serve."""

    status = 501
    code = "not_served"


class PolicyRefusalError(RequestError):
    """No deployment of the route is permitted for these labels."""

    status = 403
    code = "policy_no_route"

    def __init__(self, message: str, policies: Sequence[str]) -> None:
        super().__init__(message)
        self.policies = tuple(policies)


class LimitReachedError(RequestError):
    """A cap of ours; `retry_after_s` says when to come back."""

    status = 429
    code = "limit_reached"

    def __init__(self, message: str, *, status: int = 429, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s


class InternalError(RequestError):
    """A defect of ours; the log has it under the request id."""

    status = 500
    code = "internal"


class EgressDeniedError(SwitchgearError):
    """A resolved address is outside what the deployment declares; the text names both."""


class PoolFullError(SwitchgearError):
    """The deployment has its maximum of open connections."""


class JournalFullError(SwitchgearError):
    """The operating system did not take the whole row."""
