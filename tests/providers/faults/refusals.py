"""Refusals as vendors write them, one for every rule of the tables.

Bodies follow the source that the rule names; identifiers in them are made up.
"""

import json
from typing import NamedTuple

from providers.contract import Headers, Kind


class Refusal(NamedTuple):
    """What came over the wire, and the rule that must know it."""

    vendor: str
    status: int
    body: bytes
    kind: Kind
    match: str
    headers: Headers = []  # noqa: RUF012  # never changed


def openai(message: str, kind: str, code: object = None, param: str | None = None) -> bytes:
    error = {"message": message, "type": kind, "param": param, "code": code}
    return json.dumps({"error": error}).encode()


def anthropic(kind: str, message: str, code: str | None = None) -> bytes:
    error: dict[str, object] = {"type": kind, "message": message}
    if code:
        error["details"] = {"error_code": code}
    return json.dumps({"type": "error", "error": error, "request_id": "req_1"}).encode()


def google(code: int, status: str, message: str, *details: dict[str, object]) -> bytes:
    error = {"code": code, "message": message, "status": status, "details": list(details)}
    return json.dumps({"error": error}).encode()


def aws(kind: str) -> Headers:
    return [(b"x-amzn-errortype", f"{kind}:http://internal.amazon.com/coral/".encode())]


def said(message: str) -> bytes:
    return json.dumps({"message": message}).encode()


def openrouter(code: int, message: str, **metadata: object) -> bytes:
    error = {"code": code, "message": message, "metadata": metadata}
    return json.dumps({"error": error}).encode()


def _openai_code(
    status: int, code: str, kind: Kind, family: str = "invalid_request_error"
) -> Refusal:
    return Refusal("openai", status, openai("No.", family, code), kind, code)


def _bedrock(status: int, name: str, kind: Kind, message: str = "No.") -> Refusal:
    return Refusal("bedrock", status, said(message), kind, name.lower(), aws(name))


def _reason(status: int, name: str, reason: str, kind: Kind) -> Refusal:
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}
    return Refusal("gemini", status, google(status, name, "No.", info), kind, reason.lower())


def _family(vendor: str, status: int, name: str, kind: Kind) -> Refusal:
    return Refusal(vendor, status, google(status, name, "No."), kind, name.lower())


QUOTA_FAILURE = {
    "@type": "type.googleapis.com/google.rpc.QuotaFailure",
    "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}],
}

