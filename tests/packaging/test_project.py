"""What pyproject.toml names, and that both locks pin all of it by hash and name no index."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCKS = ("requirements.lock", "requirements-dev.lock")
REQUIREMENT = re.compile(r"^([a-zA-Z0-9._-]+)==\S+")


def named(requirements: list[str]) -> set[str]:
    return {_canonical(re.split(r"[^a-zA-Z0-9._-]", text, maxsplit=1)[0]) for text in requirements}


def pinned(lock: str) -> dict[str, list[str]]:
    """The hashes of each pinned package."""
    return {
        _canonical(match.group(1)): re.findall(r"--hash=(\S+)", entry)
        for entry in _entries(lock)
        if (match := REQUIREMENT.match(entry))
    }


def _entries(lock: str) -> Iterator[str]:
    """One logical line a package, comments left out."""
    text = (ROOT / lock).read_text("utf-8").replace("\\\n", " ")
    yield from (line for line in text.splitlines() if line.strip() and line.lstrip()[0] != "#")


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_project_names_what_it_stands_on() -> None:
    needed = {"fastapi", "uvicorn", "httpx2", "pydantic-settings", "prometheus-client", "tenacity"}
    assert needed <= named(PROJECT["project"]["dependencies"])


def test_the_development_tools_are_a_group() -> None:
    assert "pytest-asyncio" in named(PROJECT["dependency-groups"]["dev"])


def test_vllm_is_an_extra_and_nothing_that_everybody_installs() -> None:
    assert named(PROJECT["project"]["optional-dependencies"]["vllm"]) == {"vllm"}
    assert "vllm" not in pinned("requirements.lock")


def test_the_command_is_switchgear() -> None:
    assert PROJECT["project"]["scripts"] == {"switchgear": "gateway.cli:main"}


def test_the_licence_is_the_one_of_the_file() -> None:
    assert PROJECT["project"]["license"] == "Apache-2.0"
    assert (ROOT / "LICENSE").read_text("utf-8").lstrip().startswith("Apache License")


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_of_a_lock_is_a_pin_with_hashes(lock: str) -> None:
    entries = list(_entries(lock))
    assert len(entries) == len(pinned(lock)) > 20
    assert [name for name, hashes in pinned(lock).items() if not hashes] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_hashes_are_sha256(lock: str) -> None:
    hashes = [found for hashes in pinned(lock).values() for found in hashes]
    assert [text for text in hashes if not re.fullmatch(r"sha256:[0-9a-f]{64}", text)] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_index(lock: str) -> None:
    text = (ROOT / lock).read_text("utf-8")
    assert (
        re.findall(r"://|--(?:extra-)?index-url|--find-links|--trusted-host|^-[if] ", text, re.M)
        == []
    )


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_pins_every_direct_dependency(lock: str) -> None:
    wanted = named(PROJECT["project"]["dependencies"])
    if lock == "requirements-dev.lock":
        wanted |= named(PROJECT["dependency-groups"]["dev"])
    assert wanted - set(pinned(lock)) == set()


def test_both_locks_pin_the_same_versions() -> None:
    """What is tested is what runs."""
    run, dev = ({entry.split()[0].rstrip(";") for entry in _entries(lock)} for lock in LOCKS)
    assert run - dev == set()
