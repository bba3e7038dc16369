"""A body too deep is refused, one that is not is taken, and neither takes long."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import MalformedRequestError
from providers.framing.depth import DEPTH, OPENED, PARTS
from providers.framing.members import split

SPACES = st.sampled_from([(",", ":"), (", ", ": "), (" ,", " : "), (",\n", ":\t")])


def nested(levels: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    """A body of so many levels, itself included."""
    return b'{"a":' + opening * (levels - 1) + b"0" + closing * (levels - 1) + b"}"


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


TEXT = "[" * 130  # enough to be looked into
DEEP = b"[" * (DEPTH - 2) + b"]" * (DEPTH - 2)  # as deep as may be, within two others


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(json.dumps({"a": [[TEXT]] * (OPENED + 1)}).encode(), id="many to open"),
        pytest.param(json.dumps({"a": [["x" * 130]] * (PARTS + 1)}).encode(), id="many parts"),
        pytest.param(b'{"a":[' + b"[]," * 200_000 + b"0]}", id="many items"),
        pytest.param(
            b'{"a":[%b,{%b}]}'
            % (DEEP, b",".join(b'"%d":[]' % number for number in range(PARTS + 1))),
            id="many keys",
        ),
        pytest.param(
            b'{"a":%b"%b"%b}' % (b"[" * 60, b"x" * 1_500_000, b",[[]]" * 9 + b"]" * 60),
            id="much to read again and again",
        ),
    ],
)
def test_body_that_is_too_branched_to_tell_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedRequestError, match="too branched"):
        split(body)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(json.dumps({"a": [[TEXT]] * (OPENED - 1)}).encode(), id="as many to open"),
        pytest.param(json.dumps({"a": [["x" * 130]] * (PARTS - 1)}).encode(), id="as many parts"),
        pytest.param(json.dumps({"a": [[]] * 100 + [0] * 100_000}).encode(), id="tokens"),
        pytest.param(json.dumps({"a": ["[,{," * 100] * 9_000}).encode(), id="commas in texts"),
        pytest.param(b'{"a":[' + b",".join([DEEP] * 5_000) + b"]}", id="all as deep as may be"),
    ],
)
def test_broad_body_is_taken(body: bytes) -> None:
    assert list(split(body)) == ["a"]


def test_one_level_too_many_is_found_among_many_parts() -> None:
    parts = [DEEP] * 3_000
    parts[1_500] = b"[" + DEEP + b"]"
    with pytest.raises(MalformedRequestError, match="nested"):
        split(b'{"a": [' + b", ".join(parts) + b"]}")


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