CODES = [
    _openai_code(429, "rate_limit_exceeded", Kind.THROTTLED, "requests"),
    _openai_code(429, "slow_down", Kind.THROTTLED, "rate_limit_error"),
    _openai_code(429, "insufficient_quota", Kind.QUOTA_EXHAUSTED, "insufficient_quota"),
    _openai_code(429, "credit_balance_exhausted", Kind.QUOTA_EXHAUSTED, "insufficient_quota"),
    _openai_code(429, "organization_spend_limit_exceeded", Kind.QUOTA_EXHAUSTED),
    _openai_code(429, "project_spend_limit_exceeded", Kind.QUOTA_EXHAUSTED),
    _openai_code(429, "organization_usage_limit_exceeded", Kind.QUOTA_EXHAUSTED),
    _openai_code(429, "billing_not_active", Kind.QUOTA_EXHAUSTED, "billing_not_active"),
    _openai_code(401, "invalid_api_key", Kind.CREDENTIAL_REJECTED),
    _openai_code(401, "account_deactivated", Kind.ACCOUNT_CUT_OFF),
    _openai_code(
        403, "unsupported_country_region_territory", Kind.JURISDICTION_DENIED, "request_forbidden"
    ),
    _openai_code(400, "data_residency_mismatch", Kind.JURISDICTION_DENIED),
    _openai_code(404, "model_not_found", Kind.MODEL_WITHDRAWN),
    _openai_code(503, "server_is_overloaded", Kind.OVERLOADED, "service_unavailable_error"),
    _openai_code(500, "server_error", Kind.UPSTREAM_FAULT, "server_error"),
    _openai_code(500, "vector_store_timeout", Kind.UPSTREAM_FAULT),
    _openai_code(400, "context_length_exceeded", Kind.CALLER_ERROR),
    _openai_code(400, "invalid_prompt", Kind.CALLER_ERROR),
    _openai_code(400, "bio_policy", Kind.CALLER_ERROR),
    _openai_code(400, "misalignment_policy_violation", Kind.CALLER_ERROR),
    _openai_code(400, "image_content_policy_violation", Kind.CALLER_ERROR),
    Refusal(
        "azure_openai",
        404,
        b'{"error":{"code":"DeploymentNotFound","message":"The API deployment does not exist."}}',
        Kind.MODEL_WITHDRAWN,
        "deploymentnotfound",
    ),
    Refusal(
        "azure_openai",
        400,
        b'{"error":{"message":"The response was filtered","type":null,"param":"prompt",'
        b'"code":"content_filter","status":400}}',
        Kind.CALLER_ERROR,
        "content_filter",
    ),
    Refusal(
        "azure_openai",
        400,
        b'{"error":{"message":"The response was filtered","code":"content_filter","innererror":'
        b'{"code":"ResponsibleAIPolicyViolation","content_filter_result":{}}}}',
        Kind.CALLER_ERROR,
        "responsibleaipolicyviolation",
    ),
    *[
        Refusal("anthropic", status, anthropic(family, "No.", code), kind, code)
        for status, family, code, kind in (
            (429, "rate_limit_error", "ramp_limit_exceeded", Kind.THROTTLED),
            (429, "rate_limit_error", "enforced_spend_limit_reached", Kind.QUOTA_EXHAUSTED),
            (429, "rate_limit_error", "contract_spend_limit_reached", Kind.QUOTA_EXHAUSTED),
            (400, "billing_error", "linked_organization_spend_limit_reached", Kind.QUOTA_EXHAUSTED),
            (400, "billing_error", "linked_organization_billing_unavailable", Kind.QUOTA_EXHAUSTED),
            (400, "invalid_request_error", "organization_on_hold", Kind.ACCOUNT_CUT_OFF),
            (403, "permission_error", "organization_not_eligible", Kind.MODEL_WITHDRAWN),
            (403, "permission_error", "organization_type_not_supported", Kind.MODEL_WITHDRAWN),
            (503, "api_error", "cmek_key_unreachable", Kind.CREDENTIAL_REJECTED),
            (413, "request_too_large", "request_body_too_large_after_decoding", Kind.CALLER_ERROR),
            (400, "invalid_request_error", "claude_code_version_too_old", Kind.CALLER_ERROR),
            (400, "invalid_request_error", "request_body_timeout", Kind.UPSTREAM_FAULT),
            (503, "api_error", "change_outcome_unknown", Kind.UPSTREAM_FAULT),
        )
    ],
    *[
        Refusal("anthropic", status, anthropic(code, "No."), kind, code)
        for status, code, kind in (
            (402, "billing_error", Kind.QUOTA_EXHAUSTED),
            (529, "overloaded_error", Kind.OVERLOADED),
            (413, "request_too_large", Kind.CALLER_ERROR),
            (504, "timeout_error", Kind.UPSTREAM_FAULT),
        )
    ],
    _bedrock(429, "ThrottlingException", Kind.THROTTLED, "Too many tokens, please wait before"),
    _bedrock(429, "ModelNotReadyException", Kind.OVERLOADED),
    _bedrock(503, "ServiceUnavailableException", Kind.OVERLOADED),
    _bedrock(503, "ServiceUnavailable", Kind.OVERLOADED),
    _bedrock(424, "ModelErrorException", Kind.UPSTREAM_FAULT),
    _bedrock(424, "ModelStreamErrorException", Kind.UPSTREAM_FAULT),
    _bedrock(500, "InternalServerException", Kind.UPSTREAM_FAULT),
    _bedrock(500, "InternalFailure", Kind.UPSTREAM_FAULT),
    _bedrock(408, "ModelTimeoutException", Kind.UPSTREAM_FAULT),
    _bedrock(400, "ServiceQuotaExceededException", Kind.QUOTA_EXHAUSTED),
    _bedrock(404, "ResourceNotFoundException", Kind.MODEL_WITHDRAWN),
    _bedrock(404, "FTUFormNotFilled", Kind.MODEL_WITHDRAWN),
    _bedrock(400, "RequestExpired", Kind.CREDENTIAL_REJECTED),
    _bedrock(400, "IncompleteSignature", Kind.CREDENTIAL_REJECTED),
    _bedrock(403, "InvalidSignatureException", Kind.CREDENTIAL_REJECTED),
    _bedrock(403, "InvalidClientTokenId", Kind.CREDENTIAL_REJECTED),
    _bedrock(403, "UnrecognizedClientException", Kind.CREDENTIAL_REJECTED),
    _bedrock(403, "ExpiredTokenException", Kind.CREDENTIAL_REJECTED),
    _reason(400, "INVALID_ARGUMENT", "API_KEY_INVALID", Kind.CREDENTIAL_REJECTED),
    _reason(403, "PERMISSION_DENIED", "API_KEY_SERVICE_BLOCKED", Kind.CREDENTIAL_REJECTED),
    _reason(403, "PERMISSION_DENIED", "API_KEY_IP_ADDRESS_BLOCKED", Kind.CREDENTIAL_REJECTED),
    _reason(403, "PERMISSION_DENIED", "API_KEY_HTTP_REFERRER_BLOCKED", Kind.CREDENTIAL_REJECTED),
    _reason(401, "UNAUTHENTICATED", "ACCESS_TOKEN_EXPIRED", Kind.CREDENTIAL_REJECTED),
    _reason(403, "PERMISSION_DENIED", "BILLING_DISABLED", Kind.QUOTA_EXHAUSTED),
    _reason(403, "PERMISSION_DENIED", "CONSUMER_SUSPENDED", Kind.ACCOUNT_CUT_OFF),
    _reason(403, "PERMISSION_DENIED", "SERVICE_DISABLED", Kind.MODEL_WITHDRAWN),
    _reason(403, "PERMISSION_DENIED", "LOCATION_POLICY_VIOLATED", Kind.JURISDICTION_DENIED),
    Refusal(
        "mistral",
        429,
        b'{"object":"error","message":"Rate limit exceeded","type":"rate_limited","param":null,'
        b'"code":"1300","raw_status_code":429}',
        Kind.THROTTLED,
        "1300",
    ),
    Refusal(
        "groq",
        498,
        openai("Flex tier capacity exceeded.", "internal_server_error", "capacity_exceeded"),
        Kind.OVERLOADED,
        "capacity_exceeded",
    ),
    *[
        Refusal("openrouter", status, openrouter(status, "No.", limit_source=source), kind, source)
        for status, source, kind in (
            (402, "openrouter_credits", Kind.QUOTA_EXHAUSTED),
            (402, "openrouter_key_limit", Kind.QUOTA_EXHAUSTED),
            (403, "openrouter_guardrail_budget", Kind.QUOTA_EXHAUSTED),
            (403, "openrouter_workspace_budget", Kind.QUOTA_EXHAUSTED),
            (402, "openrouter_in_flight_budget", Kind.THROTTLED),
        )
    ],
    Refusal(
        "openrouter",
        403,
        openrouter(403, "Input was flagged", reasons=["hate"], flagged_input="…"),
        Kind.CALLER_ERROR,
        "flagged_input",
    ),
    Refusal(
        "vllm",
        400,
        openai("`n` must be at least 1", "BadRequestError", 400),
        Kind.CALLER_ERROR,
        "badrequesterror",
    ),
]

