"""The shape of one rule of the fault tables, and where the rules come from.

A fact about a vendor ages.  Each rule therefore carries its source and the day it was read, and
each has a fixture in `tests/providers/faults/`.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from providers.contract import Charge, Kind

SOURCES: Final = MappingProxyType(
    {
        "openai": "https://developers.openai.com/api/docs/guides/error-codes",
        "openai-sdk": "openai-python 3.57.0, types/responses/response_error.py",
        "openai-quota": "https://learn.microsoft.com/microsoft-cloud/dev/dev-proxy/concepts/"
        "openai-insufficient-quota",
        "openai-index": "https://www.developersdigest.tech/errors/api/openai-api",
        "litellm-2743": "https://github.com/BerriAI/litellm/issues/2743",
        "litellm-25078": "https://github.com/BerriAI/litellm/pull/25078",
        "one-api-271": "https://github.com/songquanpeng/one-api/issues/271",
        "opencode-25730": "https://github.com/anomalyco/opencode/issues/25730",
        "azure-index": "https://www.developersdigest.tech/errors/api/azure-openai",
        "chatbox-861": "https://github.com/Bin-Huang/chatbox/issues/861",
        "anthropic": "https://platform.claude.com/docs/claude/reference/errors",
        "anthropic-sdk": "anthropic-sdk-python 2.13, details.error_code",
        "anthropic-index": "https://www.developersdigest.tech/errors/api/anthropic-api",
        "claude-code-8327": "https://github.com/anthropics/claude-code/issues/8327",
        "claude-code-1613": "https://github.com/anthropics/claude-code/issues/1613",
        "portkey-10489": "https://portkey.ai/error-library (10489)",
        "bedrock": "https://docs.aws.amazon.com/bedrock/latest/userguide/"
        "troubleshooting-api-error-codes.html",
        "gemini": "https://docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/"
        "api-errors",
        "gemini-429": "https://cloud.google.com/vertex-ai/generative-ai/docs/"
        "provisioned-throughput/error-code-429",
        "gemini-cli-14831": "https://github.com/google-gemini/gemini-cli/issues/14831",
        "gemini-location": "https://github.com/poenl/gemini-api/issues/4",
        "google-reasons": "https://cloud.google.com/apis/design/errors (google.api.ErrorReason)",
        "raycast-31107": "https://github.com/raycast/extensions/issues/31107",
        "mistral-index": "https://www.developersdigest.tech/errors/api/mistral-api",
        "groq": "https://console.groq.com/docs/errors",
        "cohere": "https://docs.cohere.com/errors-reference",
        "cohere-limits": "https://docs.cohere.com/docs/rate-limits",
        "deepseek": "https://api-docs.deepseek.com/quick_start/error_codes",
        "together": "https://docs.together.ai/docs/error-codes",
        "openrouter": "https://openrouter.ai/docs/api_reference/errors-and-debugging",
        "openrouter-index": "https://www.developersdigest.tech/errors/api/openrouter",
        "vllm": "vLLM 0.32.0 as served on 2026-11-24",
        "vllm-37011": "https://github.com/vllm-project/vllm/pull/37011",
        "cloudflare": "https://developers.cloudflare.com/support/troubleshooting/"
        "http-status-codes/cloudflare-1xxx-errors/",
        "rfc9110": "https://www.rfc-editor.org/rfc/rfc9110",
    }
)
READ: Final = "2026-11-24"


class Reset(StrEnum):
    """When an allowance comes back, where the reply does not say it in a header."""

    NEXT_MONTH = "next_month"  # 00:00 UTC on the first
    IN_TEXT = "in_text"  # an ISO date in the message


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`match` in lower case; `vendors` empty means whoever says it."""

    match: str
    kind: Kind
    source: str  # a key of SOURCES
    read: str = READ
    vendors: frozenset[str] = field(default_factory=frozenset)
    statuses: frozenset[int] = field(default_factory=frozenset)  # empty: any
    charge: Charge = Charge.NONE
    retry_after_s: float = -1.0  # where the vendor never says it
    reset: Reset | None = None
    # An error may quote the client's own words ("Invalid value: …").  A text that cuts supply off
    # must therefore begin the message, where no vendor quotes; elsewhere it may stand anywhere.
    is_prefix: bool = True

    def fits(self, vendor: str, status: int) -> bool:
        """Whether the rule speaks of this vendor and status."""
        return (not self.vendors or vendor in self.vendors) and (
            not self.statuses or status in self.statuses
        )
