"""Embeddings of a real pooling model, through the gateway."""

import math

import pytest

from deploy.vllm.server import Server
from gateway.practice.grid import Grid
from tests.house import House
from tests.vllm.own_supply import PATIENT, own, real, sdk, settled, vllm

TEXTS = ["A cat sleeps on the sofa.", "A kitten naps on the couch.", "The stock market fell."]


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_vectors_are_the_ones_that_vllm_made(minilm: Server, encoding: str) -> None:
    @real
    async def run() -> None:
        async with (
            Grid() as grid,
            House(grid, {"embed": ["own-minilm"]}, own=own(minilm), deadlines=PATIENT) as house,
            sdk(house) as client,
        ):
            # Without an encoding the SDK asks for base64 and decodes it.
            wish = {"encoding_format": "float"} if encoding == "float" else {}
            answer = await client.embeddings.create(model="embed", input=TEXTS, **wish)
            direct = await vllm(minilm, "/v1/embeddings", model="minilm", input=TEXTS)
            vectors = [row.embedding for row in answer.data]
            for vector, row in zip(vectors, direct["data"], strict=True):
                assert vector == pytest.approx(row["embedding"], abs=1e-5)
            assert answer.usage.prompt_tokens == direct["usage"]["prompt_tokens"]
            assert len(vectors[0]) == 384
            assert cosine(vectors[0], vectors[1]) > cosine(vectors[0], vectors[2]) + 0.3
            (row,) = await settled(house)
            assert (row.verdict, row.prompt_tokens) == ("ok", direct["usage"]["prompt_tokens"])

    run()


@real
async def test_text_that_is_too_long_is_the_callers_error(minilm: Server) -> None:
    async with (
        Grid() as grid,
        House(grid, {"embed": ["own-minilm"]}, own=own(minilm), deadlines=PATIENT) as house,
    ):
        reply = await house.ask("embed", "/v1/embeddings", input="word " * 600)
        assert reply.status_code == 400, reply.text
        assert await house.kinds() == ["caller_error"]


def cosine(one: list[float], other: list[float]) -> float:
    return math.sumprod(one, other) if hasattr(math, "sumprod") else sum(map(product, one, other))


def product(one: float, other: float) -> float:
    return one * other
