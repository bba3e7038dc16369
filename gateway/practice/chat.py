"""Chat completions and completions, as OpenAI, Mistral and vLLM have them.

Source: openai 3.57 types, read 2026-11-24; vLLM's and Mistral's differences as noted at each.
"""

from collections.abc import Mapping
from typing import Final

from gateway.practice import errors
from gateway.practice.answer import (
    DONE_EVENT,
    Answer,
    Call,
    Event,
    Part,
    data_event,
    json_answer,
    stream_answer,
)
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
from gateway.practice.speech import ANY_TOOL, NO_TOOL, Ask, Ending, Speech, speak
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

FINISH: Final = {
    Ending.STOP: "stop",
    Ending.STOP_STRING: "stop",
    Ending.LENGTH: "length",
    Ending.TOOL: "tool_calls",
}


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
    reply = _Reply(call, body, model, "chatcmpl", prompt_tokens, speeches)
    return _chat_stream(reply) if body.get("stream") is True else _chat_whole(reply)


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
        max_tokens=_read_max_tokens(call, body, model) or 16,
        stops=read_strings(call, body, "stop"),
    )
    prompt_tokens = check_context(call, model, texts, 0)
    speeches = [speak(call, ask, at) for at in range(read_count(call, body, "n") or 1)]
    reply = _Reply(call, body, model, "cmpl", prompt_tokens, speeches)
    return _text_stream(reply) if body.get("stream") is True else _text_whole(reply)


class _Reply:
    """What every form of one reply needs."""

    def __init__(
        self,
        call: Call,
        body: Body,
        model: Model,
        prefix: str,
        prompt_tokens: int,
        speeches: list[Speech],
    ) -> None:
        self.flavour = call.vendor.flavour
        self.speeches = speeches
        self.model = model.name
        self.created = int(call.wall_s)
        client_id = call.message.field("x-request-id")
        # vLLM takes the client's request id over into the answer's id.
        unique = client_id if client_id and self.flavour is Flavour.VLLM else None
        self.id = f"{prefix}-{unique or f'{speeches[0].tag}{call.number:06d}'}"
        completion_tokens = sum(len(speech.pieces) for speech in speeches)
        self.usage: dict[str, object] = {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
        }
        if self.flavour is Flavour.OPENAI:
            self.usage["prompt_tokens_details"] = {"cached_tokens": 0, "audio_tokens": 0}
            self.usage["completion_tokens_details"] = {"reasoning_tokens": 0, "audio_tokens": 0}
        options = body.get("stream_options")
        wants = isinstance(options, Mapping) and options.get("include_usage") is True
        self.usage_event = wants and self.flavour is not Flavour.MISTRAL

    def frame(self, kind: str, choices: list[object]) -> dict[str, object]:
        """The members around the choices."""
        frame: dict[str, object] = {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
        }
        if self.flavour is Flavour.OPENAI:
            frame |= {"service_tier": "default", "system_fingerprint": "fp_practice"}
        return {**frame, "choices": choices}

    def closing(self, kind: str) -> list[Event]:
        """The usage event, if asked for, and the last word."""
        events = []
        if self.usage_event:
            events.append(data_event(Part.USAGE, {**self.frame(kind, []), "usage": self.usage}))
        return [*events, DONE_EVENT]

    def event(self, part: Part, kind: str, choice: dict[str, object]) -> Event:
        """One chunk with one choice."""
        frame = self.frame(kind, [choice])
        if self.usage_event and self.flavour is Flavour.OPENAI:
            frame["usage"] = None
        # Mistral's usage rides on the chunk with the finish reason, asked for or not.
        if self.flavour is Flavour.MISTRAL and part is Part.TERMINAL:
            frame["usage"] = self.usage
        return data_event(part, frame)


def _chat_whole(reply: _Reply) -> Answer:
    choices: list[object] = []
    for at, speech in enumerate(reply.speeches):
        message: dict[str, object] = {"role": "assistant", "content": speech.text}
        if reply.flavour is Flavour.OPENAI:
            message |= {"refusal": None, "annotations": []}
        if speech.tool is not None:
            function = {"name": speech.tool, "arguments": speech.text}
            tool_call = {"id": f"call_{speech.tag}", "type": "function", "function": function}
            message |= {"content": None, "tool_calls": [tool_call]}
        finish = FINISH[speech.ending]
        choices.append({"index": at, "message": message, "logprobs": None, "finish_reason": finish})
    return json_answer({**reply.frame("chat.completion", choices), "usage": reply.usage})


def _chat_stream(reply: _Reply) -> Answer:
    kind = "chat.completion.chunk"

    def chunk(part: Part, at: int, delta: dict[str, object], finish: str | None = None) -> Event:
        choice: dict[str, object] = {"index": at, "delta": delta, "logprobs": None}
        return reply.event(part, kind, {**choice, "finish_reason": finish})

    events = [
        chunk(Part.START, at, {"role": "assistant", "content": ""})
        for at in range(len(reply.speeches))
    ]
    longest = max(len(speech.pieces) for speech in reply.speeches)
    # The name and the id come first, with empty arguments, as from OpenAI.
    for at, speech in enumerate(reply.speeches):
        if speech.tool is not None:
            function = {"name": speech.tool, "arguments": ""}
            opened = {"index": 0, "id": f"call_{speech.tag}", "type": "function"}
            delta: dict[str, object] = {"tool_calls": [{**opened, "function": function}]}
            events.append(chunk(Part.TOOL, at, delta))
    for step in range(longest):
        for at, speech in enumerate(reply.speeches):
            if step >= len(speech.pieces):
                continue
            piece = speech.pieces[step]
            if speech.tool is None:
                events.append(chunk(Part.CONTENT, at, {"content": piece}))
            else:
                part_call = {"index": 0, "function": {"arguments": piece}}
                events.append(chunk(Part.TOOL, at, {"tool_calls": [part_call]}))
    for at, speech in enumerate(reply.speeches):
        events.append(chunk(Part.TERMINAL, at, {}, FINISH[speech.ending]))
    return stream_answer(events + reply.closing(kind))


def _text_whole(reply: _Reply) -> Answer:
    choices: list[object] = [
        {
            "text": speech.text,
            "index": at,
            "logprobs": None,
            "finish_reason": FINISH[speech.ending],
        }
        for at, speech in enumerate(reply.speeches)
    ]
    return json_answer({**reply.frame("text_completion", choices), "usage": reply.usage})


def _text_stream(reply: _Reply) -> Answer:
    kind = "text_completion"
    events = []
    for at, speech in enumerate(reply.speeches):
        for piece in speech.pieces:
            choice = {"text": piece, "index": at, "logprobs": None, "finish_reason": None}
            events.append(reply.event(Part.CONTENT, kind, choice))
        finish = FINISH[speech.ending]
        last = {"text": "", "index": at, "logprobs": None, "finish_reason": finish}
        events.append(reply.event(Part.TERMINAL, kind, last))
    return stream_answer(events + reply.closing(kind))


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
