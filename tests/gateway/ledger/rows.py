"""Rows to test with, whole but for what a test says otherwise."""

import os
from pathlib import Path
from typing import Any

from gateway.ledger.entry import AttemptRow, Closed, ExchangeRow, Settled


def exchange(exchange_id: str = "x1", **changes: Any) -> ExchangeRow:
    fields: dict[str, Any] = {
        "id": exchange_id,
        "at": 1_795_000_000.25,
        "key_id": "key_1",
        "tenant": "bank",
        "app": "review",
        "klass": "confidential",
        "tags": ("personal",),
        "purpose": "production",
        "subjects": "EU",
        "label_sources": {"klass": "header"},
        "mode": "normal",
        "route": "large",
        "dialect": "openai_chat",
        "hop": "infer",
        "is_stream": True,
        "policy": "d1",
        "epoch": 3,
        "permitted": ("europa-large", "homegrid-large"),
        "excluded": {"aurora-large": ("personal-cloud-act",)},
    }
    return ExchangeRow(**{**fields, **changes})


def attempt(exchange_id: str = "x1", number: int = 1, **changes: Any) -> AttemptRow:
    fields: dict[str, Any] = {
        "exchange": exchange_id,
        "number": number,
        "deployment": "europa-large",
        "vendor": "europa",
        "account": "main",
        "model": "europa-1",
        "zone": "EU",
        "at": 1_795_000_000.5,
        "bytes_in": 1_024,
    }
    return AttemptRow(**{**fields, **changes})


def settled(exchange_id: str = "x1", number: int = 1, **changes: Any) -> Settled:
    fields: dict[str, Any] = {
        "exchange": exchange_id,
        "number": number,
        "verdict": "ok",
        "detail": "",
        "charge": "full",
        "prompt_tokens": 12,
        "completion_tokens": 40,
        "cost_micro": 123,
        "currency": "EUR",
        "bytes_out": 900,
        "head_s": 0.1,
        "first_token_s": 0.2,
        "ended_s": 0.5,
        "status": 200,
        "peer": "127.0.0.1",
        "certificate": "ab" * 32,
        "vendor_request_id": "chatcmpl-1",
        "answered_model": "europa-1",
    }
    return Settled(**{**fields, **changes})


def closed(exchange_id: str = "x1", **changes: Any) -> Closed:
    fields: dict[str, Any] = {
        "exchange": exchange_id,
        "outcome": "ok",
        "status": 200,
        "attempts": 1,
        "seconds": 0.6,
        "overhead_s": 0.001,
    }
    return Closed(**{**fields, **changes})


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("journal-*.jsonl"))


def journal_descriptor(folder: Path) -> int:
    """The descriptor by which this process writes the newest segment, as the kernel tells."""
    newest = str(segments(folder)[-1])
    for name in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{name}") == newest:
                return int(name)
        except FileNotFoundError:
            continue
    raise AssertionError(f"nobody writes {newest}")
