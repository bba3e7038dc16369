"""What vendors say in words where they have no code for it, and what pages of a CDN say.

Matched in lower case by plain search, never by a pattern: the text is not ours.
"""

from typing import Final

from providers.contract import Kind
from providers.faults.rules import Reset, Rule

_ANTHROPIC = frozenset({"anthropic"})
_BEDROCK = frozenset({"bedrock"})
_COHERE = frozenset({"cohere"})
_GEMINI = frozenset({"gemini"})


def _rules(
    kind: Kind, source: str, *texts: str, vendors: frozenset[str] = frozenset()
) -> list[Rule]:
    return [Rule(match=text, kind=kind, source=source, vendors=vendors) for text in texts]


_BUSY = frozenset({429, 500, 502, 503, 529})
_BAD_REQUEST = frozenset({400, 413, 422})


def _anywhere(kind: Kind, source: str, *texts: str, statuses: frozenset[int]) -> list[Rule]:
    """Only for kinds that cut nothing off: a client's own words may be quoted in a message."""
    return [
        Rule(match=text, kind=kind, source=source, statuses=statuses, is_prefix=False)
        for text in texts
    ]


MESSAGES: Final = (
    # OpenAI and Azure
    *_rules(Kind.CREDENTIAL_REJECTED, "openai", "ip not authorized", "your ip is not authorized"),
    *_rules(Kind.QUOTA_EXHAUSTED, "litellm-2743", "your account is not active"),
    *_rules(Kind.JURISDICTION_DENIED, "openai", "country, region, or territory not supported"),
    *_rules(Kind.ACCOUNT_CUT_OFF, "azure-index", "your resource has been temporarily blocked"),
    *_rules(Kind.CREDENTIAL_REJECTED, "azure-index", "access denied due to"),
    *_anywhere(
        Kind.OVERLOADED,
        "azure-index",
        "system is experiencing high demand",
        "system is currently experiencing high demand",
        statuses=_BUSY,
    ),
    # Anthropic
    *_rules(Kind.ACCOUNT_CUT_OFF, "claude-code-8327", "this organization has been disabled"),
    *_rules(Kind.QUOTA_EXHAUSTED, "portkey-10489", "your credit balance is too low"),
    # The short body of the edge where the place of the caller is not served.
    Rule(
        match="request not allowed",
        kind=Kind.JURISDICTION_DENIED,
        source="claude-code-1613",
        vendors=_ANTHROPIC,
        statuses=frozenset({403}),
    ),
    Rule(
        match="you have reached your specified api usage limits",
        kind=Kind.QUOTA_EXHAUSTED,
        source="anthropic-index",
        reset=Reset.IN_TEXT,
    ),
    Rule(
        match="you have reached your specified workspace api usage limits",
        kind=Kind.QUOTA_EXHAUSTED,
        source="anthropic-index",
        reset=Reset.IN_TEXT,
    ),
    # Bedrock
    *_rules(Kind.MODEL_WITHDRAWN, "bedrock", "invocation of model id", vendors=_BEDROCK),
    *_rules(
        Kind.MODEL_WITHDRAWN, "bedrock", "you don't have access to the model", vendors=_BEDROCK
    ),
    *_rules(Kind.CALLER_ERROR, "bedrock", "input is too long", vendors=_BEDROCK),
    *_rules(Kind.THROTTLED, "bedrock", "too many tokens, please wait", vendors=_BEDROCK),
    # Gemini and Vertex
    *_rules(Kind.JURISDICTION_DENIED, "gemini-location", "user location is not supported"),
    *_rules(Kind.CREDENTIAL_REJECTED, "gemini", "api key not valid"),
    *_rules(Kind.OVERLOADED, "gemini-429", "resource exhausted, please try again later"),
    *_rules(Kind.OVERLOADED, "gemini-cli-14831", "resource exhausted. please try again later"),
    *_anywhere(Kind.OVERLOADED, "gemini", "model is overloaded", statuses=_BUSY),
    *_rules(Kind.THROTTLED, "gemini-429", "exceeded the provisioned throughput"),
    # Mistral
    *_rules(Kind.OVERLOADED, "litellm-25078", "service tier capacity exceeded"),
    *_rules(Kind.THROTTLED, "mistral-index", "requests rate limit exceeded"),
    # Groq, Cohere, DeepSeek
    *_rules(Kind.ACCOUNT_CUT_OFF, "one-api-271", "organization has been restricted"),
    *_rules(Kind.CALLER_ERROR, "cohere", "too many tokens", vendors=_COHERE),
    *_rules(
        Kind.QUOTA_EXHAUSTED,
        "cohere-limits",
        "you are using a trial key, which is limited to 1000 api calls / month",
        vendors=_COHERE,
    ),
    *_rules(Kind.QUOTA_EXHAUSTED, "deepseek", "insufficient balance"),
    # vLLM
    *_rules(Kind.CALLER_ERROR, "vllm", "this model's maximum context length"),
    *_anywhere(Kind.CALLER_ERROR, "vllm", "maximum context length", statuses=_BAD_REQUEST),
    *_rules(Kind.UPSTREAM_FAULT, "vllm", "enginecore encountered an issue"),
    *_anywhere(
        Kind.UPSTREAM_FAULT, "vllm", "cannot schedule new futures after shutdown", statuses=_BUSY
    ),
    *_rules(Kind.OVERLOADED, "vllm", "the engine is currently busy"),
    # Whoever says it, where the status lets it be true
    *_anywhere(Kind.OVERLOADED, "openai-index", "overloaded", statuses=_BUSY),
)

# A quota named by the day does not come back within minutes as one by the minute does.
QUOTA_IDS: Final = (
    Rule(
        match="perday",
        kind=Kind.QUOTA_EXHAUSTED,
        source="gemini",
        vendors=_GEMINI,
        statuses=frozenset({429}),
        is_prefix=False,
    ),
)

PAGES: Final = (
    Rule(match="error code: 1015", kind=Kind.THROTTLED, source="cloudflare", retry_after_s=60.0),
    Rule(match="error code: 1009", kind=Kind.JURISDICTION_DENIED, source="cloudflare"),
    Rule(match="error code: 1020", kind=Kind.JURISDICTION_DENIED, source="cloudflare"),
    Rule(
        match="you are being rate limited",
        kind=Kind.THROTTLED,
        source="cloudflare",
        retry_after_s=60.0,
        is_prefix=False,
    ),
)
