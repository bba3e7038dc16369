"""Amazon Bedrock's OpenAI-shaped endpoint with a Bedrock API key (bearer).

The host names the region that is called.  Where inference then runs is decided by the model id:
without a prefix in that region, with `eu.`, `us.`, `apac.`, `jp.`, `au.` or `global.` wherever
that profile reaches.  The operator writes the id as the deployment's model and a client can not
change it, so nothing has to be reserved here.
"""

from types import MappingProxyType

from providers.contract import Dialect, Vendor
from providers.signing.headers import bearer

VENDOR = Vendor(
    name="bedrock",
    docs="https://docs.aws.amazon.com/bedrock/latest/userguide/inference-chat-completions.html",
    docs_read="2026-11-24",
    sign=bearer,
    base_url_form="https://bedrock-runtime.{region}.amazonaws.com/openai/v1",
    # userguide/inference-responses-api and endpoints, 2026-11-24: `bedrock-runtime` for new work;
    # `bedrock-mantle` for models that are served there alone, in fewer regions.
    regions=MappingProxyType(
        {
            "us-west-2": "https://bedrock-runtime.us-west-2.amazonaws.com/openai/v1",
            "us-east-2": "https://bedrock-runtime.us-east-2.amazonaws.com/openai/v1",
            "mantle-eu-central-1": "https://bedrock-mantle.eu-central-1.api.aws/v1",
            "mantle-eu-north-1": "https://bedrock-mantle.eu-north-1.api.aws/v1",
            "mantle-eu-south-1": "https://bedrock-mantle.eu-south-1.api.aws/v1",
            "mantle-eu-west-1": "https://bedrock-mantle.eu-west-1.api.aws/v1",
            "mantle-eu-west-2": "https://bedrock-mantle.eu-west-2.api.aws/v1",  # London
        }
    ),
    endpoints=MappingProxyType(
        {
            Dialect.OPENAI_CHAT: "/chat/completions",
            Dialect.OPENAI_RESPONSES: "/responses",
        }
    ),
    # Its support of `stream_options` is not documented: nothing is asked, and none is demanded.
    asks_usage=False,
    usage_optional=True,
)
