"""POST /v1/embeddings: unit vectors that follow from the text, as floats or base64.

Source: openai 3.57 types and Mistral's own `output_dimension`, read 2026-11-24.
"""

from typing import Final

from gateway.practice import errors
from gateway.practice.answer import Answer, Call, json_answer, to_json
from gateway.practice.reading import (
    Body,
    check_context,
    check_members,
    read_body,
    read_count,
    read_model,
)
from gateway.practice.text import make_vector, pack_vector
from gateway.practice.vendors import Flavour, Model

OPENAI_EMBEDDINGS: Final = frozenset("input model dimensions encoding_format user".split())
MISTRAL_EMBEDDINGS: Final = frozenset(
    "input model output_dimension output_dtype encoding_format metadata".split()
)
MAX_INPUTS: Final = 2048  # OpenAI's documented bound


def answer_embeddings(call: Call) -> Answer:
    """POST /v1/embeddings."""
    body = read_body(call)
    is_mistral = call.vendor.flavour is Flavour.MISTRAL
    check_members(call, body, MISTRAL_EMBEDDINGS if is_mistral else OPENAI_EMBEDDINGS)
    model = read_model(call, body, embeds=True)
    inputs = _read_inputs(call, body)
    dimensions = _read_dimensions(call, body, model)
    tokens = sum(check_context(call, model, [text], 0) for text in inputs)
    data = []
    for at, text in enumerate(inputs):
        vector = make_vector(to_json((call.seed, model.name, text)), dimensions)
        is_packed = body.get("encoding_format") == "base64"
        embedding = pack_vector(vector) if is_packed else vector
        data.append({"object": "embedding", "index": at, "embedding": embedding})
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return json_answer({"object": "list", "data": data, "model": model.name, "usage": usage})


def _read_inputs(call: Call, body: Body) -> list[str]:
    given = body.get("input")
    if given is None:
        errors.refuse(errors.missing(call, "input"))
    # Token ids, one list or several, are as good as the words they stand for.
    if isinstance(given, list) and given and all(isinstance(item, int) for item in given):
        given = [given]
    inputs = given if isinstance(given, list) else [given]
    joined = [" ".join(map(str, item)) if isinstance(item, list) else item for item in inputs]
    texts = [text for text in joined if isinstance(text, str) and text]
    if not texts or len(texts) < len(joined):
        errors.refuse(errors.wrong_type(call, "input", "a string or an array of strings"))
    if len(texts) > MAX_INPUTS:
        message = f"Invalid 'input': at most {MAX_INPUTS} inputs are allowed."
        errors.refuse(errors.out_of_range(call, "input", message))
    return texts


def _read_dimensions(call: Call, body: Body, model: Model) -> int:
    for name in ("dimensions", "output_dimension"):
        given = read_count(call, body, name)
        if given is None:
            continue
        # vLLM refuses it for a model that was not trained to be shortened.
        if given > model.dimensions or call.vendor.flavour is Flavour.VLLM:
            message = f"Model \"{model.name}\" does not support '{name}' = {given}."
            errors.refuse(errors.out_of_range(call, name, message))
        return given
    return model.dimensions
