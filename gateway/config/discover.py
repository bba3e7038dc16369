"""What is there to be supplied with: keys in the environment, model servers on this machine.

Only loopback is asked, and only for the names of models; no vendor learns of it.  A vendor's
model is therefore a documented name and may have been withdrawn since: the operator reads it in
the file that `init` writes.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

import httpx2

from policies.reading import is_mapping

ASK_S: Final = 0.5
ANSWER_BYTES: Final = 1 << 20
MODELS_MOST: Final = 20
VLLM_URL: Final = "http://127.0.0.1:8000"
OLLAMA_URL: Final = "http://127.0.0.1:11434"


class Known(NamedTuple):
    """A vendor that can be told by a variable; an empty model is for the operator to name."""

    vendor: str
    model: str = ""
    place: str = ""  # the one with the fewest promises, where an address serves several


# Variables: the vendors' own quickstarts.  Models: the vendors' API references.  Read 2026-11-24.
VARIABLES: Final[Mapping[str, Known]] = MappingProxyType(
    {
        "OPENAI_API_KEY": Known("openai", "gpt-6-mini", "global"),
        "ANTHROPIC_API_KEY": Known("anthropic", "claude-sonnet-4-6", "global"),
        "MISTRAL_API_KEY": Known("mistral", "mistral-small-latest", "global-free"),
        "GEMINI_API_KEY": Known("gemini", "gemini-3.5-flash", "unpaid"),
        "GROQ_API_KEY": Known("groq", "llama-3.3-70b-versatile"),
        "DEEPSEEK_API_KEY": Known("deepseek", "deepseek-flash"),
        "TOGETHER_API_KEY": Known("together", "meta-llama/Llama-3.3-70B-Instruct-Turbo"),
        "FIREWORKS_API_KEY": Known("fireworks", "accounts/fireworks/models/gpt-oss-120b", "chat"),
        "XAI_API_KEY": Known("xai", "grok-4.6", "global"),
        "OPENROUTER_API_KEY": Known("openrouter", "", "global"),
        "COHERE_API_KEY": Known("cohere", "command-a-plus-05-2026"),
        "NEBIUS_API_KEY": Known("nebius", "", "public"),
        "SCW_SECRET_KEY": Known("scaleway", "gpt-oss-120b", "default"),
        "OVH_AI_ENDPOINTS_ACCESS_TOKEN": Known("ovhcloud", "gpt-oss-120b"),
        "IONOS_API_TOKEN": Known("ionos"),
        "STACKIT_MODEL_SERVING_AUTH_TOKEN": Known("stackit"),
    }
)

# Keys that say too little: an address or a workspace belongs to them.
INCOMPLETE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "AZURE_OPENAI_API_KEY": "azure_openai",
        "AWS_BEARER_TOKEN_BEDROCK": "bedrock",
        "DASHSCOPE_API_KEY": "dashscope",
        "INFOMANIAK_API_KEY": "infomaniak",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundModel:
    """A deployment to write."""

    name: str  # ours
    model: str  # the vendor's


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An account to write, and what serves under it."""

    account: str
    vendor: str
    source: str  # where it was found, for people
    credential: str | None = None
    base_url: str | None = None
    place: str = ""
    models: tuple[FoundModel, ...] = ()
    is_local: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """Everything that was found; `remarks` are about what cannot simply be written."""

    found: tuple[Found, ...]
    remarks: tuple[str, ...]


Ask = Callable[[str], object]
"""From a URL on loopback to the JSON behind it; None when there is none."""


def discover(
    environment: Mapping[str, str],
    *,
    vllm_url: str = VLLM_URL,
    ollama_url: str = OLLAMA_URL,
    ask: Ask | None = None,
) -> Discovery:
    """Look in the environment and ask the two usual ports.  Takes at most a second or so."""
    ask = ask or ask_loopback
    remarks: list[str] = []
    found = [*_own_servers(environment, vllm_url, ollama_url, ask, remarks)]
    for variable, known in VARIABLES.items():
        if environment.get(variable, "").strip():
            found.append(_vendor(variable, known))
            if not known.model:
                remarks.append(f"{variable}: name a model of {known.vendor} in supply.yaml")
    for variable, vendor in INCOMPLETE.items():
        if environment.get(variable, "").strip():
            remarks.append(f"{variable}: {vendor} needs a `base_url` too; add it to supply.yaml")
    return Discovery(found=tuple(found), remarks=tuple(remarks))


