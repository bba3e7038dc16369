"""Chat completions and completions, read and checked as OpenAI, Mistral and vLLM do.

Source: openai 3.57 types, read 2026-11-24; vLLM's and Mistral's differences as noted at each.
"""

from collections.abc import Mapping
from typing import Final

from gateway.practice import errors
from gateway.practice.answer import (
    Answer,
    Call,
)
from gateway.practice.chat_replies import Reply, chat_stream, chat_whole, text_stream, text_whole
from gateway.practice.reading import (
    Body,
    check_context,
    check_members,
    read_body,
    read_count,
    read_model,
    read_objects,
    read_strings,
    read_text,
    select,
)
from gateway.practice.speech import ANY_TOOL, NO_TOOL, Ask, speak
from gateway.practice.text import TOKENS_PER_MESSAGE
from gateway.practice.vendors import Flavour, Model

DELIVERY: Final = ("stream", "stream_options", "user", "metadata")

OPENAI_CHAT: Final = frozenset(
    "messages model audio frequency_penalty function_call functions logit_bias logprobs "
    "max_completion_tokens max_tokens metadata modalities moderation n parallel_tool_calls "
    "prediction presence_penalty prompt_cache_key prompt_cache_options prompt_cache_retention "
    "reasoning_effort response_format safety_identifier seed service_tier stop store stream "
    "stream_options temperature tool_choice tools top_logprobs top_p user verbosity "
    "web_search_options".split()
)
MISTRAL_CHAT: Final = frozenset(
    "messages model frequency_penalty guardrails max_tokens metadata n parallel_tool_calls "
    "prediction presence_penalty prompt_cache_key prompt_mode random_seed reasoning_effort "
    "response_format safe_prompt stop stream stream_options temperature tool_choice tools "
    "top_p".split()
)
OPENAI_COMPLETIONS: Final = frozenset(
    "model prompt best_of echo frequency_penalty logit_bias logprobs max_tokens n "
    "presence_penalty seed stop stream stream_options suffix temperature top_p user".split()
)


def answer_chat(call: Call) -> Answer:
    """POST /v1/chat/completions."""
    body = read_body(call)
    known = MISTRAL_CHAT if call.vendor.flavour is Flavour.MISTRAL else OPENAI_CHAT
    check_members(call, body, known)
    _check_mistral_options(call, body)
    model = read_model(call, body, embeds=False)
    messages = read_objects(call, body, "messages")
    _check_roles(call, messages)
    texts = [read_text(message.get("content")) for message in messages]
    prompt_tokens = check_context(call, model, texts, TOKENS_PER_MESSAGE)
    is_users = messages[-1].get("role") == "user"
    ask = Ask(
        basis=select(body, *DELIVERY),
        prompt=texts[-1] if is_users else "",
        max_tokens=_read_max_tokens(call, body, model),
        stops=read_strings(call, body, "stop"),
        tools=_read_tools(call, body),
        tool_choice=_read_tool_choice(body),
        schema=_read_schema(call, body, texts),
    )
    speeches = [speak(call, ask, at) for at in range(read_count(call, body, "n") or 1)]
    reply = Reply(call, body, model, "chatcmpl", prompt_tokens, speeches)
    return chat_stream(reply) if body.get("stream") is True else chat_whole(reply)


def answer_completions(call: Call) -> Answer:
    """POST /v1/completions."""
    body = read_body(call)
    check_members(call, body, OPENAI_COMPLETIONS)
    model = read_model(call, body, embeds=False)
    if body.get("prompt") is None and call.vendor.flavour is Flavour.VLLM:
        errors.refuse(errors.missing(call, "prompt"))
    prompt = body.get("prompt", "")
    texts = [read_text(prompt)]
    ask = Ask(
        basis=select(body, *DELIVERY),
        prompt=texts[0],
        # 16 is the documented default of this endpoint.
        max_tokens=16 if body.get("max_tokens") is None else _read_max_tokens(call, body, model),
        stops=read_strings(call, body, "stop"),
    )
    prompt_tokens = check_context(call, model, texts, 0)
    speeches = [speak(call, ask, at) for at in range(read_count(call, body, "n") or 1)]
    reply = Reply(call, body, model, "cmpl", prompt_tokens, speeches)
    return text_stream(reply) if body.get("stream") is True else text_whole(reply)


