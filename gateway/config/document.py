"""One YAML file, read within bounds, that knows the line of each of its keys.

PyYAML's own construction reads YAML 1.1: `NO` becomes false, `12:30` becomes 750, `010` becomes 8,
and a duplicate key silently wins.  None of that may decide where data goes, so the events of its
safe parser are built up here: true, false, null, decimal numbers, dates, and otherwise text.
Without recursion and with every size counted, so that no file can cost more than its bounds.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import yaml

from gateway.config.files import read_file
from gateway.config.findings import Findings, KeyPath, quoted

FILE_BYTES: Final = 1 << 20
DEPTH: Final = 32
ALIASES: Final = 200
NODES: Final = 100_000  # counted as if every alias were written out

_INTEGER: Final = re.compile(r"[-+]?(0|[1-9][0-9]{0,18})")
_DECIMAL: Final = re.compile(r"[-+]?(0|[1-9][0-9]{0,18})\.[0-9]{1,18}")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_WORDS: Final[Mapping[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}

_Parser: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


Scalar = str | int | bool | date | None


class Decimal(str):
    """A number with a fraction, kept as it was written: prices are exact."""

    __slots__ = ()


@dataclass(slots=True)
class Node:
    """A value and the line it starts on; `size` counts it and all below it."""

    line: int
    value: "Scalar | list[Node] | dict[str, Node]" = None
    size: int = 1
    key_line: int = 0  # of the key that holds it, when a mapping does

    def plain(self) -> object:
        """The value without its lines."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


@dataclass(frozen=True, slots=True)
class Document:
    """A file that could be read; `name` is how problems name it."""

    name: str
    root: Node

    def node(self, path: KeyPath) -> Node | None:
        """What stands at `path`; None when nothing does."""
        node: Node | None = self.root
        for part in path:
            node = _child(node, part) if node is not None else None
        return node

    def line(self, path: KeyPath) -> int:
        """The line of the key at `path`, or of the nearest thing above it that exists."""
        node, line = self.root, self.root.line
        for part in path:
            child = _child(node, part)
            if child is not None:
                node, line = child, child.key_line or child.line
        return line

    def line_of(self, key: str) -> int:
        """The line of a dotted key, whose names may hold dots too; else of the nearest above."""
        node, line, rest = self.root, self.root.line, key
        while rest and isinstance(node.value, dict):
            names = [n for n in node.value if rest == n or rest.startswith((f"{n}.", f"{n}["))]
            if not names:
                break
            name = max(names, key=len)
            node = node.value[name]
            line, rest = node.key_line or node.line, rest[len(name) :].lstrip(".")
        return line


def read_document(path: Path, name: str, findings: Findings) -> Document | None:
    """Read one file; None when it cannot be used, and then `findings` says why."""
    try:
        data = read_file(path, FILE_BYTES).data
    except FileNotFoundError:
        findings.error(name, 0, "", "this file is missing", "`switchgear init` writes one")
        return None
    except OSError as error:
        findings.error(name, 0, "", f"cannot be read: {error.strerror}")
        return None
    return parse_document(data, name, findings)


