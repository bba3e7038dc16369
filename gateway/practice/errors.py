"""The words in which each imitated vendor refuses a bad request.

Sources, read 2026-11-24.  OpenAI: developers.openai.com/docs/guides/error-codes and bodies quoted
in ChatGPTNextWeb/NextChat#3664, lifan0127/ai-research-assistant#174.  Anthropic:
docs.claude.com/en/api/errors and anthropic 2.13.  Mistral: mistralai/mistral-vibe#617 (1500),
nextcloud/integration_openai#332 (401), Gitlawb/openclaude#739 (422), avante-corp/avante.nvim#2347.
vLLM: bodies read off vLLM 0.32.
"""

from typing import NoReturn

from gateway.practice.answer import Answer, Call, RefusedError, json_answer
from gateway.practice.vendors import Flavour


def openai_error(
    status: int, message: str, *, type_: str = "invalid_request_error",
    param: str | None = None, code: str | None = None,
) -> Answer:  # fmt: skip
    """OpenAI's error object."""
    error = {"message": message, "type": type_, "param": param, "code": code}
    return json_answer({"error": error}, status)


def vllm_error(status: int, message: str, type_: str, param: str | None = None) -> Answer:
    """vLLM's error object: `code` is the status as a number."""
    error = {"message": message, "type": type_, "param": param, "code": status}
    return json_answer({"error": error}, status)


def mistral_error(status: int, message: str, type_: str, code: str | None) -> Answer:
    """Mistral's flat error."""
    body = {"object": "error", "message": message, "type": type_, "param": None, "code": code}
    return json_answer({**body, "raw_status_code": status}, status)


def mistral_detail(type_: str, place: list[str | int], message: str, value: object) -> Answer:
    """Mistral's 422, as its validator prints it."""
    detail = {"type": type_, "loc": ["body", *place], "msg": message, "input": value}
    return json_answer({"detail": [detail]}, 422)


def anthropic_error(call: Call, status: int, type_: str, message: str) -> Answer:
    """Anthropic's error object with its request id."""
    error = {"type": type_, "message": message}
    return json_answer({"type": "error", "error": error, "request_id": call.request_id}, status)


def refuse(answer: Answer) -> NoReturn:
    """End the request with this answer."""
    raise RefusedError(answer)


def bad_credential(call: Call, given: str | None) -> Answer:
    """No credential, or nobody's."""
    match call.vendor.flavour:
        case Flavour.OPENAI if given is None:
            return openai_error(
                401,
                "You didn't provide an API key. You need to provide your API key in an "
                "Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
            )
        case Flavour.OPENAI:
            shown = f"{given[:8]}{'*' * 8}{given[-4:]}" if given and len(given) > 12 else "***"
            return openai_error(
                401,
                f"Incorrect API key provided: {shown}. You can find your API key at "
                "https://platform.openai.com/account/api-keys.",
                code="invalid_api_key",
            )
        case Flavour.ANTHROPIC:
            message = "x-api-key header is required" if given is None else "invalid x-api-key"
            return anthropic_error(call, 401, "authentication_error", message)
        case Flavour.MISTRAL:
            return json_answer({"detail": "Unauthorized"}, 401)
        case Flavour.VLLM:
            return json_answer({"error": "Unauthorized"}, 401)


def unknown_path(call: Call) -> Answer:
    """A path that the vendor does not serve."""
    method, path = call.message.method, call.message.path
    match call.vendor.flavour:
        case Flavour.OPENAI:
            return openai_error(404, f"Invalid URL ({method} {path})")
        case Flavour.ANTHROPIC:
            return anthropic_error(call, 404, "not_found_error", "Not Found")
        case Flavour.MISTRAL:
            return json_answer({"message": "no Route matched with those values"}, 404)
        case Flavour.VLLM:
            return json_answer({"detail": "Not Found"}, 404)


def wrong_method(call: Call) -> Answer:
    """A known path with another method."""
    method, path = call.message.method, call.message.path
    match call.vendor.flavour:
        case Flavour.OPENAI:
            message = f"Not allowed to {method} on {path}."
            return openai_error(405, message, code="method_not_supported")
        case Flavour.ANTHROPIC:
            return anthropic_error(call, 405, "invalid_request_error", "Method Not Allowed")
        case Flavour.MISTRAL | Flavour.VLLM:
            return json_answer({"detail": "Method Not Allowed"}, 405)


def bad_json(call: Call) -> Answer:
    """A body that is no JSON object in UTF-8."""
    match call.vendor.flavour:
        case Flavour.OPENAI:
            return openai_error(400, "We could not parse the JSON body of your request.")
        case Flavour.ANTHROPIC:
            message = "The request body is not valid JSON"
            return anthropic_error(call, 400, "invalid_request_error", message)
        case Flavour.MISTRAL:
            return mistral_detail("json_invalid", [0], "JSON decode error", {})
        case Flavour.VLLM:
            return vllm_error(400, "[{'type': 'json_invalid', 'loc': ('body', 0)}]", "Bad Request")


