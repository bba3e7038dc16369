from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config.document import Document, parse_document
from gateway.config.findings import Findings


def read(text: str | bytes) -> tuple[Document | None, Findings]:
    findings = Findings()
    data = text if isinstance(text, bytes) else text.encode()
    return parse_document(data, "f.yaml", findings), findings


def value_of(text: str) -> object:
    document, findings = read(f"key: {text}\n")
    assert document is not None, findings.errors
    plain = document.root.plain()
    assert isinstance(plain, dict)
    return plain["key"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("NO", "NO", id="Norway"),
        pytest.param("yes", "yes", id="yes is text"),
        pytest.param("12:30", "12:30", id="no sexagesimal numbers"),
        pytest.param("010", "010", id="no octal numbers"),
        pytest.param("0x1F", "0x1F", id="no hexadecimal numbers"),
        pytest.param("1e3", "1e3", id="no exponents"),
        pytest.param(".inf", ".inf", id="no infinities"),
        pytest.param("8080", 8080, id="number"),
        pytest.param("-1", -1, id="negative number"),
        pytest.param("0.10", "0.10", id="fraction as it was written"),
        pytest.param("'8080'", "8080", id="quoted number"),
        pytest.param("true", True, id="true"),
        pytest.param("~", None, id="null"),
        pytest.param("2026-11-24", date(2026, 11, 24), id="date"),
        pytest.param("2026-13-45", "2026-13-45", id="no such date"),
    ],
)
def test_values_are_read_without_the_traps_of_yaml_1_1(text: str, value: object) -> None:
    read_value = value_of(text)
    assert read_value == value
    assert isinstance(read_value, bool) == isinstance(value, bool)


def test_lines_are_those_of_the_keys_and_aliases_have_their_own() -> None:
    document, _ = read("a: &x\n  b: 1\n\nc:\n  d: *x\n  e: [1,\n      2]\n")
    assert document is not None
    places = (["a", "b"], ["c", "d"], ["c", "e", 1], ["c", "z"])
    assert [document.line(path) for path in places] == [2, 5, 7, 4]


def test_a_dotted_key_finds_names_that_hold_dots() -> None:
    document, _ = read("a:\n  gpt-4.1:\n    price: 1\n  gpt-4:\n    price: 2\n")
    assert document is not None
    assert document.line_of("a.gpt-4.1.price") == 3
    assert document.line_of("a.gpt-4.price[0]") == 5
    assert document.line_of("nothing.here") == 1


PIECES = st.sampled_from(
    ["a", "b", ":", ": ", "- ", "\n", "  ", "[", "]", "{", "}", ",", "&x ", "*x", "!!int ", "'",
     '"', "#", "|", ">", "%", "---\n", "...\n", "<<", "?", "\t", "\0", "é", "\x85", "1", "null"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200), st.lists(PIECES, max_size=40).map(lambda p: "".join(p).encode())
    )
)
def test_any_bytes_are_a_document_or_a_problem(data: bytes) -> None:
    document, findings = read(data)
    assert (document is None) <= bool(findings.errors)
    if document is not None:
        document.root.plain()
