"""Exchanges in `tests/recordings/<vendor>/<case>.yaml`: what is sent, what comes, what it means.

They are made from documentation or from what others have seen, scrubbed and dated; `source` says
which.  Text is invented where the note says so.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from providers.contract import Dialect, Headers, Target, Vendor

FOLDER = Path(__file__).parents[2] / "recordings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One exchange with one vendor.  `Any` stands for JSON of any shape."""

    vendor: str
    case: str
    source: str
    read: str  # ISO date
    dialect: Dialect
    status: int
    headers: Headers
    body: bytes
    expect: Mapping[str, Any]
    text: str  # the whole file
    target: Mapping[str, Any]
    request: Mapping[str, Any] | None = None  # the client's; errors have none
    sent: Mapping[str, Any] | None = None
    dropped: frozenset[str] = frozenset()
    added: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.vendor}/{self.case}"


@cache
def recordings() -> tuple[Recording, ...]:
    """All of them, in the order of vendor and case."""
    return tuple(_read(path) for path in sorted(FOLDER.glob("*/*.yaml")))


def target_of(vendor: Vendor, recording: Recording) -> Target:
    """The target that a deployment of this vendor has."""
    residency = recording.target.get("residency")
    pinned = vendor.residencies[residency] if residency is not None else {}
    return Target(
        model=recording.target["model"],
        max_output_tokens=recording.target.get("max_output_tokens"),
        drop_fields=vendor.drop_fields,
        rename_fields=vendor.rename_fields,
        inject=MappingProxyType({**vendor.inject, **pinned}),
        reserved_fields=vendor.reserved_fields,
        asks_usage=vendor.asks_usage,
    )


def text_of(client: Dialect, answer: bytes, *, is_stream: bool) -> str:
    """The words that a client of that dialect would show."""
    documents = list(_events(answer)) if is_stream else [json.loads(answer)]
    return "".join(_words(client, document) for document in documents)


def _words(client: Dialect, document: Mapping[str, Any]) -> str:
    if client is Dialect.OPENAI_RESPONSES:
        return document["delta"] if document["type"] == "response.output_text.delta" else ""
    words = ""
    for choice in document.get("choices", ()):
        message = choice.get("delta") or choice.get("message") or {}
        words += choice.get("text") or "" if "message" not in choice and not message else ""
        words += message.get("content") or ""
    return words


def _events(answer: bytes) -> Iterator[Mapping[str, Any]]:
    for line in answer.decode().splitlines():
        if line.startswith("data: ") and line != "data: [DONE]":
            yield json.loads(line.removeprefix("data: "))


def _read(path: Path) -> Recording:
    text = path.read_text(encoding="utf-8")
    found = yaml.safe_load(text)
    reply = found["reply"]
    return Recording(
        vendor=path.parent.name,
        case=path.stem,
        source=found["source"],
        read=found["read"],
        dialect=Dialect(found["dialect"]),
        status=reply["status"],
        headers=[(name.encode(), value.encode()) for name, value in reply["headers"].items()],
        body=reply["body"].encode(),
        expect=found["expect"],
        text=text,
        target=found.get("target", {}),
        request=found.get("request"),
        sent=found.get("sent"),
        dropped=frozenset(found.get("dropped", ())),
        added=frozenset(found.get("added", ())),
    )
