import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ledger.entry import (
    COUNT_MOST,
    EXCLUDED_MOST,
    NOT_AN_IDENTIFIER,
    AttemptRow,
    RunRow,
    SealRow,
    Settled,
    bound_excluded,
    decode_line,
    encode_line,
)
from tests.gateway.ledger.rows import attempt, closed, exchange, settled

CANARY = "the patient's name is Canary"


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(RunRow(run="ab", number=1, at=1.5, pid=7), id="run"),
        pytest.param(SealRow(number=1), id="seal"),
        pytest.param(exchange(), id="exchange"),
        pytest.param(exchange(outcome="policy_no_route", status=403), id="refusal"),
        pytest.param(attempt(), id="attempt"),
        pytest.param(settled(), id="settled"),
        pytest.param(closed(dropped=("logit_bias",)), id="closed"),
    ],
)
def test_a_row_reads_back_as_it_was_written(row):
    assert decode_line(encode_line(row)) == row


def test_a_line_of_before_a_field_was_appended_still_reads():
    line = encode_line(exchange())
    older = msgspec.json.decode(line)[:-2]  # outcome and status did not exist yet

    assert decode_line(msgspec.json.encode(older)) == exchange()


def test_a_line_of_a_later_version_is_refused_not_misread():
    line = encode_line(attempt()).replace(b'"a1"', b'"a2"')

    with pytest.raises(ValueError, match="a2"):
        decode_line(line)


def test_an_attempt_is_called_by_exchange_and_number():
    assert attempt("x9", 2).id == "x9-2"


@pytest.mark.parametrize("field", ["vendor_request_id", "answered_model"])
@pytest.mark.parametrize(
    "text",
    [
        pytest.param(CANARY, id="a prompt"),
        pytest.param("x" * 129, id="too long"),
        pytest.param("a\nb", id="two lines"),
        pytest.param("", id="empty"),
        pytest.param("\ud800", id="no character"),
    ],
)
def test_what_a_vendor_says_is_kept_only_as_an_identifier(field, text):
    row = settled(**{field: text})

    assert getattr(row, field) == NOT_AN_IDENTIFIER
    assert decode_line(encode_line(row)) == row


@pytest.mark.parametrize("text", ["chatcmpl-Ab3", "meta-llama/Llama-3.1:8b", "req_01@eu=+x"])
def test_identifiers_of_vendors_are_kept(text):
    assert settled(vendor_request_id=text).vendor_request_id == text


@given(
    count=st.integers() | st.none(),
    name=st.sampled_from(["prompt_tokens", "completion_tokens", "cached_tokens", "cost_micro"]),
)
def test_a_count_that_cannot_be_is_unknown_and_every_row_can_be_read(count, name):
    row = settled(**{name: count})

    is_believed = count is not None and 0 <= count <= COUNT_MOST
    assert getattr(row, name) == (count if is_believed else None)
    assert decode_line(encode_line(row)) == row


def test_the_reasons_in_a_row_are_bounded_and_say_what_is_missing():
    excluded = {f"d{place}": tuple(f"p{rule}" for rule in range(9)) for place in range(100)}

    kept, more = bound_excluded(excluded)

    assert list(kept) == list(excluded)[:EXCLUDED_MOST]
    assert more == 100 - EXCLUDED_MOST
    assert set(map(len, kept.values())) == {4}


def test_no_field_of_an_end_is_missing_when_nobody_said_anything():
    row = Settled(exchange="x", number=1, verdict="unreachable", detail="reset", charge="unknown")

    assert row.prompt_tokens is None
    assert row.cost_micro is None


def test_attempt_rows_need_every_fact():
    with pytest.raises(TypeError):
        AttemptRow(exchange="x", number=1)  # type: ignore[call-arg]
