"""Plain requests from the harness itself, in between the measured ones."""

import http.client
import json
import re
from collections.abc import Mapping
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

TIMEOUT_S: Final = 60.0

Samples = Mapping[str, float]


def ask(
    port: int, path: str, body: bytes | None, key: str, headers: Mapping[str, str] | None = None
) -> tuple[int, bytes]:
    """One request over a connection of its own; status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        fields = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        method = "GET" if body is None else "POST"
        connection.request(method, path, body, {**fields, **(headers or {})})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def scrape(admin_port: int) -> Samples:
    """Every sample of `/metrics` by its name and labels, as they are written there."""
    status, text = ask(admin_port, "/metrics", None, "")
    if status != 200:
        raise RuntimeError(f"/metrics answered {status}")
    return {
        _name(sample.name, sample.labels): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def written(mock_port: int) -> Mapping[str, int]:
    """What the mock has answered: requests and stream events."""
    counted: Mapping[str, int] = json.loads(ask(mock_port, "/figures", None, "")[1])
    return counted


def outcomes(samples: Samples) -> dict[str, float]:
    """Exchanges by how they ended."""
    found: dict[str, float] = {}
    for name, value in samples.items():
        match = re.match(r'switchgear_exchanges_total\{.*outcome="([^"]*)"', name)
        if match:
            found[match[1]] = found.get(match[1], 0.0) + value
    return found


def _name(name: str, labels: Mapping[str, str]) -> str:
    inner = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
    return f"{name}{{{inner}}}" if inner else name
