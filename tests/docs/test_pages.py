"""Pages that list things list all of them, and every link between pages leads somewhere."""

import re
import tomllib
from pathlib import Path

import pytest

from gateway.practice.__main__ import DEFAULT_PORTS
from gateway.practice.faultbook import load_faults
from tests.docs.fenced import ROOT
from tests.docs.tables import read_rows, words

PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def packages(requirements: list[str]) -> set[str]:
    return {re.split(r"[^A-Za-z0-9._-]", text, maxsplit=1)[0] for text in requirements}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text("utf-8")) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_names_a_place_on_somebodys_machine(page: Path) -> None:
    assert re.findall(r"(?<![\w.])/(?:work|home|root)/\S*", page.read_text("utf-8")) == []


def test_every_page_is_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md" or not page.exists():
            continue
        reached.add(page)
        waiting += [
            (page.parent / link).resolve() for link in LINK.findall(page.read_text("utf-8"))
        ]
    assert [str(page.relative_to(ROOT)) for page in PAGES[2:] if page not in reached] == []


def test_every_dependency_is_explained_and_none_else() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    page = ROOT / "docs" / "explanation" / "dependencies.md"
    to_run = {word for row in read_rows(page, "package") if len(row) == 3 for word in words(row[0])}
    assert to_run == packages(project["project"]["dependencies"])
    to_develop = {
        word for row in read_rows(page, "package") if len(row) == 2 for word in words(row[0])
    }
    assert to_develop == packages(project["dependency-groups"]["dev"])


def test_every_extra_and_the_build_backend_are_explained() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    text = (ROOT / "docs" / "explanation" / "dependencies.md").read_text("utf-8")
    extras = project["project"]["optional-dependencies"].values()
    named = packages([requirement for extra in extras for requirement in extra])
    named |= packages(project["build-system"]["requires"])
    assert [name for name in named if f"`{name}`" not in text] == []


def test_the_files_that_a_request_passes_are_there() -> None:
    page = ROOT / "docs" / "explanation" / "architecture.md"
    for _, cell, *_ in read_rows(page, "step"):
        first, *others = words(cell)
        folder = (ROOT / first).parent
        assert [
            name
            for name in (first, *others)
            if not (ROOT / name).exists() and not (folder / name).exists()
        ] == []


def test_there_are_as_many_faults_as_the_readme_says() -> None:
    assert "200 and more other ways" in (ROOT / "README.md").read_text("utf-8")
    assert len(load_faults()) > 200


def test_the_ports_that_the_readme_names_are_those_of_the_practice_vendors() -> None:
    ports = sorted(DEFAULT_PORTS.values())
    assert ports == list(range(ports[0], ports[-1] + 1))
    assert f"{ports[0]} to {ports[-1]}" in (ROOT / "README.md").read_text("utf-8")
