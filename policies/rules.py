"""Rules as they stand in Cedar files: where each begins, what it is called, what it is made of.

Cedar's own errors carry no line, so the text is cut into statements here and each is parsed
alone.  A semicolon outside texts and comments ends a statement and nothing else does.
Source: Cedar policy grammar, docs.cedarpolicy.com/policies/syntax-grammar.html, read 2026-11-24.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from policies.reading import is_mapping

PERMIT: Final = "permit"
FORBID: Final = "forbid"


class Statement(NamedTuple):
    """One policy text and the line, from 1, on which it begins."""

    file: str
    line: int
    text: str


class Clause(NamedTuple):
    """A `when` or `unless` and its expression in Cedar's JSON form."""

    kind: str
    body: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One parsed policy.  `form` is its whole JSON form, annotations included."""

    id: str
    file: str
    line: int
    text: str
    form: Mapping[str, object]

    @property
    def effect(self) -> str:
        """`permit` or `forbid`."""
        return str(self.form["effect"])

    @property
    def clauses(self) -> tuple[Clause, ...]:
        """The conditions in their order."""
        conditions = self.form["conditions"]
        assert isinstance(conditions, list)
        return tuple(Clause(str(item["kind"]), item["body"]) for item in conditions)

    def annotation(self, name: str) -> str:
        """The text of `@name("…")`, or an empty one."""
        annotations = self.form.get("annotations")
        value = annotations.get(name) if is_mapping(annotations) else None
        return value if isinstance(value, str) else ""


def split_statements(file: str, text: str) -> Iterator[Statement]:
    """Cut a Cedar text at its semicolons; what follows the last one is a statement too."""
    start = _skip_blank(text, 0)
    at = start
    while at < len(text):
        if text[at] == '"':
            at = _skip_text(text, at)
        elif text.startswith("//", at):
            at = _skip_line(text, at)
        elif text[at] == ";":
            yield Statement(file, text.count("\n", 0, start) + 1, text[start : at + 1])
            start = at = _skip_blank(text, at + 1)
        else:
            at += 1
    if start < len(text):
        yield Statement(file, text.count("\n", 0, start) + 1, text[start:])


def strip_comments(text: str) -> str:
    """The text without its `//` comments."""
    kept: list[str] = []
    start = at = 0
    while at < len(text):
        if text[at] == '"':
            at = _skip_text(text, at)
        elif text.startswith("//", at):
            kept.append(text[start:at])
            start = at = _skip_line(text, at)
        else:
            at += 1
    return "".join((*kept, text[start:]))


def find_mentions(node: object) -> Iterator[tuple[str, str]]:
    """Every entity in a JSON form, as type and id."""
    if isinstance(node, list):
        for item in node:
            yield from find_mentions(item)
    elif is_mapping(node):
        kind, id = node.get("type"), node.get("id")
        if len(node) == 2 and isinstance(kind, str) and isinstance(id, str):
            yield kind, id
            return
        for item in node.values():
            yield from find_mentions(item)


def _skip_text(text: str, at: int) -> int:
    """The place after the text literal that begins at `at`."""
    at += 1
    while at < len(text) and text[at] != '"':
        at += 2 if text[at] == "\\" else 1
    return at + 1


def _skip_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _skip_blank(text: str, at: int) -> int:
    """The place after white space and comments."""
    while at < len(text):
        if text.startswith("//", at):
            at = _skip_line(text, at)
        elif text[at].isspace():
            at += 1
        else:
            break
    return at
