"""A fault file that cannot be understood is named, and so is what an unknown id was near to."""

from typing import Any

import pytest

from gateway.practice import BadFaultFileError, UnknownFaultError, find_fault
from gateway.practice.faultbook import read_fault

GOOD: dict[str, Any] = {"says": "x.", "expect": "throttled", "source": "y 2026", "wire": "reset"}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"wires": "reset"}, id="unknown key"),
        pytest.param({"slow": {"head_s": 1}}, id="two ways"),
        pytest.param({"wire": "explode"}, id="unknown way"),
        pytest.param({"expect": "annoyed"}, id="unknown kind"),
        pytest.param({"wire": None, "reply": {"status": 200}}, id="reply without a body"),
        pytest.param({"wire": None, "stream": {"after_events": 1}}, id="break without an end"),
    ],
)
def test_bad_entry_is_refused_by_its_id(change: dict[str, Any]) -> None:
    entry = {key: value for key, value in {**GOOD, **change}.items() if value is not None}
    with pytest.raises(BadFaultFileError, match="some/entry"):
        read_fault("some/entry", entry)


def test_missing_source_is_refused() -> None:
    entry = {key: value for key, value in GOOD.items() if key != "source"}
    with pytest.raises(BadFaultFileError, match="source"):
        read_fault("some/entry", entry)


def test_unknown_id_names_near_ones() -> None:
    with pytest.raises(UnknownFaultError, match="openai/429_requests"):
        find_fault("openai/429_request")


@pytest.mark.parametrize(
    ("id_", "stream", "whole"),
    [
        pytest.param("stream/cut", "broken_stream", "upstream_fault", id="cut"),
        pytest.param("stream/stall", "broken_stream", "brownout", id="stall"),
        pytest.param("openrouter/stream_processing", "ok", "ok", id="resumed"),
        pytest.param("anthropic/stream_overloaded", "overloaded", "overloaded", id="own reply"),
        pytest.param("answer/content_length_long", "ok", "upstream_fault", id="as written"),
        pytest.param("openai/429_requests", "throttled", "throttled", id="same"),
    ],
)
def test_whole_answer_can_be_another_case(id_: str, stream: str, whole: str) -> None:
    fault = find_fault(id_)
    assert (fault.expect, fault.expect_whole) == (stream, whole)
