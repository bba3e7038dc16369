"""The Dockerfile, as far as it can be held to the tree without an engine."""

import json
import re
import shlex
import socket
import subprocess
import sys
import threading
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest

from gateway.config.settings import PREFIX, Flags

ROOT = Path(__file__).parents[2]


class Instruction(NamedTuple):
    """One instruction, its lines joined."""

    name: str
    rest: str


def read_instructions() -> list[Instruction]:
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text("utf-8"), flags=re.M)
    lines = re.sub(r"\\\n", " ", text).splitlines()
    return [Instruction(*line.split(maxsplit=1)) for line in lines if line.strip()]


ALL = read_instructions()
LAST_FROM = max(number for number, found in enumerate(ALL) if found.name == "FROM")
RUNTIME = ALL[LAST_FROM:]


def rest_of(name: str, instructions: list[Instruction] = RUNTIME) -> list[str]:
    return [found.rest for found in instructions if found.name == name]


def test_both_stages_stand_on_the_same_base() -> None:
    """The virtual environment points at the interpreter that it was made with."""
    bases = [base.split()[0] for base in rest_of("FROM", ALL)]
    assert len(bases) == 2
    assert len(set(bases)) == 1


def test_the_base_has_a_python_that_the_project_supports() -> None:
    base = rest_of("FROM", ALL)[0]
    found = re.fullmatch(r"python:(\d+)\.(\d+)-slim-\w+ AS build", base)
    assert found
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    least = re.findall(r"\d+", project["requires-python"])
    assert [int(part) for part in found.groups()] >= [int(part) for part in least]
    folder = f"lib/python{found.group(1)}.{found.group(2)}/"
    assert set(re.findall(r"lib/python[\d.]+/", str(ALL))) == {folder}


def test_it_runs_as_a_number_that_is_not_root() -> None:
    (user,) = rest_of("USER")
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user)
    names = [found.name for found in RUNTIME]
    assert names.index("USER") < names.index("ENTRYPOINT")


def test_it_installs_by_hash_and_names_no_index() -> None:
    (install,) = [text for text in rest_of("RUN", ALL) if "pip install" in text]
    assert "--require-hashes" in install
    assert "-r requirements.lock" in install
    assert not re.search(r"://|index-url|find-links|trusted-host", str(ALL))


def test_it_copies_what_is_there_and_not_ignored() -> None:
    sources = [text.split()[0] for text in rest_of("COPY", ALL) if "--from" not in text]
    kept = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    assert set(sources) == kept
    assert [source for source in sources if not (ROOT / source).exists()] == []


def test_nothing_of_a_package_is_ignored_but_bytecode() -> None:
    """The starter pack has a folder `tests`, which `init` writes."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    ignored = [line for line in lines if line and line[0] not in "#!"]
    assert ignored == ["*", "**/__pycache__", "**/*.pyc"]


def test_it_copies_every_package_of_the_wheel() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    packages = set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
    assert packages == {text.split()[0] for text in rest_of("COPY", ALL) if "site-packages" in text}


def test_its_command_is_the_one_of_the_project() -> None:
    assert json.loads(rest_of("ENTRYPOINT")[0]) == ["switchgear"]
    assert json.loads(rest_of("CMD")[0]) == ["serve"]
    entry = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"][
        "switchgear"
    ]
    module, function = entry.split(":")
    assert f"from {module} import {function}\\n\\n{function}()" in str(rest_of("RUN", ALL)[1])


def test_every_setting_in_its_environment_exists() -> None:
    variables = {part.partition("=")[0] for part in shlex.split(rest_of("ENV")[0])}
    ours = {name.removeprefix(PREFIX).lower() for name in variables if name.startswith(PREFIX)}
    assert ours
    assert ours <= set(Flags.model_fields)


@pytest.mark.parametrize(
    ("status", "ends"),
    [pytest.param(b"200 OK", 0, id="alive"), pytest.param(b"503 No", 1, id="ill")],
)
def test_the_health_check_tells_alive_from_ill(status: bytes, ends: int) -> None:
    assert _check_health(status) == ends


def test_the_health_check_fails_when_nobody_listens() -> None:
    assert _check_health(None) == 1


def _check_health(status: bytes | None) -> int:
    """Run the check's own program against a listener that gives this status; None: nobody."""
    program = json.loads(rest_of("HEALTHCHECK")[0].partition(" CMD ")[2])
    assert program[:2] == ["python", "-c"]
    assert program[2].count("8081") == 1
    with socket.create_server(("127.0.0.1", 0)) as served:
        text = program[2].replace("8081", str(served.getsockname()[1]))
        if status is None:
            served.close()
        else:
            threading.Thread(target=_answer_once, args=(served, status), daemon=True).start()
        command = [sys.executable, "-c", text]
        return subprocess.run(
            command, stderr=subprocess.DEVNULL, check=False, timeout=20
        ).returncode


def _answer_once(served: socket.socket, status: bytes) -> None:
    connection, _ = served.accept()
    with connection:
        if connection.recv(4096).startswith(b"GET /livez "):
            connection.sendall(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\n\r\n")
