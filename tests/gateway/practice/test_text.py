"""Texts, JSON and vectors follow from their key and fit what was asked."""

import base64
import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.practice.text import (
    MAX_WORDS,
    ask_for_words,
    count_words,
    cut_at_stop,
    cut_json,
    cut_words,
    fit_schema,
    make_vector,
    make_words,
    pack_vector,
)


@given(st.binary(max_size=8), st.integers(0, 60))
def test_words_are_as_many_as_asked_and_the_same_for_the_same_key(key: bytes, count: int) -> None:
    pieces = make_words(key, count)
    assert pieces == make_words(key, count)
    assert len(pieces) == count == count_words("".join(pieces))


@given(st.text(alphabet="ab \n", max_size=30))
def test_cut_text_joins_to_itself(text: str) -> None:
    assert "".join(cut_words(text)) == text.rstrip()
    assert "".join(cut_json(text)) == text


def test_earliest_stop_ends_the_text() -> None:
    assert cut_at_stop(["One", " two", " three"], ["three", "wo"]) == (["One", " t"], "wo")
    assert cut_at_stop(["One"], ["x", ""]) == (["One"], None)


def test_prompt_can_ask_for_a_length_within_bounds() -> None:
    assert ask_for_words("tell it in 200 words, please") == 200
    assert ask_for_words("in 999999 words") == MAX_WORDS
    assert ask_for_words("in few words") is None


@given(st.binary(max_size=8), st.integers(1, 64))
def test_vector_has_length_one_and_packs_without_loss(key: bytes, dimensions: int) -> None:
    vector = make_vector(key, dimensions)
    assert math.isclose(sum(value * value for value in vector), 1.0, rel_tol=1e-5)
    unpacked = struct.unpack(f"<{dimensions}f", base64.b64decode(pack_vector(vector)))
    assert list(unpacked) == vector


def accepts(schema: dict[str, Any], value: Any) -> bool:
    """A judge of the schemas below, apart from the code that fits them."""
    if "enum" in schema:
        return value in schema["enum"]
    match schema["type"]:
        case "object":
            inner = schema["properties"]
            return set(value) == set(inner) and all(accepts(inner[k], value[k]) for k in value)
        case "array":
            low = schema.get("minItems", 0)
            return len(value) >= low and all(accepts(schema["items"], item) for item in value)
        case "string":
            return bool(schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 99))
        case "integer":
            in_range = schema["minimum"] <= value <= schema["maximum"]
            return bool(in_range) and isinstance(value, int)
        case "boolean":
            return isinstance(value, bool)
        case _:
            return value is None


LEAVES = st.one_of(
    st.fixed_dictionaries({"type": st.just("string"), "minLength": st.integers(0, 20)}),
    st.fixed_dictionaries({"type": st.just("string"), "maxLength": st.integers(0, 20)}),
    st.integers(-50, 50).map(lambda n: {"type": "integer", "minimum": n, "maximum": n + 3}),
    st.fixed_dictionaries({"type": st.sampled_from(["boolean", "null"])}),
    st.lists(st.one_of(st.integers(), st.text(max_size=3)), min_size=1).map(lambda v: {"enum": v}),
)
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"type": st.just("array"), "items": inner, "minItems": st.just(2)}),
        st.dictionaries(st.text(max_size=3), inner, max_size=3).map(
            lambda properties: {"type": "object", "properties": properties}
        ),
    ),
    max_leaves=6,
)


@given(SCHEMAS, st.binary(max_size=4))
def test_value_fits_its_schema(schema: dict[str, Any], key: bytes) -> None:
    assert accepts(schema, fit_schema(schema, key))


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        pytest.param({"const": 7}, 7, id="const"),
        pytest.param({"anyOf": [{"const": 1}, {"const": 2}]}, 1, id="first alternative"),
        pytest.param({"type": ["null", "string"]}, None, id="first of several types"),
        pytest.param({"type": "string", "format": "date"}, "2026-11-24", id="format"),
        pytest.param({"$ref": "#/$defs/a", "$defs": {"a": {"const": "x"}}}, "x", id="reference"),
        pytest.param({"$ref": "#"}, "", id="reference to itself"),
    ],
)
def test_schema_words_are_understood(schema: dict[str, Any], value: object) -> None:
    fitted = fit_schema(schema, b"")
    assert fitted == value or (value == "" and isinstance(fitted, str | dict))


def test_recursive_schema_ends() -> None:
    node = {
        "type": "object",
        "properties": {"next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}},
        "required": ["next"],
    }
    value: Any = fit_schema({"$ref": "#/$defs/node", "$defs": {"node": node}}, b"")
    depth = 0
    while value is not None:
        value, depth = value["next"], depth + 1
    assert 1 < depth < 30
