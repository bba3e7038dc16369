"""What vendors' machine codes mean.  First `CODES`, which name a cause; last `FAMILIES`.

A family (`rate_limit_error`, `PERMISSION_DENIED`) stands for whatever happened near it, as a
status does, so a message that names the cause goes before it.
"""

from typing import Final

from providers.contract import Charge, Kind
from providers.faults.rules import Reset, Rule

_ANTHROPIC = frozenset({"anthropic"})
_AZURE = frozenset({"azure_openai"})
_BEDROCK = frozenset({"bedrock"})
_GEMINI = frozenset({"gemini"})
_MISTRAL = frozenset({"mistral"})
_VLLM = frozenset({"vllm"})


def _rules(
    kind: Kind, source: str, *codes: str, vendors: frozenset[str] = frozenset()
) -> list[Rule]:
    return [Rule(match=code, kind=kind, source=source, vendors=vendors) for code in codes]


_OPENAI = (
    *_rules(Kind.THROTTLED, "openai", "rate_limit_exceeded"),
    *_rules(Kind.THROTTLED, "openai-index", "slow_down"),
    *_rules(Kind.QUOTA_EXHAUSTED, "openai", "insufficient_quota"),
    *_rules(
        Kind.QUOTA_EXHAUSTED,
        "openai-quota",
        "credit_balance_exhausted",
        "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
    ),
    *_rules(Kind.QUOTA_EXHAUSTED, "litellm-2743", "billing_not_active"),
    *_rules(Kind.CREDENTIAL_REJECTED, "openai", "invalid_api_key"),
    *_rules(Kind.ACCOUNT_CUT_OFF, "one-api-271", "account_deactivated"),
    *_rules(Kind.JURISDICTION_DENIED, "openai", "unsupported_country_region_territory"),
    *_rules(Kind.JURISDICTION_DENIED, "openai-sdk", "data_residency_mismatch"),
    *_rules(Kind.MODEL_WITHDRAWN, "openai", "model_not_found"),
    *_rules(Kind.OVERLOADED, "opencode-25730", "server_is_overloaded"),
    *_rules(Kind.UPSTREAM_FAULT, "openai-sdk", "server_error", "vector_store_timeout"),
    *_rules(Kind.CALLER_ERROR, "openai", "context_length_exceeded"),
    *_rules(
        Kind.CALLER_ERROR,
        "openai-sdk",
        "invalid_prompt",
        "bio_policy",
        "misalignment_policy_violation",
        "image_content_policy_violation",
    ),
)
_AZURE_OPENAI = (
    *_rules(Kind.MODEL_WITHDRAWN, "chatbox-861", "deploymentnotfound"),
    *_rules(Kind.CALLER_ERROR, "azure-index", "content_filter", "responsibleaipolicyviolation"),
)
_ANTHROPIC_MESSAGES = (
    *_rules(Kind.THROTTLED, "anthropic-sdk", "ramp_limit_exceeded"),
    Rule(
        match="enforced_spend_limit_reached",
        kind=Kind.QUOTA_EXHAUSTED,
        source="anthropic-index",
        reset=Reset.NEXT_MONTH,
    ),
    *_rules(
        Kind.QUOTA_EXHAUSTED,
        "anthropic-sdk",
        "contract_spend_limit_reached",
        "linked_organization_spend_limit_reached",
        "linked_organization_billing_unavailable",
        "billing_error",
    ),
    *_rules(Kind.ACCOUNT_CUT_OFF, "anthropic-sdk", "organization_on_hold"),
    # Not entitled: the model is closed to this organisation, other models are not.
    *_rules(
        Kind.MODEL_WITHDRAWN,
        "anthropic-sdk",
        "organization_not_eligible",
        "organization_type_not_supported",
    ),
    # The customer's own key store: nobody but the operator can repair it.
    *_rules(Kind.CREDENTIAL_REJECTED, "anthropic-sdk", "cmek_key_unreachable"),
    *_rules(Kind.OVERLOADED, "anthropic", "overloaded_error"),
    *_rules(
        Kind.CALLER_ERROR,
        "anthropic-sdk",
        "request_too_large",
        "request_body_too_large_after_decoding",
        "claude_code_version_too_old",
    ),
    *_rules(Kind.UPSTREAM_FAULT, "anthropic-sdk", "request_body_timeout"),
    Rule(
        match="timeout_error",
        kind=Kind.UPSTREAM_FAULT,
        source="anthropic",
        charge=Charge.UNKNOWN,
    ),
    Rule(
        match="change_outcome_unknown",
        kind=Kind.UPSTREAM_FAULT,
        source="anthropic-sdk",
        charge=Charge.UNKNOWN,
    ),
)
_AMAZON = (
    *_rules(Kind.THROTTLED, "bedrock", "throttlingexception"),
    *_rules(Kind.OVERLOADED, "bedrock", "modelnotreadyexception", "serviceunavailableexception"),
    *_rules(Kind.OVERLOADED, "bedrock", "serviceunavailable", vendors=_BEDROCK),
    *_rules(
        Kind.UPSTREAM_FAULT,
        "bedrock",
        "modelerrorexception",
        "modelstreamerrorexception",
        "internalserverexception",
        "internalfailure",
    ),
    Rule(
        match="modeltimeoutexception",
        kind=Kind.UPSTREAM_FAULT,
        source="bedrock",
        charge=Charge.UNKNOWN,
    ),
    *_rules(Kind.QUOTA_EXHAUSTED, "bedrock", "servicequotaexceededexception"),
    *_rules(Kind.MODEL_WITHDRAWN, "bedrock", "resourcenotfoundexception", "ftuformnotfilled"),
    *_rules(
        Kind.CREDENTIAL_REJECTED,
        "bedrock",
        "requestexpired",  # a clock that is wrong, or a signature that waited too long
        "incompletesignature",
        "invalidsignatureexception",
        "invalidclienttokenid",
        "unrecognizedclientexception",
        "expiredtokenexception",
    ),
)
_GOOGLE = (
    *_rules(
        Kind.CREDENTIAL_REJECTED,
        "google-reasons",
        "api_key_invalid",
        "api_key_service_blocked",
        "api_key_ip_address_blocked",
        "api_key_http_referrer_blocked",
        "access_token_expired",
    ),
    *_rules(Kind.QUOTA_EXHAUSTED, "google-reasons", "billing_disabled"),
    *_rules(Kind.ACCOUNT_CUT_OFF, "google-reasons", "consumer_suspended"),
    *_rules(Kind.MODEL_WITHDRAWN, "google-reasons", "service_disabled"),
    *_rules(Kind.JURISDICTION_DENIED, "google-reasons", "location_policy_violated"),
)
_OTHERS = (
    *_rules(Kind.THROTTLED, "raycast-31107", "1300", vendors=_MISTRAL),
    *_rules(Kind.OVERLOADED, "groq", "capacity_exceeded"),
    *_rules(
        Kind.QUOTA_EXHAUSTED,
        "openrouter-index",
        "openrouter_credits",
        "openrouter_key_limit",
        "openrouter_guardrail_budget",
        "openrouter_workspace_budget",
    ),
    *_rules(Kind.THROTTLED, "openrouter-index", "openrouter_in_flight_budget"),
    *_rules(Kind.CALLER_ERROR, "openrouter", "flagged_input"),
    *_rules(Kind.CALLER_ERROR, "vllm", "badrequesterror", vendors=_VLLM),
)