def parse_document(data: bytes, name: str, findings: Findings) -> Document | None:
    """Read the bytes of one file; None when it cannot be used, and then `findings` says why."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        findings.error(name, line, "", "is not UTF-8 text", "save the file as UTF-8")
        return None
    builder = _Builder(name, findings)
    try:
        root = builder.build(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 0
        findings.error(name, line, "", f"is not YAML: {error.problem or error.context}")
        return None
    except yaml.YAMLError as error:
        reason = str(getattr(error, "reason", "it cannot be read"))
        findings.error(name, 0, "", f"is not YAML: {reason}", "control characters are not allowed")
        return None
    except _Refused as refused:
        findings.error(name, refused.line, "", refused.message, refused.remedy)
        return None
    if root is None or root.value is None:
        findings.error(
            name,
            0,
            "",
            "is empty",
            "write `{}` for all defaults, or let `switchgear init` write it",
        )
        return None
    return Document(name, root)


class _Refused(Exception):
    """The file breaks a bound, or uses a part of YAML that is not read here."""

    def __init__(self, line: int, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.line = line
        self.message = message
        self.remedy = remedy


class _Builder:
    """Builds the tree from the parser's events, one level of `_open` per open collection."""

    def __init__(self, name: str, findings: Findings) -> None:
        self._name = name
        self._findings = findings
        self._root: Node | None = None
        self._open: list[tuple[Node, str | None]] = []  # with the anchor that it will get
        self._keys: list[tuple[str, int] | None] = []  # the key that waits for its value
        self._anchors: dict[str, Node] = {}
        self._aliases = 0
        self._nodes = 0

    def build(self, text: str) -> Node | None:
        documents = 0
        for event in yaml.parse(text, Loader=_Parser):
            mark = event.start_mark
            line = mark.line + 1 if mark is not None else 0
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _Refused(line, "holds a second YAML document", "one file, one document")
            elif isinstance(event, yaml.AliasEvent):
                self._alias(event.anchor, line)
            elif isinstance(event, yaml.NodeEvent):
                self._node(event, line)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._close()
        return self._root

    def _node(self, event: yaml.NodeEvent, line: int) -> None:
        tag: str | None = getattr(event, "tag", None)
        if tag not in (None, "!"):
            raise _Refused(line, f"the YAML tag {quoted(tag)} is not read here", "remove the tag")
        if isinstance(event, yaml.ScalarEvent):
            if self._wants_key():
                self._key(event.value, line)
                return
            is_plain = event.style in (None, "")
            node = Node(line, _scalar(event.value) if is_plain else event.value)
            if event.anchor:
                self._anchors[event.anchor] = node
            self._put(node)
            return
        if self._wants_key():
            raise _Refused(line, "a list or mapping cannot be a key")
        if len(self._open) >= DEPTH:
            raise _Refused(line, f"is nested deeper than {DEPTH} levels")
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        self._open.append((Node(line, {} if is_mapping else []), event.anchor))
        self._keys.append(None)

    def _alias(self, anchor: str | None, line: int) -> None:
        self._aliases += 1
        if self._aliases > ALIASES:
            raise _Refused(line, f"uses more than {ALIASES} aliases", "write the values out")
        if self._wants_key():
            raise _Refused(line, "an alias cannot be a key")
        target = self._anchors.get(anchor or "")
        if target is None:
            raise _Refused(line, f"the alias *{anchor} has no finished anchor before it")
        self._put(Node(line, target.value, target.size))

    def _wants_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1][0].value, dict) and not self._keys[-1]

    def _key(self, key: str, line: int) -> None:
        if key == "<<":
            raise _Refused(line, "merge keys (`<<`) are not read here", "write the keys out")
        self._keys[-1] = (key, line)

    def _close(self) -> None:
        node, anchor = self._open.pop()
        self._keys.pop()
        if anchor:
            self._anchors[anchor] = node
        self._put(node)

    def _put(self, node: Node) -> None:
        self._nodes += 1
        if max(self._nodes, node.size) > NODES:
            raise _Refused(node.line, f"holds more than {NODES:,} values", "aliases count in full")
        if not self._open:
            self._root = node
            return
        parent = self._open[-1][0]
        parent.size += node.size
        if parent.size > NODES:
            raise _Refused(node.line, f"holds more than {NODES:,} values", "aliases count in full")
        if isinstance(parent.value, list):
            parent.value.append(node)
            return
        assert isinstance(parent.value, dict)
        waiting = self._keys[-1]
        assert waiting is not None, "a value in a mapping follows its key"
        self._keys[-1] = None
        self._member(parent.value, waiting, node)

    def _member(self, members: dict[str, Node], waiting: tuple[str, int], node: Node) -> None:
        key, line = waiting
        earlier = members.get(key)
        if earlier is not None:
            path = ".".join([*(k[0] for k in self._keys if k is not None), key])
            self._findings.error(
                self._name,
                line,
                path,
                f"is written twice: here and on line {earlier.key_line}",
                "keep one of them",
            )
            return
        node.key_line = line
        members[key] = node


def _scalar(text: str) -> Scalar:
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DATE.fullmatch(text):
        try:
            return date.fromisoformat(text)
        except ValueError:
            return text  # whoever wanted a date says so
    return Decimal(text) if _DECIMAL.fullmatch(text) else text


def _child(node: Node, part: str | int) -> Node | None:
    if isinstance(node.value, dict):
        return node.value.get(str(part))
    if isinstance(node.value, list) and isinstance(part, int) and 0 <= part < len(node.value):
        return node.value[part]
    return None
