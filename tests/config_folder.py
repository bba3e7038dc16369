"""Writes config folders for tests: the starter policies, and whatever text is given."""

import shutil
from collections.abc import Mapping
from importlib.resources import as_file, files
from pathlib import Path

from gateway.clock import Clock
from gateway.config.load import Loaded, load

SUPPLY = """\
accounts:
  main:
    vendor: openai
    credential: env:MAIN_KEY
  home: {vendor: vllm}
deployments:
  gpt:
    account: main
    model: gpt-6-mini
  qwen:
    account: home
    model: Qwen/Qwen3-8B
routes:
  chat: [gpt, qwen]
"""

CANARY = "CANARYsecret0123456789abcdefghij"
ENVIRONMENT: Mapping[str, str] = {"MAIN_KEY": CANARY}

# 2026-11-24 12:00 UTC: the shipped facts have not expired.
NOON = Clock(monotonic=lambda: 0.0, wall=lambda: 1_795_521_600.0)


def write_config(
    root: Path, *, supply: str | bytes = SUPPLY, gateway: str | bytes = "{}\n"
) -> Path:
    """A folder `config` below `root`; give its path."""
    folder = root / "config"
    with as_file(files("policies") / "packs" / "starter") as starter:
        shutil.copytree(starter, folder / "policies")
    for name, text in (("supply.yaml", supply), ("gateway.yaml", gateway)):
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def load_config(
    folder: Path, *, environment: Mapping[str, str] = ENVIRONMENT, clock: Clock = NOON
) -> Loaded:
    """Load it in an environment of its own at a fixed time."""
    return load(folder, None, environment, clock)