def ask_loopback(url: str) -> object:
    """GET a small JSON document; None for anything else, within half a second per step."""
    try:
        with (
            httpx2.Client(timeout=ASK_S, trust_env=False, follow_redirects=False) as client,
            client.stream("GET", url) as answer,
        ):
            if answer.status_code != 200:
                return None
            body = b""
            for part in answer.iter_bytes():
                body += part
                if len(body) > ANSWER_BYTES:
                    return None
        return _decode(body)
    except httpx2.HTTPError:
        return None


def _decode(body: bytes) -> object:
    import msgspec

    try:
        decoded: object = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    return decoded


def _own_servers(
    environment: Mapping[str, str],
    vllm_url: str,
    ollama_url: str,
    ask: Ask,
    remarks: list[str],
) -> Iterator[Found]:
    models = [name for name, _ in _listed(ask(f"{vllm_url}/v1/models"), "data", "id")]
    if models:
        has_key = bool(environment.get("VLLM_API_KEY", "").strip())
        yield Found(
            account="home-vllm",
            vendor="vllm",
            source=vllm_url,
            credential="env:VLLM_API_KEY" if has_key else None,
            base_url=f"{vllm_url}/v1",
            models=_models("vllm", models),
            is_local=True,
        )
    listed = list(_listed(ask(f"{ollama_url}/api/tags"), "models", "name"))
    own = [name for name, entry in listed if not _runs_elsewhere(name, entry)]
    for name, _ in listed:
        if name not in own:
            remarks.append(f"Ollama's {name} runs in its vendor's cloud, not here: left out")
    if own:
        yield Found(
            account="home-ollama",
            vendor="ollama",
            source=ollama_url,
            base_url=f"{ollama_url}/v1",
            models=_models("ollama", own),
            is_local=True,
        )


def _listed(answer: object, key: str, name_key: str) -> Iterator[tuple[str, Mapping[str, object]]]:
    entries = answer.get(key) if is_mapping(answer) else None
    for entry in entries[:MODELS_MOST] if isinstance(entries, list) else ():
        name = entry.get(name_key) if is_mapping(entry) else None
        if is_mapping(entry) and isinstance(name, str) and _PLAIN_MODEL.fullmatch(name):
            yield name, entry


# What a stranger on the port calls its models goes into a file of ours.
_PLAIN_MODEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,199}")


def _runs_elsewhere(name: str, entry: Mapping[str, object]) -> bool:
    """Ollama lists models that it only passes on.  Source: ollama api/types.go, read 2026-11-24."""
    is_remote = bool(entry.get("remote_host")) or bool(entry.get("remote_model"))
    return is_remote or name.endswith((":cloud", "-cloud"))


def _vendor(variable: str, known: Known) -> Found:
    models = _models(known.vendor, [known.model]) if known.model else ()
    return Found(
        account=known.vendor,
        vendor=known.vendor,
        source=variable,
        credential=f"env:{variable}",
        place=known.place,
        models=models,
    )


def _models(prefix: str, models: Sequence[str]) -> tuple[FoundModel, ...]:
    """Names of ours that no two models share."""
    named: dict[str, str] = {}
    for model in models:
        plain = re.sub(r"[^a-z0-9.]+", "-", model.rpartition("/")[2].lower()).strip("-.")
        name = f"{prefix}-{plain}"[:60]
        number = 2
        while name in named:
            name = f"{prefix}-{plain}"[:56] + f"-{number}"
            number += 1
        named[name] = model
    return tuple(FoundModel(name=name, model=model) for name, model in named.items())