MESSAGES = (
    [
        Refusal("openai", 401, openai(message, "invalid_request_error"), kind, match)
        for message, kind, match in (
            ("IP not authorized", Kind.CREDENTIAL_REJECTED, "ip not authorized"),
            (
                "Your IP is not authorized to use this key.",
                Kind.CREDENTIAL_REJECTED,
                "your ip is not authorized",
            ),
            (
                "Your account is not active, please check your billing details on our website.",
                Kind.QUOTA_EXHAUSTED,
                "your account is not active",
            ),
            (
                "Country, region, or territory not supported",
                Kind.JURISDICTION_DENIED,
                "country, region, or territory not supported",
            ),
        )
    ]
    + [
        Refusal("azure_openai", status, openai(message, "", str(status)), kind, match)
        for status, message, kind, match in (
            (
                401,
                "Access denied due to invalid subscription key or wrong API endpoint.",
                Kind.CREDENTIAL_REJECTED,
                "access denied due to",
            ),
            (
                403,
                "Your resource has been temporarily blocked because we detected behavior that may"
                " violate our content policy.",
                Kind.ACCOUNT_CUT_OFF,
                "your resource has been temporarily blocked",
            ),
            (
                429,
                "The system is experiencing high demand and cannot process your request.",
                Kind.OVERLOADED,
                "system is experiencing high demand",
            ),
            (
                429,
                "The system is currently experiencing high demand and cannot process your request.",
                Kind.OVERLOADED,
                "system is currently experiencing high demand",
            ),
        )
    ]
    + [
        Refusal(
            "anthropic",
            403,
            b'{"error":{"type":"forbidden","message":"Request not allowed"}}',
            Kind.JURISDICTION_DENIED,
            "request not allowed",
        ),
        Refusal(
            "cohere",
            429,
            said(
                "You are using a Trial key, which is limited to 1000 API calls / month. You can"
                " continue to use the Trial key for free or upgrade to a Production key."
            ),
            Kind.QUOTA_EXHAUSTED,
            "you are using a trial key, which is limited to 1000 api calls / month",
        ),
    ]
    + [
        Refusal("anthropic", 400, anthropic("invalid_request_error", message), kind, match)
        for message, kind, match in (
            (
                "This organization has been disabled.",
                Kind.ACCOUNT_CUT_OFF,
                "this organization has been disabled",
            ),
            (
                "Your credit balance is too low to access the Anthropic API. Please go to Plans.",
                Kind.QUOTA_EXHAUSTED,
                "your credit balance is too low",
            ),
            (
                "You have reached your specified API usage limits. You will regain access on"
                " 2026-12-01 at 00:00 UTC.",
                Kind.QUOTA_EXHAUSTED,
                "you have reached your specified api usage limits",
            ),
            (
                "You have reached your specified workspace API usage limits. You will regain access"
                " on 2026-12-01 at 00:00 UTC.",
                Kind.QUOTA_EXHAUSTED,
                "you have reached your specified workspace api usage limits",
            ),
        )
    ]
    + [
        Refusal("bedrock", status, said(message), kind, match, aws("ValidationException"))
        for status, message, kind, match in (
            (
                400,
                "Invocation of model ID m with on-demand throughput isn\u2019t supported.",
                Kind.MODEL_WITHDRAWN,
                "invocation of model id",
            ),
            (
                403,
                "You don't have access to the model with the specified model ID.",
                Kind.MODEL_WITHDRAWN,
                "you don't have access to the model",
            ),
            (400, "Input is too long for requested model.", Kind.CALLER_ERROR, "input is too long"),
            (
                429,
                "Too many tokens, please wait before trying again.",
                Kind.THROTTLED,
                "too many tokens, please wait",
            ),
        )
    ]
    + [
        Refusal("gemini", status, google(status, name, message), kind, match)
        for status, name, message, kind, match in (
            (
                400,
                "FAILED_PRECONDITION",
                "User location is not supported for the API use.",
                Kind.JURISDICTION_DENIED,
                "user location is not supported",
            ),
            (
                400,
                "INVALID_ARGUMENT",
                "API key not valid. Please pass a valid API key.",
                Kind.CREDENTIAL_REJECTED,
                "api key not valid",
            ),
            (
                429,
                "RESOURCE_EXHAUSTED",
                "Resource exhausted, please try again later.",
                Kind.OVERLOADED,
                "resource exhausted, please try again later",
            ),
            (
                429,
                "RESOURCE_EXHAUSTED",
                "Resource exhausted. Please try again later. Please refer to the documentation.",
                Kind.OVERLOADED,
                "resource exhausted. please try again later",
            ),
            (
                503,
                "UNAVAILABLE",
                "The model is overloaded. Please try again later.",
                Kind.OVERLOADED,
                "model is overloaded",
            ),
            (
                429,
                "RESOURCE_EXHAUSTED",
                "Exceeded the Provisioned Throughput.",
                Kind.THROTTLED,
                "exceeded the provisioned throughput",
            ),
        )
    ]
    + [
        Refusal(
            "mistral",
            429,
            b'{"object":"error","message":"Service tier capacity exceeded for this model.",'
            b'"type":"invalid_request_error","param":null,"code":null}',
            Kind.OVERLOADED,
            "service tier capacity exceeded",
        ),
        Refusal(
            "mistral",
            429,
            b'{"message":"Requests rate limit exceeded"}',
            Kind.THROTTLED,
            "requests rate limit exceeded",
        ),
        Refusal(
            "groq",
            400,
            openai("Organization has been restricted. Please reach out.", "invalid_request_error"),
            Kind.ACCOUNT_CUT_OFF,
            "organization has been restricted",
        ),
        Refusal(
            "cohere",
            400,
            b'{"message":"too many tokens: size limit exceeded by 11326 tokens.","id":"1"}',
            Kind.CALLER_ERROR,
            "too many tokens",
        ),
        Refusal(
            "deepseek",
            402,
            openai("Insufficient Balance", "unknown_error", "invalid_request_error"),
            Kind.QUOTA_EXHAUSTED,
            "insufficient balance",
        ),
        Refusal(
            "openai_compatible",
            400,
            openai("This model's maximum context length is 256 tokens.", "invalid_request_error"),
            Kind.CALLER_ERROR,
            "this model's maximum context length",
        ),
        Refusal(
            "openai_compatible",
            400,
            openai("Your prompt is over the maximum context length.", "invalid_request_error"),
            Kind.CALLER_ERROR,
            "maximum context length",
        ),
        Refusal(
            "vllm",
            500,
            openai("EngineCore encountered an issue. See stack trace.", "InternalServerError", 500),
            Kind.UPSTREAM_FAULT,
            "enginecore encountered an issue",
        ),
        Refusal(
            "vllm",
            500,
            openai("cannot schedule new futures after shutdown", "InternalServerError", 500),
            Kind.UPSTREAM_FAULT,
            "cannot schedule new futures after shutdown",
        ),
        Refusal(
            "vllm",
            503,
            openai("The engine is currently busy. Try later.", "ServiceUnavailableError", 503),
            Kind.OVERLOADED,
            "the engine is currently busy",
        ),
        Refusal(
            "together",
            500,
            openai("The server is overloaded", "server_overloaded_x"),
            Kind.OVERLOADED,
            "overloaded",
        ),
        Refusal(
            "gemini",
            429,
            google(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.", QUOTA_FAILURE),
            Kind.QUOTA_EXHAUSTED,
            "perday",
        ),
    ]
)

FAMILIES = [
    *[
        Refusal("anthropic", status, anthropic(name, "No."), kind, name)
        for status, name, kind in (
            (429, "rate_limit_error", Kind.THROTTLED),
            (401, "authentication_error", Kind.CREDENTIAL_REJECTED),
            (403, "permission_error", Kind.MODEL_WITHDRAWN),
            (404, "not_found_error", Kind.MODEL_WITHDRAWN),
            (500, "api_error", Kind.UPSTREAM_FAULT),
            (409, "conflict_error", Kind.UPSTREAM_FAULT),
        )
    ],
    Refusal(
        "openai",
        500,
        openai("No.", "service_unavailable_error"),
        Kind.OVERLOADED,
        "service_unavailable_error",
    ),
    Refusal(
        "openai",
        403,
        openai("No.", "request_forbidden"),
        Kind.JURISDICTION_DENIED,
        "request_forbidden",
    ),
    Refusal(
        "mistral",
        429,
        b'{"object":"error","message":"No.","type":"rate_limited","code":"9"}',
        Kind.THROTTLED,
        "rate_limited",
    ),
    _bedrock(403, "AccessDeniedException", Kind.CREDENTIAL_REJECTED),
    _bedrock(403, "AccessDenied", Kind.CREDENTIAL_REJECTED),
    _bedrock(400, "ValidationException", Kind.CALLER_ERROR),
    _family("gemini", 429, "RESOURCE_EXHAUSTED", Kind.THROTTLED),
    _family("gemini", 401, "UNAUTHENTICATED", Kind.CREDENTIAL_REJECTED),
    _family("gemini", 403, "PERMISSION_DENIED", Kind.CREDENTIAL_REJECTED),
    _family("gemini", 503, "UNAVAILABLE", Kind.OVERLOADED),
    _family("gemini", 404, "NOT_FOUND", Kind.MODEL_WITHDRAWN),
    _family("gemini", 504, "DEADLINE_EXCEEDED", Kind.UPSTREAM_FAULT),
    _family("gemini", 500, "INTERNAL", Kind.UPSTREAM_FAULT),
    _family("gemini", 499, "CANCELLED", Kind.UPSTREAM_FAULT),
    Refusal(
        "vllm",
        404,
        openai("The model `x` does not exist.", "NotFoundError", 404, "model"),
        Kind.MODEL_WITHDRAWN,
        "notfounderror",
    ),
    Refusal(
        "vllm",
        500,
        openai("No.", "InternalServerError", 500),
        Kind.UPSTREAM_FAULT,
        "internalservererror",
    ),
]

PAGES = [
    Refusal("groq", 429, b"error code: 1015", Kind.THROTTLED, "error code: 1015"),
    Refusal("openai", 403, b"error code: 1009", Kind.JURISDICTION_DENIED, "error code: 1009"),
    Refusal("openai", 403, b"error code: 1020\n", Kind.JURISDICTION_DENIED, "error code: 1020"),
    Refusal(
        "openai",
        429,
        b"<!DOCTYPE html><title>Access denied</title><h1>You are being rate limited</h1>",
        Kind.THROTTLED,
        "you are being rate limited",
    ),
]

REFUSALS = [*CODES, *MESSAGES, *FAMILIES, *PAGES]