def _check_mistral_options(call: Call, body: Body) -> None:
    # Mistral knows the object but not this member (avante-corp/avante.nvim#2347).
    options = body.get("stream_options")
    if call.vendor.flavour is not Flavour.MISTRAL or not isinstance(options, Mapping):
        return
    if "include_usage" in options:
        place: list[str | int] = ["stream_options", "include_usage"]
        message = "Extra inputs are not permitted"
        value = options["include_usage"]
        errors.refuse(errors.mistral_detail("extra_forbidden", place, message, value))


ROLES: Final = frozenset({"system", "developer", "user", "assistant", "tool", "function"})


def _check_roles(call: Call, messages: list[Body]) -> None:
    open_calls: set[object] = set()
    for at, message in enumerate(messages):
        role = message.get("role")
        name = f"messages[{at}].role"
        if role not in ROLES or (role == "developer" and call.vendor.flavour is Flavour.MISTRAL):
            text = f"Invalid value: '{role}'. Supported values are: 'system', 'assistant', 'user'."
            errors.refuse(errors.out_of_range(call, name, text))
        calls = message.get("tool_calls")
        if isinstance(calls, list):
            open_calls |= {item.get("id") for item in calls if isinstance(item, dict)}
        if role == "tool" and message.get("tool_call_id") not in open_calls:
            text = (
                "Invalid parameter: messages with role 'tool' must be a response to a preceeding "
                "message with 'tool_calls'."
            )
            errors.refuse(errors.out_of_range(call, name, text))


def _read_max_tokens(call: Call, body: Body, model: Model) -> int:
    given = read_count(call, body, "max_completion_tokens")
    given = given or read_count(call, body, "max_tokens")
    if given is None:
        return model.max_output_tokens
    if given > model.max_output_tokens:
        message = (
            f"max_tokens is too large: {given}. This model supports at most "
            f"{model.max_output_tokens} completion tokens, whereas you provided {given}."
        )
        errors.refuse(errors.out_of_range(call, "max_tokens", message))
    return given


def _read_tools(call: Call, body: Body) -> tuple[tuple[str, object], ...]:
    if body.get("tools") is None:
        return ()
    tools = []
    for tool in read_objects(call, body, "tools"):
        function = tool.get("function")
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            errors.refuse(errors.missing(call, "tools[0].function.name"))
        tools.append((function["name"], function.get("parameters", {})))
    return tuple(tools)


def _read_tool_choice(body: Body) -> str | None:
    choice = body.get("tool_choice")
    if choice in ("required", "any"):  # "any" is Mistral's word
        return ANY_TOOL
    if choice == "none":
        return NO_TOOL
    if isinstance(choice, Mapping):
        function = choice.get("function")
        if isinstance(function, Mapping):
            return str(function.get("name"))
    return None


def _read_schema(call: Call, body: Body, texts: list[str]) -> object:
    wanted = body.get("response_format")
    if not isinstance(wanted, Mapping) or wanted.get("type") == "text":
        return None
    if wanted.get("type") == "json_object":
        if call.vendor.flavour is Flavour.OPENAI and "json" not in " ".join(texts).lower():
            message = (
                "'messages' must contain the word 'json' in some form, to use 'response_format' "
                "of type 'json_object'."
            )
            errors.refuse(errors.openai_error(400, message, param="messages"))
        return {"properties": {"answer": {"type": "string"}}}
    inner = wanted.get("json_schema")
    if wanted.get("type") != "json_schema" or not isinstance(inner, Mapping):
        errors.refuse(errors.missing(call, "response_format.json_schema"))
    return inner.get("schema", {})
