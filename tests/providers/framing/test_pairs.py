"""No member of an object is dropped, whatever its key."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from providers.framing.pairs import TooManyPairsError, decode_few_pairs, decode_pairs

MEMBERS = st.lists(st.tuples(st.text(max_size=3), st.integers(0, 99)), max_size=9)


def written(members: list[tuple[str, int]]) -> bytes:
    return ("{" + ",".join(f"{json.dumps(key)}:{value}" for key, value in members) + "}").encode()


@given(MEMBERS)
def test_every_member_is_given_in_its_order(members: list[tuple[str, int]]) -> None:
    pairs = decode_pairs(written(members))
    assert [(str(key), value) for key, value in pairs.items()] == [
        (key, Raw(b"%d" % value)) for key, value in members
    ]


@given(MEMBERS, st.integers(0, 9))
def test_decoding_ends_behind_the_bound(members: list[tuple[str, int]], most: int) -> None:
    if len(members) <= most:
        assert list(map(str, decode_few_pairs(written(members), most))) == [k for k, _ in members]
    else:
        with pytest.raises(TooManyPairsError):
            decode_few_pairs(written(members), most)


def test_names_that_read_alike_differ() -> None:
    first, second = decode_pairs(b'{"a":1,"\\u0061":2}')
    assert str(first) == str(second) == "a"
    assert first != second
