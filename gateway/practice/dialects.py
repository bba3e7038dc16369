"""Which vendor answers what: credentials, paths and the headers of a healthy reply."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from gateway.practice import errors
from gateway.practice.answer import Answer, Call, RefusedError, json_answer
from gateway.practice.anthropic import answer_count, answer_messages
from gateway.practice.chat import answer_chat, answer_completions
from gateway.practice.embeddings import answer_embeddings
from gateway.practice.http import Fields, Message
from gateway.practice.responses import answer_responses
from gateway.practice.vendors import Flavour, Model

VLLM_VERSION: Final = "0.32.0"


def read_credential(flavour: Flavour, message: Message) -> str | None:
    """What the client shows where this vendor looks for it."""
    if flavour is Flavour.ANTHROPIC and (key := message.field("x-api-key")) is not None:
        return key
    scheme, _, token = (message.field("authorization") or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def answer(call: Call) -> Answer:
    """What the healthy vendor says, refusals included."""
    flavour, message = call.vendor.flavour, call.message
    if (message.method, message.path) in OPEN_PATHS[flavour]:
        return OPEN_PATHS[flavour][(message.method, message.path)](call)
    credential = read_credential(flavour, message)
    try:
        # vLLM guards only what is under /v1; the others everything.
        guarded = flavour is not Flavour.VLLM or message.path.startswith("/v1")
        if guarded and call.vendor.account_of(credential) is None:
            errors.refuse(errors.bad_credential(call, credential))
        return _find(call)(call)
    except RefusedError as refusal:
        return refusal.answer


def vendor_fields(call: Call) -> Fields:
    """The headers that this vendor sets on every reply of its own servers."""
    date = datetime.fromtimestamp(call.wall_s, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    match call.vendor.flavour:
        case Flavour.OPENAI:
            return (
                ("date", date),
                ("openai-organization", "practice"),
                ("openai-processing-ms", "7"),
                ("openai-version", "2020-10-01"),
                ("x-request-id", call.request_id),
                ("x-ratelimit-limit-requests", "10000"),
                ("x-ratelimit-limit-tokens", "2000000"),
                ("x-ratelimit-remaining-requests", "9999"),
                ("x-ratelimit-remaining-tokens", "1999900"),
                ("x-ratelimit-reset-requests", "6ms"),
                ("x-ratelimit-reset-tokens", "3ms"),
                ("server", "cloudflare"),
            )
        case Flavour.ANTHROPIC:
            return (
                ("date", date),
                ("request-id", call.request_id),
                ("anthropic-organization-id", "practice"),
                ("server", "cloudflare"),
            )
        case Flavour.MISTRAL:
            return (("date", date), ("mistral-correlation-id", call.request_id))
        case Flavour.VLLM:
            return (("date", date), ("server", "uvicorn"))


Answerer = Callable[[Call], Answer]


def _find(call: Call) -> Answerer:
    method, path = call.message.method, call.message.path
    paths = PATHS[call.vendor.flavour]
    if (method, path) in paths:
        return paths[(method, path)]
    if method == "GET" and path.startswith("/v1/models/"):
        return _answer_model
    if any(path == known for _, known in paths):
        return errors.wrong_method
    return errors.unknown_path


def _describe(call: Call, model: Model) -> dict[str, object]:
    match call.vendor.flavour:
        case Flavour.ANTHROPIC:
            created = "2026-01-01T00:00:00Z"
            shown = {"type": "model", "id": model.name, "display_name": model.name.title()}
            return {**shown, "created_at": created}
        case Flavour.VLLM:
            length = model.context_tokens
            head = {"id": model.name, "object": "model", "created": int(call.wall_s)}
            root = {"owned_by": "vllm", "root": model.name, "parent": None}
            return {**head, **root, "max_model_len": length}
        case Flavour.OPENAI | Flavour.MISTRAL:
            head = {"id": model.name, "object": "model", "created": 1767225600}
            return {**head, "owned_by": call.vendor.name}


def _answer_models(call: Call) -> Answer:
    data = [_describe(call, model) for model in call.vendor.models.values()]
    if call.vendor.flavour is Flavour.ANTHROPIC:
        ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]}
        return json_answer({"data": data, "has_more": False, **ends})
    return json_answer({"object": "list", "data": data})


def _answer_model(call: Call) -> Answer:
    name = call.message.path.removeprefix("/v1/models/")
    model = call.vendor.models.get(name)
    return (
        errors.unknown_model(call, name) if model is None else json_answer(_describe(call, model))
    )


def _answer_health(call: Call) -> Answer:
    return Answer(fields=(), body=b"")


def _answer_version(call: Call) -> Answer:
    return json_answer({"version": VLLM_VERSION})


Paths = Mapping[tuple[str, str], Answerer]

_CHAT: Final[Paths] = MappingProxyType(
    {
        ("GET", "/v1/models"): _answer_models,
        ("POST", "/v1/chat/completions"): answer_chat,
        ("POST", "/v1/embeddings"): answer_embeddings,
    }
)
PATHS: Final[Mapping[Flavour, Paths]] = MappingProxyType(
    {
        Flavour.OPENAI: {
            **_CHAT,
            ("POST", "/v1/completions"): answer_completions,
            ("POST", "/v1/responses"): answer_responses,
        },
        Flavour.ANTHROPIC: {
            ("GET", "/v1/models"): _answer_models,
            ("POST", "/v1/messages"): answer_messages,
            ("POST", "/v1/messages/count_tokens"): answer_count,
        },
        Flavour.MISTRAL: _CHAT,
        Flavour.VLLM: {**_CHAT, ("POST", "/v1/completions"): answer_completions},
    }
)
OPEN_PATHS: Final[Mapping[Flavour, Paths]] = MappingProxyType(
    {
        Flavour.OPENAI: {},
        Flavour.ANTHROPIC: {},
        Flavour.MISTRAL: {},
        Flavour.VLLM: {
            ("GET", "/health"): _answer_health,
            ("GET", "/ping"): _answer_health,
            ("GET", "/version"): _answer_version,
        },
    }
)
