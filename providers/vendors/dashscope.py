"""Alibaba Cloud Model Studio (DashScope) in its OpenAI-compatible mode.

The region, and so the host, decides where data is stored.  Where inference runs is the service
deployment scope, a setting of the workspace and the model that no member of a request shows:
US (Virginia) and Germany offer a Global scope that includes the Chinese mainland.  It is a fact
for policy; nothing here can pin it.
"""

from types import MappingProxyType

from providers.contract import Dialect, Kind, Vendor
from providers.signing.headers import bearer

VENDOR = Vendor(
    name="dashscope",
    docs="https://www.alibabacloud.com/help/en/model-studio/regions",
    docs_read="2026-11-24",
    sign=bearer,
    # A key belongs to a region and there is no neutral one, so the operator must choose.
    base_url_form="https://{workspace}.{region}.maas.aliyuncs.com/compatible-mode/v1",
    # help/en/model-studio/regions and base-url, 2026-10-12.  Hosts of the workspace form are the
    # operator's to write: Frankfurt has only that form (eu-central-1).
    regions=MappingProxyType(
        {
            "beijing": "https://dashscope.aliyuncs.com/compatible-mode/v1",
            "singapore": "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
            "virginia": "https://dashscope-us.aliyuncs.com/compatible-mode/v1",
            "hongkong": "https://cn-hongkong.dashscope.aliyuncs.com/compatible-mode/v1",
        }
    ),
    endpoints=MappingProxyType(
        {
            Dialect.OPENAI_CHAT: "/chat/completions",
            Dialect.OPENAI_EMBEDDINGS: "/embeddings",
        }
    ),
    # `max_tokens` and `max_completion_tokens` both work and, before qwen4, may mean different
    # things, so that neither is renamed (api-compatibility-upgrade-notice, 2026-11-11).
    # help/en/model-studio/error-code, 2026-11-24.
    codes=MappingProxyType(
        {
            # Here a rate of tokens that refills by itself; elsewhere the word means money.
            "insufficient_quota": Kind.THROTTLED,
            "Throttling.AllocationQuota": Kind.THROTTLED,
            "Throttling.RateQuota": Kind.THROTTLED,
            "Arrearage": Kind.QUOTA_EXHAUSTED,  # an overdue payment, with status 400 or 403
            "AllocationQuota.FreeTierOnly": Kind.QUOTA_EXHAUSTED,  # 403 (BettaFish#609, 2026-03)
        }
    ),
)
