"""Writes the config folder that a run serves: the starter policies, and as many deployments and
rules more as the run asks for.

Every limit that a load test would meet before the thing it measures is raised; all features stay
as they are by default.
"""

import json
import secrets
import shutil
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from loadtests.workload import MODELS

IN_FLIGHT: Final = 8_000
_FACTS: Final = {
    "hosting": "on_prem", "network": "local", "processing": "DE", "storage": "DE", "law": "DE",
    "parent_law": "DE", "reachable_by": [], "subprocessors": [], "retention_days": 0, "dpa": True,
    "evidence": [{"source": "this machine", "as_of": "2026-11-24"}],
}  # fmt: skip
_PRICE: Final = {"currency": "EUR", "input": "1.00", "output": "2.00"}
_RULE: Final = """
@id("made-{number:02d}")
@reason("One more rule that every decision has to ask.")
@override("never")
forbid (principal, action, resource)
when {{
  context.tags.contains(DataTag::"export_controlled") &&
  context.subjects.may_touch.contains(Zone::"CN")
}}
unless {{
  resource.hosting == Hosting::"on_prem" ||
  (resource.vendor == "vendor-{number:02d}" && resource.processing.within in Zone::"EU")
}};
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A config folder and its data folder, under one root."""

    root: Path
    admin_key: str

    @property
    def config(self) -> Path:
        return self.root / "config"

    @property
    def data(self) -> Path:
        return self.root / "data"


def write_folder(
    root: Path, upstream: str, *, wide: int = 0, rules: int = 0, adaptor: str = "asgi"
) -> Folder:
    """Write `config/` under `root`, for the mock at `upstream` (`http://host:port`).

    `wide` deployments more stand behind the route `wide`; the policies have `rules` rules at
    least.
    """
    folder = Folder(root=root, admin_key=secrets.token_hex(16))
    shutil.rmtree(folder.config, ignore_errors=True)
    policies = folder.config / "policies"
    policies.mkdir(parents=True)
    for entry in (files("policies") / "packs" / "starter").iterdir():
        if entry.is_file():
            (policies / entry.name).write_bytes(entry.read_bytes())
    standing = sum(path.read_text().count("\n@id(") for path in policies.glob("*.cedar"))
    made = (_RULE.format(number=number) for number in range(max(0, rules - standing)))
    (policies / "40-made.cedar").write_text("// Rules for the load.\n" + "".join(made))
    key = folder.config / "admin.key"
    key.write_text(folder.admin_key)
    key.chmod(0o600)
    (folder.config / "gateway.yaml").write_text(json.dumps(_gateway(folder, adaptor)))
    (folder.config / "supply.yaml").write_text(json.dumps(_supply(upstream, wide)))
    return folder


def _gateway(folder: Folder, adaptor: str) -> dict[str, object]:
    loopback, key = {"host": "127.0.0.1", "port": 0}, f"file:{folder.config}/admin.key"
    return {
        "listen": {"data": {**loopback, "adaptor": adaptor}, "admin": {**loopback, "key": key}},
        "data_dir": str(folder.data),
        "log_level": "warning",
        "limits": {
            "in_flight": IN_FLIGHT,
            "in_flight_per_key": IN_FLIGHT,
            "bodies_total_bytes": "1 GiB",
        },
    }  # fmt: skip


def _supply(upstream: str, wide: int) -> dict[str, object]:
    account = {"base_url": f"{upstream}/v1", "fact_sheet": "self_hosted", "facts": _FACTS}
    deployments: dict[str, object] = {}
    routes: dict[str, object] = {}
    for model in MODELS:
        deployments[model] = _deployment("identity", model)
        deployments[f"{model}-messages"] = _deployment("messages", model)
        routes[model] = [model]
        routes[f"{model}-messages"] = [f"{model}-messages"]
    names = [f"wide-{number:03d}" for number in range(wide)]
    deployments |= {name: _deployment("identity", name) for name in names}
    if names:
        routes["wide"] = [names]
    return {
        "accounts": {
            "identity": {"vendor": "vllm", **account},
            "messages": {"vendor": "anthropic", **account},
        },
        "deployments": deployments,
        "routes": routes,
    }


def _deployment(account: str, model: str) -> dict[str, object]:
    return {
        "account": account,
        "model": model,
        "place": "default",
        "max_output_tokens": 4_096,
        "connections": IN_FLIGHT,
        "price": _PRICE,
    }
