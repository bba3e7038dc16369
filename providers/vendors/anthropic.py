"""Anthropic: the Messages API, its own dialect.

Where inference runs is a member of the request.  It is the deployment's to set: policy judged
that place, so that a client's own value is refused.
Source: data residency, platform.claude.com, read 2026-11-24.
"""

from types import MappingProxyType

from msgspec import Raw

from providers.contract import Dialect, Vendor
from providers.signing.headers import api_key_header

VENDOR = Vendor(
    name="anthropic",
    docs="https://platform.claude.com/docs/en/api/messages",
    docs_read="2026-11-24",
    sign=api_key_header("x-api-key"),
    headers=((b"anthropic-version", b"2023-06-01"),),
    base_url="https://api.anthropic.com/v1",
    endpoints=MappingProxyType({Dialect.ANTHROPIC_MESSAGES: "/messages"}),
    reserved_fields=frozenset({"inference_geo"}),
    residencies=MappingProxyType(
        {
            "us": MappingProxyType({"inference_geo": Raw(b'"us"')}),
            "global": MappingProxyType({"inference_geo": Raw(b'"global"')}),
        }
    ),
)
