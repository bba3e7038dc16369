"""A body is split into its members once and for all readers, or refused."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import MalformedRequestError
from providers.framing.depth import DEPTH, OPENED
from providers.framing.members import MEMBERS, NAME_LENGTH, render, split


def nested(levels: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    """A body of so many levels, itself included."""
    return b'{"a":' + opening * (levels - 1) + b"0" + closing * (levels - 1) + b"}"


def test_values_are_kept_byte_for_byte_and_in_order() -> None:
    body = b'{ "z" : 1.10 , "m":"r" ,"l":[ {"a" :"\\u00e9\xc3\xa9"} ], "b":1e400, "c":null }'
    assert render(split(body)) == (
        b'{"z":1.10,"m":"r","l":[ {"a" :"\\u00e9\xc3\xa9"} ],"b":1e400,"c":null}'
    )


def test_no_members_are_no_members() -> None:
    assert split(b" {} ") == {}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"[]", id="list"),
        pytest.param(b"null", id="null"),
        pytest.param(b'"a"', id="string"),
        pytest.param(b'{"a":1', id="cut off"),
        pytest.param(b'{"a":1}x', id="something behind"),
        pytest.param(b'{"a":}', id="no value"),
        pytest.param(b'{"a":[1,}', id="bad value"),
        pytest.param(b"{'a':1}", id="single quotes"),
        pytest.param(b'{"a":1,}', id="comma at the end"),
        pytest.param(b'{"a":"\xff"}', id="bad UTF-8 in a value"),
        pytest.param(b'{"\xff":1}', id="bad UTF-8 in a key"),
        pytest.param(b'{"a":"\xc3"}', id="half a character"),
        pytest.param(b'{"a":"\xed\xa0\x80"}', id="surrogate as UTF-8"),
        pytest.param(b"\xef\xbb\xbf{}", id="byte order mark"),
        pytest.param('{"a":1}'.encode("utf-16"), id="UTF-16"),
        pytest.param(b'{"\\ud800":1,"b" :2}', id="half a surrogate pair in a key"),
        pytest.param(b'{"a":1,"' + b"k" * (NAME_LENGTH + 1) + b'":1}', id="key too long"),
        pytest.param(nested(DEPTH + 1), id="too deep"),
        pytest.param(nested(DEPTH + 1, b'{"b":', b"}"), id="objects too deep"),
        pytest.param(nested(DEPTH + 1, b'[{"b":', b"}]"), id="mixed too deep"),
        pytest.param(nested(DEPTH + 1, b'{ "b" : ', b" }"), id="too deep, with blanks"),
        pytest.param(nested(50_000), id="far too deep"),
        pytest.param(nested(50_000, b"[", b""), id="far too deep, never closed"),
    ],
)
def test_bad_body_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedRequestError):
        split(body)


def test_more_members_than_allowed_are_refused() -> None:
    body = json.dumps({str(number): 0 for number in range(MEMBERS + 1)}).encode()
    with pytest.raises(MalformedRequestError, match="top-level members"):
        split(body)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"model":"r","messages":[],"model":"other"}', id="plain"),
        pytest.param(b'{"model":"r","mod\\u0065l":"x"}', id="escaped"),
        pytest.param(b'{"mod\\u0065l":"r","model":"x"}', id="escaped first"),
        pytest.param(b'{"model":"r","model":"r"}', id="the same value"),
        pytest.param(b'{"model": "r", "model": "r"}', id="the same value, with blanks"),
        pytest.param(b'{"model": "route", "a": "x}", "a": "y}"}', id="bracket inside"),
        pytest.param(b'{"a":"q,\\"b\\":1}","b":2,"a":"....."}', id="made to fit in length"),
        pytest.param(b'{"a": 1, "a": 12}', id="prefix of a number"),
        pytest.param(b'{"a": 12, "a": 1}', id="number that is a prefix"),
        pytest.param(b'{"a":1,"a":1,"a":1}', id="three times"),
        pytest.param('{"é": 1, "\\u00e9": 2}'.encode(), id="not ascii, escaped"),
        pytest.param(b'{ "a/b" : 1 , "a\\/b" : 1 }', id="escaped slash"),
        pytest.param(b'{"":1,"":2}', id="empty key"),
    ],
)
def test_duplicate_key_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedRequestError, match="appears twice"):
        split(body)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
SPACES = st.sampled_from([(",", ":"), (", ", ": "), (" ,", " : "), (",\n", ":\t")])
KEYS = st.text(max_size=20)


@given(st.dictionaries(KEYS, VALUES, max_size=6), SPACES, st.booleans())
def test_every_body_without_duplicates_is_split(
    document: dict[str, object], separators: tuple[str, str], is_ascii: bool
) -> None:
    body = json.dumps(document, separators=separators, ensure_ascii=is_ascii)
    members = split(body.encode())
    assert len(members) == len(document)


@given(st.lists(st.tuples(st.sampled_from("abA\u00e9\\"), VALUES), max_size=5), SPACES)
def test_members_are_taken_exactly_when_no_key_comes_twice(
    pairs: list[tuple[str, object]], separators: tuple[str, str]
) -> None:
    comma, colon = separators
    members = comma.join(f"{json.dumps(key)}{colon}{json.dumps(value)}" for key, value in pairs)
    body = "{" + members + "}"
    if len({key for key, _ in pairs}) == len(pairs):
        assert list(split(body.encode())) == [key for key, _ in pairs]
    else:
        with pytest.raises(MalformedRequestError, match="twice"):
            split(body.encode())


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(nested(DEPTH), id="lists"),
        pytest.param(nested(DEPTH, b'{"b":', b"}"), id="objects"),
        pytest.param(nested(DEPTH, b'{ "b" : ', b" }"), id="objects, with blanks"),
        pytest.param(json.dumps({"a": "[{" * 10_000}).encode(), id="brackets in a string"),
        pytest.param(json.dumps({"a": ['x"[\\', "[" * 200]}).encode(), id="quotes and brackets"),
        pytest.param(json.dumps({"a": [{"b": "{" * 99}] * 99}).encode(), id="many messages"),
        pytest.param(json.dumps({"a": [[]] * 9_000}).encode(), id="broad"),
    ],
)
def test_body_within_the_depth_is_taken(body: bytes) -> None:
    assert list(split(body)) == ["a"]


def test_depth_behind_a_nested_duplicate_is_seen() -> None:
    deep = b"[" * DEPTH + b"]" * DEPTH
    body = b'{"a":{"b":' + deep + b',"b":' + b"[" * 40 + b"]" * 40 + b"}}"
    with pytest.raises(MalformedRequestError, match="nested"):
        split(body)


def test_body_that_is_too_branched_to_tell_is_refused() -> None:
    body = json.dumps({"a": [["[" * 130]] * (OPENED + 1)}).encode()
    with pytest.raises(MalformedRequestError, match="too branched"):
        split(body)


NESTS = st.recursive(
    st.sampled_from([0, "[{", '"]}\\']),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=3)
    ),
    max_leaves=60,
)


@given(NESTS, st.integers(0, 70), SPACES)
def test_depth_is_told_exactly(nest: object, levels: int, separators: tuple[str, str]) -> None:
    document = nest
    for _ in range(levels):
        document = [document, "[" * 70]
    body = json.dumps({"a": document}, separators=separators).encode()
    if _depth(document) + 1 > DEPTH:
        with pytest.raises(MalformedRequestError, match="nested"):
            split(body)
    else:
        assert split(body)["a"] == msgspec.Raw(json.dumps(document, separators=separators).encode())


def _depth(document: object) -> int:
    if isinstance(document, dict):
        document = list(document.values())
    if not isinstance(document, list):
        return 0
    return 1 + max(map(_depth, document), default=0)
