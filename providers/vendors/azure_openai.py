"""Azure OpenAI through its v1 endpoint, which needs no `api-version`.

The model of a request is the name of the Azure deployment, so the operator writes that name as
the deployment's model.  An answer names the model behind it, which `answers_as` has to list.
The host is the operator's resource and does not show where inference runs: that is the Azure
deployment's type, a fact for policy and not for this file.
Source: API version lifecycle, learn.microsoft.com, read 2026-11-24.
"""

from types import MappingProxyType

from providers.contract import Dialect, Vendor
from providers.signing.headers import api_key_header

VENDOR = Vendor(
    name="azure_openai",
    docs="https://learn.microsoft.com/en-us/azure/foundry-classic/openai/api-version-lifecycle",
    docs_read="2026-11-24",
    sign=api_key_header("api-key"),
    base_url_form="https://{resource}.openai.azure.com/openai/v1",
    endpoints=MappingProxyType(
        {
            Dialect.OPENAI_CHAT: "/chat/completions",
            Dialect.OPENAI_COMPLETIONS: "/completions",
            Dialect.OPENAI_EMBEDDINGS: "/embeddings",
            Dialect.OPENAI_RESPONSES: "/responses",
        }
    ),
)
