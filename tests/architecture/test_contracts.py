"""Every import contract is seen to fail: one offence is planted against each in a copy."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OFFENCES = {
    "gateway sits on top": ("policies/zones.py", "import providers.contract"),
    "providers and policies are sans-IO": ("providers/answers_as.py", "import asyncio"),
    "inside gateway, downhill only": ("gateway/supply/element.py", "import gateway.pipeline"),
    "only gateway.upstream talks": ("gateway/relay/whole.py", "import httpx2"),
    "the practice grid imports nothing": ("gateway/practice/text.py", "import providers.errors"),
    "nothing that serves knows": ("gateway/pipeline.py", "import gateway.practice"),
    "FastAPI is imported at the edges": ("gateway/relay/stream.py", "import fastapi"),
    "cedarpy stands behind": ("policies/table.py", "import cedarpy"),
    "no cycles among siblings": ("policies/errors.py", "import policies.engine"),
}


def lint(folder: Path) -> str:
    """The linter's own words, on one line each."""
    tool = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run(
        [tool, "--no-cache"], cwd=folder, capture_output=True, text=True, timeout=100
    )
    return re.sub(r"\s+", " ", result.stdout)


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("house")
    for package in ("gateway", "providers", "policies"):
        ignored = shutil.ignore_patterns("__pycache__", "*.yaml")
        shutil.copytree(ROOT / package, folder / package, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", folder)
    for file, offence in OFFENCES.values():
        with (folder / file).open("a") as module:
            module.write(f"\n{offence}\n")
    return lint(folder)


@pytest.mark.parametrize("contract", OFFENCES)
def test_contract_breaks_when_it_is_offended(broken: str, contract: str) -> None:
    after = broken.split("Contracts: ")[0].split(contract, 1)[1]
    assert re.search(r"\b(KEPT|BROKEN)\b", after).group(1) == "BROKEN"  # type: ignore[union-attr]


def test_every_contract_has_its_offence(broken: str) -> None:
    assert f"Contracts: 0 kept, {len(OFFENCES)} broken" in broken
