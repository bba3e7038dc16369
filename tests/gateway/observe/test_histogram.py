"""Counts by upper bound, as Prometheus reads them."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.observe.histogram import Histogram

BOUNDS = (0.1, 1.0, 10.0)


@given(st.lists(st.floats(0, 100)))
def test_each_bucket_holds_all_at_or_below_its_bound(values: list[float]) -> None:
    histogram = Histogram(BOUNDS)
    for value in values:
        histogram.observe(value)
    expected = [(str(b), float(sum(v <= b for v in values))) for b in BOUNDS]
    assert histogram.cumulative() == [*expected, ("+Inf", float(len(values)))]
    assert histogram.total == sum(values)
