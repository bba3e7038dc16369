"""What an attempt costs, in whole millionths of the price's currency.

Rounding: the sum is rounded up once, to the next millionth, so that a budget is never overrun by
rounding.  What is not known gives None, never 0.
"""

from typing import Final

from gateway.catalog import Price
from providers.contract import Usage

TOKENS_PER_PRICE: Final = 1_000_000
TOKENS_MOST: Final = 10**12  # no request has so many; such a count is a lie and hence unknown


def cost_micro(price: Price | None, usage: Usage | None) -> int | None:
    """The cost of one attempt; None without a price or a count that it depends on.

    A completion count that nobody gave is needed only where output has a price: embeddings have
    none.  Cached tokens are a part of the prompt; if nobody counted them, or they have no price of
    their own, they cost what input costs.
    """
    if price is None or usage is None:
        return None
    prompt = _believed(usage.prompt_tokens)
    completion = _believed(usage.completion_tokens)
    if completion is None and usage.completion_tokens is None and not price.output_micro_per_mtok:
        completion = 0
    if prompt is None or completion is None:
        return None
    cached_price = price.cached_input_micro_per_mtok
    if cached_price is None:
        cached_price = price.input_micro_per_mtok
    # A vendor that says more tokens were cached than came in is believed up to the prompt.
    cached = min(_believed(usage.cached_tokens) or 0, prompt)
    total = (
        (prompt - cached) * price.input_micro_per_mtok
        + cached * cached_price
        + completion * price.output_micro_per_mtok
    )
    return -(-total // TOKENS_PER_PRICE)


def _believed(count: int | None) -> int | None:
    return count if count is not None and 0 <= count <= TOKENS_MOST else None