CODES: Final = (*_OPENAI, *_AZURE_OPENAI, *_ANTHROPIC_MESSAGES, *_AMAZON, *_GOOGLE, *_OTHERS)

FAMILIES: Final = (
    *_rules(Kind.THROTTLED, "anthropic", "rate_limit_error"),
    *_rules(Kind.CREDENTIAL_REJECTED, "anthropic", "authentication_error"),
    *_rules(Kind.MODEL_WITHDRAWN, "anthropic", "permission_error", vendors=_ANTHROPIC),
    *_rules(Kind.MODEL_WITHDRAWN, "anthropic", "not_found_error"),
    *_rules(Kind.UPSTREAM_FAULT, "anthropic", "api_error", "conflict_error"),
    *_rules(Kind.OVERLOADED, "openai-index", "service_unavailable_error"),
    *_rules(Kind.JURISDICTION_DENIED, "openai", "request_forbidden"),
    *_rules(Kind.THROTTLED, "raycast-31107", "rate_limited"),
    *_rules(Kind.CREDENTIAL_REJECTED, "bedrock", "accessdeniedexception", "accessdenied"),
    *_rules(Kind.CALLER_ERROR, "bedrock", "validationexception"),
    # Under 402 the same status word means that prepaid credits are used up.
    Rule(
        match="resource_exhausted",
        kind=Kind.THROTTLED,
        source="gemini",
        statuses=frozenset({429}),
    ),
    *_rules(Kind.CREDENTIAL_REJECTED, "gemini", "unauthenticated", "permission_denied"),
    *_rules(Kind.OVERLOADED, "gemini", "unavailable", vendors=_GEMINI),
    *_rules(Kind.MODEL_WITHDRAWN, "gemini", "not_found", vendors=_GEMINI),
    *_rules(
        Kind.UPSTREAM_FAULT, "gemini", "deadline_exceeded", "internal", "cancelled", vendors=_GEMINI
    ),
    *_rules(Kind.MODEL_WITHDRAWN, "vllm", "notfounderror"),
    *_rules(Kind.UPSTREAM_FAULT, "vllm", "internalservererror"),
)
