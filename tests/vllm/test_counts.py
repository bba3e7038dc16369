"""What the ledger says was used is what vLLM counted."""

import json

import pytest

from deploy.vllm.server import Server
from gateway.practice.grid import Grid
from tests.house import House
from tests.vllm.own_supply import PATIENT, events, gauge, own, real, settled, vllm

SAYING = [{"role": "user", "content": "Tell me about the sea. 你好 😀 é"}]


@pytest.mark.parametrize(
    ("is_stream", "asks_usage"),
    [
        pytest.param(False, False, id="whole"),
        pytest.param(True, True, id="stream with usage"),
        pytest.param(True, False, id="stream without"),
    ],
)
def test_usage_is_vllms_own_count(smollm2: Server, is_stream: bool, asks_usage: bool) -> None:
    @real
    async def run() -> None:
        ask = {"messages": SAYING, "temperature": 0, "max_tokens": 20}
        direct = await vllm(
            smollm2, "/v1/chat/completions", model="smollm2", return_token_ids=True, **ask
        )
        tokens = await vllm(smollm2, "/tokenize", model="smollm2", messages=SAYING)
        made = len(direct["choices"][0]["token_ids"])
        assert (tokens["count"], made) == counts(direct["usage"])
        async with (
            Grid() as grid,
            House(grid, {"chat": ["own-smollm2"]}, own=own(smollm2), deadlines=PATIENT) as house,
        ):
            options = {"stream_options": {"include_usage": True}} if asks_usage else {}
            reply = await house.ask(stream=is_stream, **options, **ask)
            (row,) = await settled(house)
            assert (row.prompt_tokens, row.completion_tokens) == (tokens["count"], made)
            told = [u for u in usages(reply.text, is_stream) if u]
            assert [counts(u) for u in told] == [(tokens["count"], made)] * (
                not is_stream or asks_usage
            )

    run()


@real
async def test_ledger_adds_up_to_what_the_server_says_it_made(tiny: Server) -> None:
    async with (
        Grid() as grid,
        House(grid, {"chat": ["own-tiny"]}, own=own(tiny), deadlines=PATIENT) as house,
    ):
        before = [await gauge(tiny, name) for name in COUNTERS]
        for number in range(6):
            await house.ask(stream=number % 2 == 0, max_tokens=10 + number, ignore_eos=True)
        after = [await gauge(tiny, name) for name in COUNTERS]
        rows = await settled(house)
        assert [a - b for a, b in zip(after, before, strict=True)] == [
            sum(row.prompt_tokens or 0 for row in rows),
            sum(row.completion_tokens or 0 for row in rows),
        ]


COUNTERS = ("vllm:prompt_tokens_total", "vllm:generation_tokens_total")


def counts(usage: dict[str, int]) -> tuple[int, int]:
    return usage["prompt_tokens"], usage["completion_tokens"]


def usages(text: str, is_stream: bool) -> list[dict[str, int] | None]:
    if not is_stream:
        return [json.loads(text)["usage"]]
    return [json.loads(event).get("usage") for event in events(text) if event != "[DONE]"]
