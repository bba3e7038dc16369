"""A body is split into its members once and for all readers, or refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import MalformedRequestError
from providers.framing.depth import DEPTH
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


FILLER = "f" * (16 * 1024)  # makes a body large
KEY = st.lists(
    st.sampled_from(["a", "b", "\\u0061", "\\u0062", "\\n", "\u00e9", "\\u00E9"]), max_size=2
)
BLANK = st.sampled_from(["", " ", "\n\t ", "\r\n", "     "])
VALUE = st.sampled_from(
    ["1", "12", '"x}"', '", "', '{"a" : 1,"a":2}', "[ ]", "null", '"\\"a\\": 1"']
)


@st.composite
def spelt_bodies(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A body with escapes and blanks anywhere, and its keys as they read."""
    spelt = ["".join(key) for key in draw(st.lists(KEY, max_size=5))]
    members = [
        f'{draw(BLANK)}"{key}"{draw(BLANK)}:{draw(BLANK)}{draw(VALUE)}{draw(BLANK)}'
        for key in spelt
    ]
    return "{" + ",".join(members) + "}", [json.loads(f'"{key}"') for key in spelt]


@given(spelt_bodies(), st.booleans())
def test_duplicate_is_seen_through_every_spelling_and_spacing(
    spelt: tuple[str, list[str]], is_large: bool
) -> None:
    body, keys = spelt
    if is_large:
        comma = "," if keys else ""
        body, keys = f'{{"filler":"{FILLER}"{comma}{body[1:]}', ["filler", *keys]
    if len(set(keys)) == len(keys):
        members = split(body.encode())
        assert list(members) == keys
        assert all(type(key) is str for key in members)
    else:
        with pytest.raises(MalformedRequestError, match="appears twice"):
            split(body.encode())


@given(spelt_bodies())
def test_small_and_large_bodies_are_split_alike(spelt: tuple[str, list[str]]) -> None:
    body, keys = spelt
    if keys and len(set(keys)) == len(keys):
        large = split(f'{body[:-1]}, "filler": "{FILLER}"}}'.encode())
        del large["filler"]
        assert large == split(body.encode())


def test_duplicate_is_named() -> None:
    with pytest.raises(MalformedRequestError, match="'b' appears twice") as caught:
        split(b'{"a": 1, "b": 2, "c": 3, "b": 4}')
    assert caught.value.param == "b"


@pytest.mark.parametrize(
    "members",
    [
        pytest.param({chr(0x100 + n): 0 for n in range(MEMBERS)} | {"": 0}, id="short names"),
        pytest.param({f"a rather long name {n}": 0 for n in range(9_000)}, id="large body"),
    ],
)
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_too_many_members_are_refused(members: dict[str, int], separators: tuple[str, str]) -> None:
    body = json.dumps(members, separators=separators, ensure_ascii=False).encode()
    with pytest.raises(MalformedRequestError, match="top-level members"):
        split(body)


@pytest.mark.parametrize("filler", ["", FILLER])
def test_long_key_is_refused_by_its_length(filler: str) -> None:
    longest = {"k" * NAME_LENGTH: filler}
    assert list(split(json.dumps(longest).encode())) == list(longest)
    with pytest.raises(MalformedRequestError, match="longer than"):
        split(json.dumps({"k" * (NAME_LENGTH + 1): filler}).encode())


@pytest.mark.parametrize("body", [b"[" + b"1," * 9_000 + b"1]", b'{"a":"' + b"x" * 20_000])
def test_bad_large_body_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedRequestError, match="JSON"):
        split(body)
