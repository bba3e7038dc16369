"""Cedar texts are cut into statements with their lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.rules import find_mentions, split_statements, strip_comments

PERMIT = "permit (principal, action, resource);"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param(f"{PERMIT}\n{PERMIT}", [1, 2], id="two-lines"),
        pytest.param(f"{PERMIT} {PERMIT}", [1, 1], id="one-line"),
        pytest.param(f"// a; b\n\n{PERMIT}", [3], id="comment-with-semicolon"),
        pytest.param(f'@reason("a; // b")\n{PERMIT}\n{PERMIT}', [1, 3], id="text-with-semicolon"),
        pytest.param(f'@reason("a \\"; b")\n{PERMIT}\n{PERMIT}', [1, 3], id="escaped-quote"),
        pytest.param(f"{PERMIT}\n\nforbid (", [1, 3], id="unfinished"),
        pytest.param(f'{PERMIT}\n@reason("open', [1, 2], id="open-text"),
        pytest.param("  // nothing\n", [], id="comment-alone"),
        pytest.param("", [], id="empty"),
    ],
)
def test_statements_have_the_line_on_which_they_begin(text: str, lines: list[int]) -> None:
    assert [item.line for item in split_statements("a.cedar", text)] == lines


@given(st.text(alphabet='ab;"\\/ \n', max_size=60))
def test_cutting_loses_nothing_but_blanks_and_comments(text: str) -> None:
    pieces = [item.text for item in split_statements("a.cedar", text)]
    assert "".join(map(squeeze, pieces)) == squeeze(text)


def squeeze(text: str) -> str:
    """The text without comments and blanks."""
    return "".join(strip_comments(text).split())


def test_comments_go_and_texts_stay() -> None:
    assert strip_comments('a "//b" // c\nd') == 'a "//b" \nd'


def test_mentions_are_found_in_heads_sets_and_conditions() -> None:
    form = {
        "principal": {"op": "in", "entity": {"type": "Tenant", "id": "acme"}},
        "body": {"Set": [{"Value": {"__entity": {"type": "Zone", "id": "EU"}}}]},
    }

    assert list(find_mentions(form)) == [("Tenant", "acme"), ("Zone", "EU")]
