"""Secrets and prompts are nowhere but where they belong.

Markers in every place that a request has, through every kind of ending, with the log at its
loudest; then everything that is kept or shown is searched for them, byte by byte.
"""

import json
import logging
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.practice.grid import Grid
from gateway.supply.element import Breaker, Element
from tests.gateway.admin.admin_client import ask as ask_admin
from tests.gateway.surface.raw_client import Reply, connect, get, post
from tests.house import House, scenario

PROMPT = "CanaryPrompt"
VENDOR_KEYS = ("sk-practice-aurora-main", "sk-practice-borealis-main")
FAULTS = {
    "aurora": [
        None, "openai/401_invalid_api_key", "openai/400_context_length", "openai/500_server_error",
        "answer/html", "answer/truncated", "stream/cut", "openai/stream_error", "wire/reset",
        "answer/tool_json", "answer/another_model", "openai/200_content_filter",
    ],
    "borealis": [
        None, "anthropic/401_authentication", "anthropic/400_context_length",
        "anthropic/stream_error", "anthropic/200_refusal", "answer/bad_utf8",
    ],
}  # fmt: skip


def body(model: str, is_stream: bool) -> bytes:
    tool = {"type": "function", "function": {"name": f"{PROMPT}Tool", "parameters": {}}}
    asked = {"role": "user", "content": f"{PROMPT} text"}
    told = {"role": "system", "content": f"{PROMPT} system"}
    document = {"model": model, "messages": [told, asked], "tools": [tool], "stream": is_stream}
    return json.dumps({**document, "user": f"{PROMPT} user", "x": f"{PROMPT} x"}).encode()


def bad_requests(house: House) -> list[bytes]:
    good = body("aurora", is_stream=False)
    return [
        post(house, good[:-2]),
        post(house, good[:-1] + f',"{PROMPT}Key":1,"{PROMPT}Key":2}}'.encode()),
        post(house, body(f"{PROMPT}Model", is_stream=False)),
        post(house, json.dumps({"model": "aurora", "messages": f"{PROMPT} text"}).encode()),
        post(house, good, f"x-switchgear-class: {PROMPT}class"),
        post(house, good, f"content-encoding: {PROMPT}"),
        post(house, good, f"x-field: {PROMPT}", key=f"sg_{PROMPT}"),
        post(house, good, path=f"/v1/{PROMPT}?key={house.key}&prompt={PROMPT}"),
        get(f"/v1/models/{PROMPT}", f"authorization: Bearer {house.key}"),
        get(f"/v1/models?api_key={house.key}", f"x-api-key: {house.key}"),
        f"GET /{PROMPT} HTTP/1.1\r\n{PROMPT} {house.key}\r\n\r\n".encode(),
    ]


async def ask(house: House, sent: bytes) -> Reply:
    async with connect(house) as raw:
        return await raw.send(sent).reply()


@dataclass(slots=True)
class Found:
    """All that is kept or shown, by where it was."""

    keys: list[str] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    places: dict[str, bytes] = field(default_factory=dict)


@scenario
async def _play(found: Found) -> None:
    grid = Grid(gap_s=0.001, words=4)
    routes = {vendor: [vendor] for vendor in FAULTS}
    async with grid, House(grid, routes) as house:
        found.keys = [house.key, house.admin_key, *VENDOR_KEYS]
        for vendor, faults in FAULTS.items():
            for fault in faults:
                grid.heal()
                if fault is not None:
                    grid.fail(vendor, fault)
                for is_stream in (False, True):
                    for standing in house.standings():
                        _heal(standing.deployment)
                        _heal(standing.account)
                    found.replies.append(await ask(house, post(house, body(vendor, is_stream))))
            met = {request.fault for request in grid.log(vendor)}
            assert met == set(faults)
        found.replies += [await ask(house, sent) for sent in bad_requests(house)]
        await house.settle()
        for path in ("/metrics", "/admin/status", "/admin/supply", "/livez"):
            found.places[path] = (await ask_admin(house, path, key=house.admin_key)).body
        data = house.folder / "data"
        for file in data.rglob("*.jsonl"):
            found.places[f"journal {file.name}"] = file.read_bytes()
        assert house.gateway._archive.stop(), "all rows are in the store"
        for file in filter(Path.is_file, data.rglob("*")):
            found.places[f"kept {file.name}"] = file.read_bytes()


def _heal(element: Element) -> None:
    """As new, so that every fault is met."""
    element.breaker, element.fails, element.cool_until = Breaker.CLOSED, 0, 0.0
    element.restore()


def test_no_secret_and_no_prompt_is_kept_or_shown(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    found = Found()
    with caplog.at_level(logging.DEBUG):
        _play(found)
    out, err = capfd.readouterr()
    places = {
        **found.places,
        "log": "\n".join(f"{r.getMessage()} {r.exc_text or ''}" for r in caplog.records).encode(),
        "output": (out + err).encode(),
    }
    assert b'"x1"' in b"".join(data for name, data in places.items() if "journal" in name)
    assert any("sqlite" in name and b"aurora" in data for name, data in places.items())
    for place, data in places.items():
        for key in found.keys:
            assert key.encode() not in data, f"a key in {place}"
        assert PROMPT.encode() not in data, f"the prompt in {place}"


def test_no_error_repeats_a_secret_or_a_prompt() -> None:
    """It may name a member or a label that this very client has sent, and never a text."""
    found = Found()
    _play(found)
    assert {reply.status for reply in found.replies} >= {200, 400, 401, 404, 415, 503}
    for reply in found.replies:
        headers = str(reply.headers)
        # What a model says is the model's; keys are nobody's to say.
        told = b"" if reply.status == 200 else reply.body
        assert PROMPT not in headers and f"{PROMPT} ".encode() not in told
        for key in found.keys:
            assert key not in headers and key.encode() not in reply.body
