import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog import Price
from gateway.ledger.price import TOKENS_MOST, cost_micro
from providers.contract import Usage

counts = st.integers(0, 10**7)
per_mtok = st.integers(0, 10**9)
prices = st.builds(
    Price,
    currency=st.just("EUR"),
    input_micro_per_mtok=per_mtok,
    output_micro_per_mtok=per_mtok,
    cached_input_micro_per_mtok=st.none() | per_mtok,
)
# 3 EUR in, 15 EUR out, 0.30 EUR for cached input, each per million tokens.
PRICE = Price(
    currency="EUR",
    input_micro_per_mtok=3_000_000,
    output_micro_per_mtok=15_000_000,
    cached_input_micro_per_mtok=300_000,
)
EMBEDDING = Price(currency="EUR", input_micro_per_mtok=20_000, output_micro_per_mtok=0)


@pytest.mark.parametrize(
    ("price", "usage", "cost"),
    [
        pytest.param(PRICE, Usage(1_000, 500), 3_000 + 7_500, id="in and out"),
        pytest.param(PRICE, Usage(1_000, 500, 400), 1_800 + 120 + 7_500, id="some cached"),
        pytest.param(PRICE, Usage(1_000, 0, 5_000), 300, id="more cached than came in"),
        pytest.param(PRICE, Usage(0, 0), 0, id="nothing"),
        pytest.param(EMBEDDING, Usage(1, 0), 1, id="a fiftieth is rounded up"),
        pytest.param(EMBEDDING, Usage(51, 0), 2, id="once over all"),
        pytest.param(EMBEDDING, Usage(1_000, None), 20, id="an embedding has no completion"),
        pytest.param(PRICE, Usage(1_000, None), None, id="completion unknown"),
        pytest.param(PRICE, Usage(None, 500), None, id="prompt unknown"),
        pytest.param(PRICE, Usage(), None, id="nobody counted"),
        pytest.param(PRICE, None, None, id="no usage"),
        pytest.param(None, Usage(1_000, 500), None, id="no price"),
        pytest.param(PRICE, Usage(-1, 500), None, id="negative"),
        pytest.param(PRICE, Usage(10**30, 500), None, id="beyond belief"),
        pytest.param(EMBEDDING, Usage(5, -1), None, id="negative though free"),
    ],
)
def test_cost_of_an_attempt(price, usage, cost):
    assert cost_micro(price, usage) == cost


@given(prices, counts, counts, st.none() | counts, counts)
def test_more_tokens_never_cost_less(price, prompt, completion, cached, more):
    cost = cost_micro(price, Usage(prompt, completion, cached))
    more_out = cost_micro(price, Usage(prompt, completion + more, cached))
    assert cost is not None and more_out is not None
    assert more_out >= cost
    if cached is None:
        more_in = cost_micro(price, Usage(prompt + more, completion))
        assert more_in is not None and more_in >= cost


@given(prices, counts, counts, counts)
def test_cost_is_the_exact_sum_rounded_up_by_less_than_one(price, prompt, completion, cached):
    cost = cost_micro(price, Usage(prompt, completion, cached))
    known = min(cached, prompt)
    each = price.cached_input_micro_per_mtok
    exact = (
        (prompt - known) * price.input_micro_per_mtok
        + known * (price.input_micro_per_mtok if each is None else each)
        + completion * price.output_micro_per_mtok
    )
    assert cost is not None
    assert 0 <= cost * 1_000_000 - exact < 1_000_000


@given(prices, st.none() | st.integers(), st.none() | st.integers(), st.none() | st.integers())
def test_what_is_unknown_is_never_free(price, prompt, completion, cached):
    cost = cost_micro(price, Usage(prompt, completion, cached))

    if cost is None:
        return
    assert prompt is not None and 0 <= prompt <= TOKENS_MOST
    assert completion is not None or price.output_micro_per_mtok == 0