def missing(call: Call, name: str) -> Answer:
    """A member that must be there."""
    match call.vendor.flavour:
        case Flavour.OPENAI if name == "model":
            return openai_error(400, "you must provide a model parameter")
        case Flavour.OPENAI:
            message = f"Missing required parameter: '{name}'."
            code = "missing_required_parameter"
            return openai_error(400, message, param=name, code=code)
        case Flavour.ANTHROPIC:
            return anthropic_error(call, 400, "invalid_request_error", f"{name}: Field required")
        case Flavour.MISTRAL:
            return mistral_detail("missing", [name], "Field required", None)
        case Flavour.VLLM:
            message = f"[{{'type': 'missing', 'loc': ('body', '{name}'), 'msg': 'Field required'}}]"
            return vllm_error(400, message, "Bad Request")


def wrong_type(call: Call, name: str, wanted: str) -> Answer:
    """A member of another type than `wanted`, such as "an array"."""
    match call.vendor.flavour:
        case Flavour.OPENAI:
            message = f"Invalid type for '{name}': expected {wanted}."
            return openai_error(400, message, param=name, code="invalid_type")
        case Flavour.ANTHROPIC:
            message = f"{name}: Input should be {wanted}"
            return anthropic_error(call, 400, "invalid_request_error", message)
        case Flavour.MISTRAL:
            return mistral_detail("type_error", [name], f"Input should be {wanted}", None)
        case Flavour.VLLM:
            message = f"[{{'loc': ('body', '{name}'), 'msg': 'Input should be {wanted}'}}]"
            return vllm_error(400, message, "Bad Request")


def extra_member(call: Call, name: str, value: object) -> Answer | None:
    """A member the vendor does not know; None where it is ignored."""
    match call.vendor.flavour:
        case Flavour.OPENAI:
            message = f"Unknown parameter: '{name}'."
            return openai_error(400, message, param=name, code="unknown_parameter")
        case Flavour.ANTHROPIC:
            message = f"{name}: Extra inputs are not permitted"
            return anthropic_error(call, 400, "invalid_request_error", message)
        case Flavour.MISTRAL:
            return mistral_detail(
                "extra_forbidden", [name], "Extra inputs are not permitted", value
            )
        case Flavour.VLLM:
            return None  # logged and ignored


def unknown_model(call: Call, model: str) -> Answer:
    """A model that the vendor does not serve."""
    match call.vendor.flavour:
        case Flavour.OPENAI:
            message = f"The model `{model}` does not exist or you do not have access to it."
            return openai_error(404, message, code="model_not_found")
        case Flavour.ANTHROPIC:
            return anthropic_error(call, 404, "not_found_error", f"model: {model}")
        case Flavour.MISTRAL:
            return mistral_error(400, f"Invalid model: {model}", "invalid_model", "1500")
        case Flavour.VLLM:
            message = f"The model `{model}` does not exist."
            return vllm_error(404, message, "NotFoundError", "model")


def wrong_kind(call: Call, model: str) -> Answer:
    """An embedding model asked to chat, or the other way round."""
    match call.vendor.flavour:
        case Flavour.OPENAI:
            message = f"The model `{model}` is not supported on {call.message.path}."
            return openai_error(404, message, param="model")
        case Flavour.ANTHROPIC:
            return unknown_model(call, model)
        case Flavour.MISTRAL:
            return mistral_error(400, f"Invalid model: {model}", "invalid_model", "1500")
        case Flavour.VLLM:
            return json_answer({"detail": "Not Found"}, 404)


def context_too_long(call: Call, tokens: int, limit: int) -> Answer:
    """A prompt that does not fit."""
    match call.vendor.flavour:
        case Flavour.OPENAI:
            return openai_error(
                400,
                f"This model's maximum context length is {limit} tokens. However, your messages "
                f"resulted in {tokens} tokens. Please reduce the length of the messages.",
                param="messages",
                code="context_length_exceeded",
            )
        case Flavour.ANTHROPIC:
            message = f"prompt is too long: {tokens} tokens > {limit} maximum"
            return anthropic_error(call, 400, "invalid_request_error", message)
        case Flavour.MISTRAL:
            message = (
                f"Prompt contains {tokens} tokens and 0 draft tokens, too large for model with "
                f"{limit} maximum context length"
            )
            return mistral_error(400, message, "invalid_request_error", "3051")
        case Flavour.VLLM:
            message = (
                f"This model's maximum context length is {limit} tokens. However, your request "
                f"has {tokens} input tokens. Please reduce the length of the input messages."
            )
            return vllm_error(400, message, "BadRequestError", "input_tokens")


def out_of_range(call: Call, name: str, message: str) -> Answer:
    """A value outside what is allowed; the message is the vendor's."""
    match call.vendor.flavour:
        case Flavour.OPENAI:
            return openai_error(400, message, param=name, code="invalid_value")
        case Flavour.ANTHROPIC:
            return anthropic_error(call, 400, "invalid_request_error", message)
        case Flavour.MISTRAL:
            return mistral_error(400, message, "invalid_request_error", None)
        case Flavour.VLLM:
            return vllm_error(400, message, "BadRequestError", name)
