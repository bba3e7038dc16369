"""The openai SDK over every class of fault: a whole answer, or one error of the right class.

The SDK retries twice by itself unless it is told not to: one call must stay one exchange, so
that the gateway is the only retry loop.  A truncated stream must raise and never end normally:
the SDK takes any stream that ends for a whole one.
"""

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.clients import faulty_supply
from tests.clients.faulty_supply import Case, End
from tests.running_house import Running, running

CASES = faulty_supply.cases()
HELLO: Any = [{"role": "user", "content": "Tell me of the grid, é."}]
KINDS = ["alone", "pair"]
ROUTE = 12  # place in the row of an exchange


@pytest.fixture(scope="module")
def it() -> Iterator[Running]:
    with running(faulty_supply.build) as found:
        faulty_supply.close_ports(found)
        yield found


@pytest.fixture(scope="module")
def client(it: Running) -> Iterator[openai.OpenAI]:
    """With the SDK's own retries."""
    with openai.OpenAI(base_url=f"{it.house.url}/v1", api_key=it.house.key) as made:
        assert made.max_retries == 2
        yield made


def select(*ends: End) -> list[object]:
    return [
        pytest.param(number, case, id=case.id)
        for number, case in enumerate(CASES)
        if case.end in ends
    ]


def ask(client: openai.OpenAI, case: Case, kind: str) -> str:
    """The text of a whole answer; what the SDK raises passes."""
    model = f"{case.id}-{kind}"
    if not case.is_stream:
        whole = client.chat.completions.create(model=model, messages=HELLO)
        assert isinstance(whole, ChatCompletion)
        assert whole.choices[0].finish_reason == "stop"
        return whole.choices[0].message.content or ""
    text, finish = "", None
    for chunk in client.chat.completions.create(model=model, messages=HELLO, stream=True):
        assert isinstance(chunk, ChatCompletionChunk)
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
    assert finish == "stop", "the SDK took a stream without terminal reason for a whole one"
    return text


def attempts_at(it: Running, number: int, kind: str) -> int:
    return len(it.grid.log(faulty_supply.sick_vendor(number, kind)))


def exchanges(it: Running, case: Case, kind: str) -> int:
    """Each case has a route of its own."""
    route = f"{case.id}-{kind}"
    return sum(row[0] == "x1" and row[ROUTE] == route for row in it.rows())


@pytest.mark.parametrize(("number", "case"), select(End.FAILS))
def test_failover_gives_a_whole_answer(
    it: Running, client: openai.OpenAI, number: int, case: Case
) -> None:
    well = faulty_supply.WELL[case.flavour]
    served = len(it.grid.log(well))
    assert len(ask(client, case, "pair").split()) > 5
    assert exchanges(it, case, "pair") == 1
    assert len(it.grid.log(well)) - served == 1
    assert attempts_at(it, number, "pair") <= 1


@pytest.mark.parametrize(("number", "case"), select(End.FAILS))
def test_nobody_else_is_one_503(
    it: Running, client: openai.OpenAI, number: int, case: Case
) -> None:
    with pytest.raises(openai.InternalServerError) as caught:
        ask(client, case, "alone")
    assert (caught.value.status_code, caught.value.code) == (503, "supply_exhausted")
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert caught.value.response.headers["x-switchgear-request-id"]
    assert "<html" not in str(caught.value).lower()
    assert exchanges(it, case, "alone") == 1
    assert attempts_at(it, number, "alone") <= 2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("number", "case"), select(End.BREAKS))
def test_broken_stream_raises_once_and_is_not_replayed(
    it: Running, client: openai.OpenAI, number: int, case: Case, kind: str
) -> None:
    well = faulty_supply.WELL[case.flavour]
    served = len(it.grid.log(well))
    with pytest.raises(openai.APIError) as caught:
        ask(client, case, kind)
    assert type(caught.value) is openai.APIError
    assert caught.value.code == "stream_broken"
    assert exchanges(it, case, kind) == 1
    assert len(it.grid.log(well)) == served, "text that a client has seen is not said again"
    assert attempts_at(it, number, kind) == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("number", "case"), select(End.TOLD))
def test_error_of_the_request_itself_is_told_and_not_tried_elsewhere(
    it: Running, client: openai.OpenAI, number: int, case: Case, kind: str
) -> None:
    well = faulty_supply.WELL[case.flavour]
    served = len(it.grid.log(well))
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, case, kind)
    assert isinstance(caught.value.body, dict) and caught.value.body["message"]
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert exchanges(it, case, kind) == 1
    assert len(it.grid.log(well)) == served
    assert attempts_at(it, number, kind) == 1
